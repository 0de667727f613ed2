"""How long is each unit's weight vector, and what is the gradient of a penalty on that length?

A unit's vector is all that it owns of the group's tensors: rows of the layers that make a channel, its biases
and normalisation, columns of the layers that read it. Where it owns an element along two axes, as in a
recurrent layer, the element counts twice, in the length and in the gradient.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from secateur.core.groups import Group, Member
from secateur.core.precision import at_least_float32


def unit_size(group: Group, weights: Mapping[str, Tensor]) -> int:
    """Elements of one unit's vector."""
    return sum(
        _positions(m).shape[1] * math.prod(m.shape) // m.shape[m.axis]
        for m in group.members
        if m.tensor in weights
    )


def unit_norms(groups: Sequence[Group], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Group -> (units,) the root of the sum of squares, 0 for units that are gone."""
    squares: dict[tuple[str, int], Tensor] = {}  # of each row or column, which several groups may share out
    norms: dict[str, Tensor] = {}
    for group in groups:
        sums = []
        for m in group.members:
            if m.tensor in weights:
                key = (m.tensor, m.axis)
                if key not in squares:
                    squares[key] = _squares(weights[m.tensor], m.axis)
                sums.append(squares[key][_positions(m).to(squares[key].device)].sum(dim=1))
        norms[group.name] = torch.stack(sums).sum(dim=0).sqrt()
    return norms


def pull(
    groups: Sequence[Group], weights: Mapping[str, Tensor], factors: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Weight -> factor * weight, in its shape and type, summed over the units that own an element.

    Args:
        groups: some of a network's.
        weights: by name; members without one, such as buffers, are passed over.
        factors: group -> (units,).
    """
    along: dict[str, dict[int, Tensor]] = {}
    for group in groups:
        for m in group.members:
            if m.tensor in weights:
                positions, factor = _positions(m), factors[group.name]
                axes = along.setdefault(m.tensor, {})
                line = axes.setdefault(m.axis, factor.new_zeros(m.shape[m.axis]))
                each = factor.repeat_interleave(positions.shape[1])
                line.index_add_(0, positions.flatten().to(line.device), each)
    return {name: _scaled(weights[name], axes) for name, axes in along.items()}


def _scaled(weight: Tensor, axes: Mapping[int, Tensor]) -> Tensor:
    """The weight times the sum of the factors of its rows, columns and so on."""
    factor = torch.zeros((), device=weight.device)
    for axis, line in axes.items():
        factor = factor + line.reshape([-1 if i == axis else 1 for i in range(weight.dim())])
    return (weight.detach() * factor).to(weight.dtype)


def _squares(weight: Tensor, axis: int) -> Tensor:
    """(size of the axis,) in single precision at least: squares of half floats overflow."""
    squares = at_least_float32(weight.detach()).square()
    others = [i for i in range(weight.dim()) if i != axis]
    return squares.sum(dim=others) if others else squares


def _positions(member: Member) -> Tensor:
    assert member.positions is not None, "channels have positions"
    return member.positions
