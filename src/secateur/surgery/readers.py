"""Which layers make a channel, which read it, and between which bounds do these read it?"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from secateur.core.groups import Group, Member
from secateur.core.modes import layer_input
from secateur.surgery.answers import Inputs, answers

Range = tuple[Tensor, Tensor]
"""The lowest and the highest value of each channel."""


def role(model: nn.Module, member: Member) -> str:
    """Whether a tensor makes a channel, reads it, scales or shifts it; "other" where that is not known."""
    owner = owner_of(model, member)
    if len(member.shape) == 1:
        return "vector"
    if isinstance(owner, (nn.Linear, nn.modules.conv._ConvNd)):
        transposed = getattr(owner, "transposed", False)
        makes = member.axis == (1 if transposed else 0)
        plain = not transposed and getattr(owner, "groups", 1) == 1
        return "maker" if makes else "reader" if plain else "other"
    return "maker" if member.axis == 0 else "other"


def owner_of(model: nn.Module, member: Member) -> nn.Module:
    """The module that has the tensor."""
    return model.get_submodule(member.tensor.rpartition(".")[0])


@torch.no_grad()
def recorded(masked: nn.Module, groups: Sequence[Group], given: Sequence[Inputs]) -> dict[nn.Module, Range]:
    """Layer that reads channels -> the range of each channel it reads; layers never called are left out."""
    ranges: dict[nn.Module, Range] = {}
    with ExitStack() as stack:
        for layer in dict.fromkeys(_readers(masked, groups)):
            stack.callback(layer.register_forward_pre_hook(partial(_note, ranges), with_kwargs=True).remove)
        for inputs in given:
            answers(masked, inputs)
    return ranges


def _readers(model: nn.Module, groups: Sequence[Group]) -> Iterator[nn.Module]:
    for group in groups:
        for member in group.members:
            if not member.buffer and role(model, member) == "reader":
                yield owner_of(model, member)


def _note(ranges: dict[nn.Module, Range], layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Channels are the last axis for a Linear, the one before the places for a convolution."""
    x = layer_input(args, kwargs).detach().double()
    places = layer.weight.dim() - 2
    columns = x.movedim(x.dim() - 1 - places, 0).reshape(layer.weight.shape[1], -1)
    low, high = columns.amin(1).cpu(), columns.amax(1).cpu()
    if layer in ranges:
        low, high = torch.minimum(low, ranges[layer][0]), torch.maximum(high, ranges[layer][1])
    ranges[layer] = low, high
