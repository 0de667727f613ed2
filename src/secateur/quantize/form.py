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


def rounded(x: Tensor) -> Tensor:
    """The nearest whole numbers, with the gradient of the identity (straight-through, arXiv 1308.3432).

    Exact: the term that carries the gradient is +0.0, which also turns a level of -0.0 into +0.0.
    """
    return x.detach().round() + (x - x.detach())
