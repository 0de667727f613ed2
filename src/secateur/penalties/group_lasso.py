"""Lengths of units are made smaller, the short ones most, until whole units are near zero."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from secateur.core.groups import Group
from secateur.errors import RecipeError
from secateur.penalties.unit_norms import pull, unit_norms, unit_size


@dataclass(frozen=True)
class GroupLasso:
    """Group lasso over coupled units (arXiv 1608.03665), harder on the weak (DepGraph, arXiv 2301.12900).

    penalty = strength * sum over groups and their units k of sqrt(size) * emphasis_k * |w_k|
    emphasis_k = 2^(alpha * (I_max - I_k) / (I_max - I_min)), I_k = |w_k|^2

    |w_k| is the length of all that unit k owns, `size` its number of elements; I_max and I_min are those of
    the group's units that are left. The emphasis is DepGraph's, and constant in the gradient. The pull does
    not become weaker as a unit gets shorter, so that it ends near zero and not merely small. Which units end
    there is for the training to say; the recipe's criterion is not asked.

    Attributes:
        strength: of the penalty, beside the loss.
        alpha: the weakest unit of a group feels 2^alpha times what the strongest does; 0 treats all alike
            and is plain group lasso.
    """

    strength: float = 1e-4
    alpha: float = 4.0

    def __post_init__(self) -> None:
        if not 0 < self.strength < math.inf:
            raise RecipeError(f"GroupLasso(strength={self.strength}): expected a finite number above 0.")
        if not 0 <= self.alpha < math.inf:
            raise RecipeError(f"GroupLasso(alpha={self.alpha}): expected a finite number, 0 or more.")

    def __call__(
        self,
        groups: Sequence[Group],
        weights: Mapping[str, Tensor],
        doomed: Mapping[str, Tensor],
        progress: float,
    ) -> dict[str, Tensor]:
        """Strength * sqrt(size) * emphasis * w / |w|, and 0 where the whole unit is."""
        norms = unit_norms(groups, weights)
        factors = {
            group.name: self.strength
            * math.sqrt(unit_size(group, weights))
            * (self._emphasis(norms[group.name]) / norms[group.name]).masked_fill(norms[group.name] == 0, 0)
            for group in groups
        }
        return pull(groups, weights, factors)

    def _emphasis(self, norms: Tensor) -> Tensor:
        """(units,) from 1 for the longest unit to 2^alpha for the shortest that is left."""
        importance = norms.square()
        largest = importance.max()
        smallest = importance.where(norms > 0, torch.inf).amin()
        spread = (largest - smallest).clamp(min=torch.finfo(norms.dtype).tiny)
        return torch.exp2(self.alpha * (largest - importance) / spread)
