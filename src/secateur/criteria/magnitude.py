"""Small weights matter least."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from secateur.core.precision import at_least_float32
from secateur.core.protocols import Scores
from secateur.core.task import Calibration
from secateur.errors import RecipeError


@dataclass(frozen=True)
class Magnitude:
    """|w|^p (Han et al., arXiv 1506.02626).

    For single elements p = 1 and p = 2 rank alike; in blocks the sum of |w| (L1) and of w^2 (L2) differ.
    """

    p: int = 1

    def __post_init__(self) -> None:
        if self.p not in (1, 2):
            raise RecipeError(f"Magnitude(p={self.p}): expected p = 1 (L1 norm) or p = 2 (L2 norm).")

    def __call__(
        self,
        model: nn.Module,
        parameters: Mapping[str, Tensor],
        data: Calibration | None,
    ) -> Scores:
        """|w|^p of each element; needs no data."""
        return {name: at_least_float32(w.detach()).abs() ** self.p for name, w in parameters.items()}
