"""Which network should a network that torch-pruning cut answer like?

The one before the cut, with zeros for all that its groups name. Which elements these are is seen by doing the
same to a copy whose elements are their own numbers. A normalisation over channels (LayerNorm, RMSNorm,
GroupNorm) sees zeros, so one that lost channels runs at its new width there as well, on the channels left.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from benchmarks.matrix.measures import answers
from torch import Tensor, nn


@dataclass(frozen=True)
class Step:
    """One thing that torch-pruning did: a function, called with a module or parameter and positions."""

    name: str
    handler: Callable[..., Any]
    dimension: int
    positions: list[int]
    parameter: bool

    def repeat_(self, model: nn.Module) -> None:
        """Do the same to another network of the same architecture."""
        self.handler.__self__.pruning_dim = self.dimension  # type: ignore[attr-defined]  # as they do
        if not self.parameter:
            self.handler(model.get_submodule(self.name), self.positions)
            return
        module = model.get_submodule(self.owner)
        name = self.name.rpartition(".")[2]
        setattr(module, name, self.handler(getattr(module, name), self.positions))

    @property
    def owner(self) -> str:
        """The module it changes."""
        return self.name.rpartition(".")[0] if self.parameter else self.name


class AtNewWidth(nn.Module):
    """A normalisation that lost channels, in a network that still has them: the others stay zero."""

    def __init__(self, narrow: nn.Module, kept: Tensor, width: int) -> None:
        super().__init__()
        self.narrow = narrow
        self.kept = kept
        self.width = width
        second = isinstance(narrow, nn.GroupNorm) or "2d" in type(narrow).__name__
        self.axis = 1 if second else -1

    def forward(self, x: Tensor) -> Tensor:
        """What the narrow one answers to the channels it has."""
        if x.shape[self.axis] != self.width:
            raise ValueError(f"{self.width} channels are not along axis {self.axis} of {tuple(x.shape)}")
        y: Tensor = self.narrow(x.index_select(self.axis, self.kept))
        return torch.zeros(x.shape, dtype=y.dtype).index_copy(self.axis, self.kept, y)


@torch.no_grad()
def masked_network(
    dense: nn.Module, cut: nn.Module, steps: Sequence[Step], inputs: tuple[Tensor, ...]
) -> nn.Module | None:
    """`dense` with zeros in place, or None where no such network can be told.

    Args:
        dense: the network before the cut.
        cut: after it.
        steps: what was done, in order.
        inputs: to try the result with.
    """
    left = _left(dense, steps)
    for name, parameter in dense.named_parameters():
        gone = torch.ones(parameter.numel(), dtype=torch.bool)
        gone[left[name].flatten()] = False
        parameter.masked_fill_(gone.view(parameter.shape), 0.0)
    for name in dict.fromkeys(step.owner for step in steps):
        kind = type(dense.get_submodule(name)).__name__
        if "Std" in kind:  # a convolution that standardises its weights over the channels it reads
            return None
        if "Norm" in kind and "BatchNorm" not in kind and "InstanceNorm" not in kind:
            norm = _at_new_width(name, dense, cut, left)
            if norm is None:
                return None
            dense.set_submodule(name, norm)
    try:
        answers(dense, inputs)
    except Exception:  # a normalisation of another kind than those known here
        return None
    return dense


def _left(dense: nn.Module, steps: Sequence[Step]) -> dict[str, Tensor]:
    """Parameter -> the numbers of its elements that are left, in the cut parameter's shape."""
    numbered = copy.deepcopy(dense)
    for parameter in numbered.parameters():
        parameter.data = torch.arange(parameter.numel(), dtype=torch.float64).view(parameter.shape)
    for step in steps:
        step.repeat_(numbered)
    return {name: parameter.detach().long() for name, parameter in numbered.named_parameters()}


def _at_new_width(name: str, dense: nn.Module, cut: nn.Module, left: dict[str, Tensor]) -> AtNewWidth | None:
    """None without a parameter that tells which channels are left."""
    norm = dense.get_submodule(name)
    for own, parameter in norm.named_parameters(recurse=False):
        if max(parameter.shape) == parameter.numel():  # one number for each channel
            kept = left[f"{name}.{own}"].flatten()
            return AtNewWidth(copy.deepcopy(cut.get_submodule(name)), kept, parameter.numel())
    return None
