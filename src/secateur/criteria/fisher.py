"""How much would the loss change without this weight, to second order?"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from secateur.core.protocols import Scores
from secateur.core.task import Calibration
from secateur.criteria.gradients import mean_over_batches


@dataclass(frozen=True)
class Fisher:
    """weight^2 * E[g^2] / 2, with the gradient g of one example.

    That is what optimal brain damage (LeCun et al., 1990) says a weight is worth, where the Fisher
    diagonal stands for the Hessian's (Theis et al., arXiv 1801.05787). With the gradient of a batch
    instead, it would be half of `Taylor`, and the examples' opposite gradients would cancel. So every
    example is given a sign by chance before its share goes back through the network: the square of the
    sum is then, on average, the sum of the squares.

    The first axis of the network's outputs must be the batch, and the loss an average over it. A network
    that answers the loss itself gets the gradients of batches.
    """

    def __call__(
        self, model: nn.Module, parameters: Mapping[str, Tensor], data: Calibration | None
    ) -> Scores:
        """Scores from at most `data.limit` batches, in evaluation mode; gradients are not left behind.

        Raises:
            RecipeError: there are no data.
            NumericalError: the loss of a batch is NaN or infinite.
        """
        with _signed_examples(model):
            return mean_over_batches(model, parameters, data, _saliency, criterion="fisher")


def _saliency(weight: Tensor, gradient: Tensor) -> Tensor:
    return (gradient * weight) ** 2 / 2


@contextmanager
def _signed_examples(model: nn.Module) -> Iterator[None]:
    """Gradients that come back to the outputs of each call are signed; the hook is gone afterwards."""
    calls = count()

    def sign(_: nn.Module, __: Any, outputs: Any) -> Any:
        seed = next(calls)  # the same signs whenever the criterion is called
        return tree_map_only(Tensor, lambda output: _signed(output, seed), outputs)

    hook = model.register_forward_hook(sign)
    try:
        yield
    finally:
        hook.remove()


def _signed(output: Tensor, seed: int) -> Tensor:
    """A copy whose gradient is multiplied by a sign per example, and by sqrt(n): n times the mean counts.

    A copy, so that an output which others are made of is signed once; one seed for all outputs of a call,
    so that an example has the same sign in each.
    """
    if not output.requires_grad or not output.dim():
        return output
    n = len(output)
    coins = torch.randint(2, (n,), generator=torch.Generator().manual_seed(seed)).to(output)
    factors = ((2 * coins - 1) * n**0.5).reshape(-1, *[1] * (output.dim() - 1))
    copy = output.clone()
    copy.register_hook(lambda gradient: gradient * factors)  # type: ignore[no-untyped-call]
    return copy
