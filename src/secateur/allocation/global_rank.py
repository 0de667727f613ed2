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

    Attributes:
        per_cost: rank by the score over what a unit takes along of the recipe's `measure`, so that a goal in
            multiply-adds is reached with the least loss of score (the knapsack's greedy rule). For criteria
            that estimate a loss, such as "gates".
    """

    per_cost: bool = False

    def __call__(self, groups: Sequence[ScoredGroup], remove: int) -> dict[str, int]:
        """Count how many of the `remove` lowest reachable units lie in each group."""
        scores = [self._ranked(g) for g in groups]
        counts = _lowest_of_all(groups, scores, remove)
        if all(counts[g.group.name] <= g.most for g in groups):
            return counts
        reachable = [
            s.masked_fill(~lowest(s, g.most), torch.inf) for s, g in zip(scores, groups, strict=True)
        ]
        return _lowest_of_all(groups, reachable, remove)

    def _ranked(self, group: ScoredGroup) -> Tensor:
        """A unit that takes nothing along has nothing to lose for: it goes last."""
        if not self.per_cost:
            return group.scores
        return (
            group.scores / group.cost
            if group.cost > 0
            else group.scores.masked_fill(~torch.isneginf(group.scores), torch.finfo(group.scores.dtype).max)
        )


def _lowest_of_all(groups: Sequence[ScoredGroup], scores: Sequence[Tensor], remove: int) -> dict[str, int]:
    """How many of the `remove` lowest scores lie in each group."""
    parts = torch.split(lowest(torch.cat(list(scores)), remove), [g.group.units for g in groups])
    return {g.group.name: int(part.sum()) for g, part in zip(groups, parts, strict=True)}
