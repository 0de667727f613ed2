"""What is a weight that is made of fewer or coarser numbers than it has elements?"""

from typing import Protocol

from torch import Tensor, nn


class Form(nn.Module):
    """A weight as a function of its variables.

    `forward()` answers the weight, differentiable in `parameters()`, which are what the optimizer
    trains. Removed elements are exactly +0.0, whatever the variables are.
    """

    def forward(self) -> Tensor:
        """The weight."""
        raise TypeError(f"{type(self).__name__} is abstract: a method answers a Form with a forward().")

    @property
    def scales(self) -> Tensor | None:
        """(rows,) distance of two neighbouring values in each row, where the values are on a grid."""
        return None


class Method(Protocol):
    """How is a weight made of fewer or coarser numbers?"""

    def __call__(self, weight: Tensor, mask: Tensor) -> Form:
        """The nearest form of `weight`; elements outside the boolean `mask` (same shape) stay zero."""

    @property
    def noun(self) -> str:
        """What the network is afterwards, for people: "shared", "rounded"."""


class Unchanged(Form):
    """Every element is a variable of its own; only what was removed stays zero."""

    mask: Tensor

    def __init__(self, weight: Tensor, mask: Tensor) -> None:
        super().__init__()
        self.latent = nn.Parameter(weight.detach().clone())
        self.register_buffer("mask", mask.clone())

    def forward(self) -> Tensor:
        """As it is."""
        return self.latent.masked_fill(~self.mask, 0)


def straight_through(value: Tensor, x: Tensor) -> Tensor:
    """`value`, with the gradient of `x` (straight-through estimator, arXiv 1308.3432).

    Exact: the term that carries the gradient is +0.0, which also turns -0.0 into +0.0.
    """
    return value.detach() + (x - x.detach())


def rounded(x: Tensor) -> Tensor:
    """The nearest whole numbers, with the gradient of the identity."""
    return straight_through(x.round(), x)
