"""The least important units of the whole network, wherever they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from secateur.core.groups import ScoredGroup
from secateur.core.select import lowest


@dataclass(frozen=True)
class GlobalRank:
    """One ranking over all groups (Han et al., arXiv 1506.02626, with one threshold for all layers).

    The most important `units - most` of each group are out of reach, so no layer is emptied.
    """

    def __call__(self, groups: Sequence[ScoredGroup], remove: int) -> dict[str, int]:
        """Count how many of the `remove` lowest reachable units lie in each group."""
        reachable = [g.scores.masked_fill(~lowest(g.scores, g.most), torch.inf) for g in groups]
        gone = lowest(torch.cat(reachable), remove)
        parts = torch.split(gone, [g.group.units for g in groups])
        return {g.group.name: int(part.sum()) for g, part in zip(groups, parts, strict=True)}
