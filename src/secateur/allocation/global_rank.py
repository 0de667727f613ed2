"""The least important units of the whole network, wherever they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from secateur.core.groups import ScoredGroup
from secateur.core.select import lowest


@dataclass(frozen=True)
class GlobalRank:
    """One ranking over all groups (Han et al., arXiv 1506.02626, with one threshold for all layers).

    The most important `units - most` of each group are out of reach, so no layer is emptied.
    """

    def __call__(self, groups: Sequence[ScoredGroup], remove: int) -> dict[str, int]:
        """Count how many of the `remove` lowest reachable units lie in each group."""
        counts = _lowest_of_all(groups, [g.scores for g in groups], remove)
        if all(counts[g.group.name] <= g.most for g in groups):
            return counts
        reachable = [g.scores.masked_fill(~lowest(g.scores, g.most), torch.inf) for g in groups]
        return _lowest_of_all(groups, reachable, remove)


def _lowest_of_all(groups: Sequence[ScoredGroup], scores: Sequence[Tensor], remove: int) -> dict[str, int]:
    """How many of the `remove` lowest scores lie in each group."""
    parts = torch.split(lowest(torch.cat(list(scores)), remove), [g.group.units for g in groups])
    return {g.group.name: int(part.sum()) for g, part in zip(groups, parts, strict=True)}
