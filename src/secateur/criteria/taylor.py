"""How much would the loss change without this weight, to first order?"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from secateur.core.protocols import Scores
from secateur.core.task import Calibration
from secateur.criteria.gradients import mean_over_batches


@dataclass(frozen=True)
class Taylor:
    """(gradient * weight)^2, averaged over batches (Molchanov et al., arXiv 1906.10771, eq. 8)."""

    def __call__(
        self, model: nn.Module, parameters: Mapping[str, Tensor], data: Calibration | None
    ) -> Scores:
        """Scores from at most `data.limit` batches, in evaluation mode; gradients are not left behind.

        Raises:
            RecipeError: there are no data.
            NumericalError: the loss of a batch is NaN or infinite.
        """
        return mean_over_batches(model, parameters, data, _change, criterion="taylor")


def _change(weight: Tensor, gradient: Tensor) -> Tensor:
    return (gradient * weight) ** 2
