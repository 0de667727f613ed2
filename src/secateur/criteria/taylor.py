"""How much would the loss change without this weight, to first order?"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from secateur.core.modes import evaluation_mode
from secateur.core.protocols import Scores
from secateur.core.task import Calibration
from secateur.errors import NumericalError, RecipeError


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
        if data is None:
            raise RecipeError(
                "The criterion 'taylor' needs batches and a loss. Pass data=Calibration(batches, "
                "loss), or choose 'magnitude', which needs none."
            )
        scores = {name: torch.zeros_like(w) for name, w in parameters.items()}
        count = 0
        with evaluation_mode(model), _gradients(parameters.values()):
            for batch in islice(data.batches(), data.limit):
                loss = data.loss(model, batch)
                if not bool(torch.isfinite(loss)):
                    raise NumericalError(f"The loss of calibration batch {count} is {float(loss.detach())}.")
                gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
                for (name, weight), gradient in zip(parameters.items(), gradients, strict=True):
                    if gradient is not None:
                        scores[name] += (gradient * weight.detach()) ** 2
                count += 1
        if not count:
            raise RecipeError("The criterion 'taylor' got no batch: task.batches() was empty.")
        return {name: score / count for name, score in scores.items()}


@contextmanager
def _gradients(parameters: Iterable[Tensor]) -> Iterator[None]:
    """Ask for gradients of frozen parameters too; they may be pruned like the others."""
    frozen = [parameter for parameter in parameters if not parameter.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)
