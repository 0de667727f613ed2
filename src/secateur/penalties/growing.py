"""Units that are to go are pulled to zero, first gently and then ever harder."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from secateur.core.groups import Group
from secateur.errors import RecipeError
from secateur.penalties.unit_norms import pull, unit_norms

FAINT = 1e-12
"""Length below which a unit is as good as gone; pulled further, it would end in subnormal numbers."""


@dataclass(frozen=True)
class Growing:
    """Growing regularisation (GReg-1, Wang et al., arXiv 2012.09243).

    penalty = strength * progress / 2 * sum over doomed units k of |w_k|^2

    The units are chosen once, at the start, and the network learns to do without them step by step: when
    they are cut, little is left to lose. It wants time before the cut, such as `OneShot(at=0.5)` gives;
    schedules that begin to cut at once leave it little to do.

    Attributes:
        strength: the penalty's factor at the end; it grows from 0 in equal steps. Stable with plain SGD
            while strength * learning rate is below 1.
    """

    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.strength < math.inf:
            raise RecipeError(f"Growing(strength={self.strength}): expected a finite number above 0.")

    def __call__(
        self,
        groups: Sequence[Group],
        weights: Mapping[str, Tensor],
        doomed: Mapping[str, Tensor],
        progress: float,
    ) -> dict[str, Tensor]:
        """Strength * progress * w in doomed units, 0 in the others."""
        factors = {
            name: self.strength * progress * (doomed[name].to(norms.device) & (norms > FAINT)).to(norms.dtype)
            for name, norms in unit_norms(groups, weights).items()
        }
        return pull(groups, weights, factors)
