"""Which operators name positions: where a stretch begins, how long parts are, which rows are picked?"""

from collections.abc import Iterator

import numpy as np

from secateur.graph.relations import Positions
from secateur.surgery.onnx.changes import Attribute, Change, Narrowed, Pick, Rule, Whole, entries
from secateur.surgery.onnx.kept import Stays

FIRST = -(2**63) + 1  # ONNX's end of a stretch that runs backwards and down to the first


def split(op: Narrowed) -> Iterator[Change]:
    """Sizes are an input from opset 13 on, an attribute before; without either, parts are equal."""
    parts = [value.name or "" for value in op.node.outputs]
    axis = int(op.attribute("axis", 0)) % len(op.before(parts[0]))
    sizes = [op.after(name)[axis] for name in parts]
    if op.input(1):
        yield from entries(op, 1, sizes)
    elif op.attribute("split") is not None or (op.opset < 13 and len(set(sizes)) > 1):
        yield Attribute("split", tuple(sizes))
    elif len(set(sizes)) > 1:
        yield Attribute("num_outputs", None)
        yield Whole(1, np.array(sizes, np.int64))


def slice_(op: Narrowed) -> Iterator[Change]:
    """Starts, ends and steps are counted in what is left."""
    x = op.input(0)
    rank = len(op.before(x))
    new = [op.holds(1), op.holds(2), op.holds(4) if op.input(4) else [1] * len(op.holds(1))]
    axes = op.holds(3) if op.input(3) else range(len(new[0]))
    for place, axis in enumerate(a % rank for a in axes):
        taken = np.arange(op.before(x)[axis])[slice(op.held(1)[place], op.held(2)[place], new[2][place])]
        left = renumbered(op.stays(x, axis), taken)
        size = op.after(x)[axis]
        if np.array_equal(left, np.arange(size)[slice(*(numbers[place] for numbers in new))]):
            continue  # it follows by itself
        stretch = _stretch(left)
        if stretch is None:
            yield Pick(axis, tuple(left.tolist()))
        for numbers, number in zip(new, stretch or (0, size, 1), strict=True):
            numbers[place] = number
    for index, numbers in zip((1, 2, 4) if op.input(4) else (1, 2), new, strict=False):
        yield from entries(op, index, numbers)


def renumbered(stays: Stays, positions: Positions) -> Positions:
    """Where those of the positions that stay are afterwards."""
    places: Positions = (np.cumsum(stays) - 1)[positions[stays[positions]]]
    return places


def _stretch(left: Positions) -> tuple[int, int, int] | None:
    """Start, end and step of a stretch, None where the positions are none."""
    if len(left) == 0:
        return 0, 0, 1
    step = int(left[1] - left[0]) if len(left) > 1 else 1
    if not np.array_equal(left, left[0] + step * np.arange(len(left))):
        return None
    end = int(left[-1]) + (1 if step > 0 else -1)
    return int(left[0]), end if end >= 0 else FIRST, step


def pad(op: Narrowed) -> Iterator[Change]:
    """How much comes before and after: of what is added, some may go; a negative number takes away."""
    x, y = op.input(0), op.output
    rank = len(op.before(x))
    axes = [a % rank for a in op.holds(3)] if op.input(3) else list(range(rank))
    was = op.held(1) if op.input(1) else list(op.attribute("pads"))  # an attribute before opset 11
    new = [_added(op.stays(x, a), op.stays(y, a), n) for a, n in zip(axes, was[: len(axes)], strict=True)]
    for a, n in zip(axes, was[len(axes) :], strict=True):
        new.append(_added(op.stays(x, a)[::-1], op.stays(y, a)[::-1], n))
    if op.input(1):
        yield from entries(op, 1, new)
    elif new != was:
        yield Attribute("pads", tuple(new))


def _added(x: Stays, y: Stays, amount: int) -> int:
    """At the beginning of an axis."""
    return int(y[:amount].sum()) if amount > 0 else -int(x[:-amount].sum()) if amount < 0 else 0


def gather(op: Narrowed) -> Iterator[Change]:
    """Rows keep their meaning, not their numbers; numbers of rows that are gone go as well."""
    x, indices, y = op.input(0), op.input(1), op.output
    axis = int(op.attribute("axis", 0)) % len(op.before(x))
    if not op.kept.loses(x) or op.stays(x, axis).all():
        return
    stays = op.stays(x, axis)
    picked = np.array(op.held(1)).reshape(op.before(indices)) % len(stays)
    for i in range(picked.ndim):
        picked = np.compress(op.stays(y, axis + i), picked, axis=i)
    if not stays[picked].all():
        raise op.refused(f"it picks positions of axis {axis} of {x} that are gone")
    yield Whole(1, (np.cumsum(stays) - 1)[picked])


INDEXING: dict[str, Rule] = {"Gather": gather, "Pad": pad, "Slice": slice_, "Split": split}
"""Operator -> what has to change."""
