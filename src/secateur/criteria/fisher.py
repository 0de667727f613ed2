"""How much would the loss change without this weight, to second order?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from secateur.core.protocols import Scores
from secateur.core.task import Calibration
from secateur.criteria.gradients import mean_over_batches
from secateur.errors import RecipeError

Loss: TypeAlias = Callable[[nn.Module, Any], Tensor]


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
            RecipeError: there are no data, or the loss does not call the network as model(...).
            NumericalError: the loss of a batch is NaN or infinite.
        """
        signs = _Signs()
        hook = model.register_forward_hook(signs.of_outputs)
        try:
            signed = None if data is None else replace(data, loss=signs.of_batches(data.loss))
            return mean_over_batches(model, parameters, signed, _saliency, criterion="fisher")
        finally:
            hook.remove()


def _saliency(weight: Tensor, gradient: Tensor) -> Tensor:
    return (gradient * weight) ** 2 / 2


class _Signs:
    """An example has one sign in all outputs of all calls that its batch's loss makes."""

    def __init__(self) -> None:
        self.batch = -1  # counted from 0: the same signs whenever the criterion is called
        self.calls = 0

    def of_batches(self, loss: Loss) -> Loss:
        """The loss, with signs of their own for each batch."""

        def signed(model: nn.Module, batch: Any) -> Tensor:
            self.batch, self.calls = self.batch + 1, 0
            value = loss(model, batch)
            if not self.calls:
                raise RecipeError(
                    "The criterion 'fisher' tells examples apart by what the network answers, and the loss "
                    "never called model(...). Call the network itself in it, or choose 'taylor'."
                )
            return value

        return signed

    def of_outputs(self, _: nn.Module, __: Any, outputs: Any) -> Any:
        """A forward hook: gradients that come back to the outputs are signed."""
        self.calls += 1

        def signed(value: Any) -> Any:
            return tree_map_only(Tensor, lambda output: _signed(output, self.batch), value)

        unknown = any(leaf is outputs for leaf in tree_leaves(outputs))  # not taken apart
        if unknown and is_dataclass(outputs) and not isinstance(outputs, type):
            own = {
                field.name: signed(getattr(outputs, field.name)) for field in fields(outputs) if field.init
            }
            return replace(outputs, **own)
        return signed(outputs)


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
