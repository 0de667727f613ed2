"""How do connected positions become groups with names, and which widths are left over?"""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from secateur.core.groups import Group, Member
from secateur.graph.relations import Axis, Positions

Labels = Mapping[Axis, Positions]
Shapes = Mapping[str, tuple[int, ...]]
Makers = Callable[[Iterable[int]], Mapping[int, tuple[int, str]]]
NOWHERE = (sys.maxsize, "")


@dataclass(frozen=True)
class Width:
    """A width of a weight that cannot change."""

    tensor: str
    axis: int
    size: int
    reason: str


def groups_of(
    labels: Labels, shapes: Shapes, heads: Positions, buffers: Collection[str], makers: Makers
) -> tuple[Group, ...]:
    """Units that touch the same axes equally often are one group, named after the layer that makes them.

    Args:
        labels: (tensor, axis) -> unit of each position, 0 where it cannot go.
        shapes: of the tensors.
        heads: units that are attention heads.
        buffers: tensors that are cut, but neither scored nor masked.
        makers: some units -> for each that a layer makes, its place in the network and its weight.
    """
    kinds = _kinds(labels)
    members: dict[int, list[Member]] = {}
    numbers: dict[int, Positions] = {}
    for (tensor, axis), label in labels.items():
        order = np.argsort(label, kind="stable")
        kind = kinds[label[order]]
        for k in np.unique(kind[kind > 0]).tolist():
            own = order[kind == k]
            numbers.setdefault(k, np.unique(label[own]))
            positions = torch.from_numpy(own.reshape(len(numbers[k]), -1))
            member = Member(tensor, shapes[tensor], axis, positions, tensor in buffers)
            members.setdefault(k, []).append(member)
    groups = [k for k, own in members.items() if len(numbers[k]) > 1 and not all(m.buffer for m in own)]
    first = {k: int(numbers[k][0]) for k in groups}
    made = makers(first.values())
    groups.sort(key=lambda k: (made.get(first[k], NOWHERE)[0], first[k]))
    names = _unique(_name(members[k], made.get(first[k], NOWHERE)[1]) for k in groups)
    return tuple(
        Group(
            name,
            len(numbers[k]),
            tuple(members[k]),
            "heads" if np.isin(numbers[k], heads).any() else "channels",
        )
        for name, k in zip(names, groups, strict=True)
    )


def _kinds(labels: Labels) -> Positions:
    """(units + 1,) number of each unit's group, from 1 on, by the axes that it touches and how often.

    Groups are split, axis by axis, into units that occur in it equally often.
    """
    kinds = np.zeros(1 + max((int(label.max()) for label in labels.values()), default=0), np.int64)
    following = 1
    for label in labels.values():
        units, counts = np.unique(label[label > 0], return_counts=True)
        if len(units):
            _, part = np.unique(kinds[units] * (counts.max() + 1) + counts, return_inverse=True)
            kinds[units] = following + part
            following += int(part.max()) + 1
    return kinds


def _name(members: Sequence[Member], maker: str) -> str:
    """The layer that makes the channels, else the first that has them as rows."""
    tensors = [m.tensor for m in members]
    rows = [m.tensor for m in members if m.axis == 0 and len(m.shape) > 1 and not m.buffer]
    return (maker if maker in tensors else [*rows, *tensors][0]).removesuffix(".weight")


def _unique(names: Iterable[str]) -> Iterator[str]:
    """Each name once; later ones get a number."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}#{seen[name]}"


def fixed_widths(
    groups: Iterable[Group], tensors: Iterable[str], shapes: Shapes, reason: Callable[[Axis], str]
) -> tuple[Width, ...]:
    """The rows and columns of weights that are in no group, and why."""
    free: dict[Axis, NDArray[np.bool_]] = {}
    for group in groups:
        for m in group.members:
            assert m.positions is not None, "channels have positions"
            there = free.setdefault((m.tensor, m.axis), np.zeros(m.shape[m.axis], bool))
            there[m.positions.flatten().numpy()] = True
    found = []
    for tensor in tensors:
        for axis in range(min(2, len(shapes[tensor]))) if len(shapes[tensor]) > 1 else ():
            size = shapes[tensor][axis]
            left = size - int(free.get((tensor, axis), np.zeros(1, bool)).sum())
            if left and size > 1:
                found.append(Width(tensor, axis, left, reason((tensor, axis))))
    return tuple(found)
