"""What do operators say that join, split, pick or pad positions?"""

from collections.abc import Iterator

import numpy as np

from secateur.graph.relations import Map, Operator, Product, Relation, Rule, Same
from secateur.graph.rules.layout import regrouped


def concat(op: Operator) -> Iterator[Relation]:
    """Each input owns a stretch of the output's axis."""
    y = op.outputs[0]
    axis = int(op.attribute("axis")) % len(op.shape(y))
    start = 0
    for x in op.inputs:
        size = op.shape(x)[axis]
        yield Map((x, axis), (y, axis), np.arange(size), np.arange(start, start + size))
        yield from op.all_same(x, y, but=[axis])
        start += size


def split(op: Operator) -> Iterator[Relation]:
    """Equal parts lose the same positions each, since code that asks for n parts gets equal ones."""
    x = op.input(0)
    axis = int(op.attribute("axis", 0)) % len(op.shape(x))
    sizes = [op.shape(y)[axis] for y in op.outputs]
    equal = len(set(sizes)) == 1 and len(sizes) > 1
    part = op.factor("part", sizes[0])
    if equal:
        parts = op.factor("parts", len(sizes))
        yield from op.fix(parts[0], [0], f"makes {len(sizes)} parts")
        yield Product((x, axis), (parts, part))
    start = 0
    for y, size in zip(op.outputs, sizes, strict=True):
        if equal:
            yield Same((y, axis), part)
        else:
            yield Map((y, axis), (x, axis), np.arange(size), np.arange(start, start + size))
        yield from op.all_same(y, x, but=[axis])
        start += size


def slice_(op: Operator) -> Iterator[Relation]:
    """A stretch of the input; where it is not known which, the sliced axes are fixed."""
    x, y = op.input(0), op.outputs[0]
    starts, ends = op.numbers(1), op.numbers(2)
    rank = len(op.shape(x))
    if starts is None or ends is None:
        axes = op.numbers(3) if op.input(3) else None
        sliced = {a % rank for a in axes} if axes is not None else set(range(rank))
        for name in (x, y):
            yield from op.fix(name, sliced, "depends on the input")
        yield from op.all_same(x, y, but=sliced)
        return
    axes = (op.numbers(3) if op.input(3) else None) or list(range(len(starts)))
    steps = (op.numbers(4) if op.input(4) else None) or [1] * len(starts)
    taken = {a % rank: slice(s, _end(e), t) for a, s, e, t in zip(axes, starts, ends, steps, strict=True)}
    for axis, where in taken.items():
        size = op.shape(x)[axis]
        at = np.arange(size)[where]
        if len(at) == size and where.step > 0:
            yield from op.same((x, axis), (y, axis))
        else:
            yield Map((x, axis), (y, axis), at, np.arange(len(at)))
    yield from op.all_same(x, y, but=taken)


def _end(end: int) -> int | None:
    """ONNX writes "down to the first" as a very negative number, which Python would count from the end."""
    return None if end < -(2**31) + 1 else end


def gather(op: Operator) -> Iterator[Relation]:
    """Rows of a table by number, an embedding or one of several parts: which rows there are is fixed."""
    x, indices, y = op.input(0), op.input(1), op.outputs[0]
    axis = int(op.attribute("axis", 0)) % len(op.shape(x))
    inserted = len(op.shape(indices))
    for i in range(len(op.shape(x))):
        if i != axis:
            yield from op.same((x, i), (y, i if i < axis else i + inserted - 1))
    if _each_in_turn(op, op.shape(x)[axis]):
        laid_out = [(y, axis + i) for i in range(inserted) if op.shape(indices)[i] > 1]
        yield from regrouped(op, [(x, axis)], laid_out, "rows")
        return
    yield from op.fix(x, [axis], "picks from it by number")
    for i in range(inserted):
        yield from op.same((indices, i), (y, axis + i))


def _each_in_turn(op: Operator, size: int) -> bool:
    """Whether the indices are 0, 1, 2 ...: then rows are laid out anew, as a view of their memory is."""
    indices = op.array(1)
    return indices is not None and size > 1 and np.array_equal(indices.ravel(), np.arange(size))


def pad(op: Operator) -> Iterator[Relation]:
    """An axis that grows is fixed: how much is a constant of the network."""
    x, y = op.input(0), op.outputs[0]
    for i, (before, after) in enumerate(zip(op.shape(x), op.shape(y), strict=True)):
        if before == after:
            yield from op.same((x, i), (y, i))
        else:
            for name in (x, y):
                yield from op.fix(name, [i], f"pads {before} to {after}")


INDEXING: dict[str, Rule] = {
    "Concat": concat,
    "Split": split,
    "Slice": slice_,
    "Gather": gather,
    "Pad": pad,
}
