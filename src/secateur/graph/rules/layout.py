"""What do operators say that only lay numbers out anew: Reshape, Transpose, Expand, pixel shuffle?"""

import math
from collections.abc import Iterator, Sequence

from secateur.graph.relations import Axis, Operator, Product, Relation, Repeated, Rule, Same


def reshape(op: Operator) -> Iterator[Relation]:
    """Both shapes are products of common factors where there are any; (3 * 4, 5) and (3, 4 * 5) are."""
    x, y = op.input(0), op.outputs[0]
    before = [(x, i) for i, size in enumerate(op.shape(x)) if size != 1]
    after = [(y, i) for i, size in enumerate(op.shape(y)) if size != 1]
    for k, (some, others) in enumerate(_runs(op, before, after)):
        yield from regrouped(op, some, others, f"run {k}")


def _runs(
    op: Operator, before: Sequence[Axis], after: Sequence[Axis]
) -> Iterator[tuple[list[Axis], list[Axis]]]:
    """The shortest runs of axes on both sides with the same number of elements."""
    left, right = list(before), list(after)
    while left and right:
        some, others = [left.pop(0)], [right.pop(0)]
        while (a := _elements(op, some)) != (b := _elements(op, others)):
            if a < b and left:
                some.append(left.pop(0))
            elif b < a and right:
                others.append(right.pop(0))
            else:  # elements of size 0, or a shape that the run did not tell
                return
        yield some, others


def regrouped(op: Operator, some: list[Axis], others: list[Axis], name: str) -> Iterator[Relation]:
    """Two runs of axes with the same elements in the same order."""
    if len(some) == len(others) == 1:
        yield Same(some[0], others[0])
        return
    sizes = common_factors([_size(op, a) for a in some], [_size(op, a) for a in others])
    if sizes is None:
        does = f"cuts across {tuple(_size(op, a) for a in some)}"
        for value, place in [*some, *others]:
            yield from op.fix(value, [place], does)
        return
    factors = [op.factor(f"{name} factor {i}", size) for i, size in enumerate(sizes)]
    for side in (some, others):
        rest = list(factors)
        for axis in side:
            own = [rest.pop(0)]
            while math.prod(op.sizes[f] for f in own) < _size(op, axis):
                own.append(rest.pop(0))
            yield Same(axis, own[0]) if len(own) == 1 else Product(axis, tuple(own))


def common_factors(before: Sequence[int], after: Sequence[int]) -> list[int] | None:
    """The sizes that both shapes are made of, (12, 5) and (3, 20) -> [3, 4, 5]; None where there are none."""
    left, right, factors = list(before), list(after), []
    while left and right:
        size = min(left[0], right[0])
        if left[0] % size or right[0] % size:
            return None
        factors.append(size)
        for side in (left, right):
            side[0] //= size
            if side[0] == 1:
                side.pop(0)
    return factors


def transpose(op: Operator) -> Iterator[Relation]:
    """Axis i of the output is axis perm[i] of the input."""
    x, y = op.input(0), op.outputs[0]
    rank = len(op.shape(x))
    for i, j in enumerate(op.attribute("perm", tuple(reversed(range(rank))))):
        yield from op.same((x, j), (y, i))


def expand(op: Operator) -> Iterator[Relation]:
    """Axes of size 1 are repeated; how often is a constant of the network, which may count heads: of a mask.

    Where what is repeated is a constant itself, such as the zeros that a recurrent layer starts from, its
    positions are alike, and fewer of them will do.
    """
    x, y = op.input(0), op.outputs[0]
    shift = len(op.shape(y)) - len(op.shape(x))
    for i, size in enumerate(op.shape(y)):
        if i >= shift and op.shape(x)[i - shift] == size:
            yield from op.same((x, i - shift), (y, i))
        elif x not in op.constant:
            yield Repeated((y, i), f"{op.described()} repeats {size} times")


def tile(op: Operator) -> Iterator[Relation]:
    """An axis that is repeated is (repeats, axis)."""
    x, y = op.input(0), op.outputs[0]
    for i, (size, tiled) in enumerate(zip(op.shape(x), op.shape(y), strict=True)):
        if size == tiled:
            yield from op.same((x, i), (y, i))
            continue
        repeats = op.factor(f"repeats {i}", tiled // size)
        yield from op.fix(repeats[0], [0], f"repeats {tiled // size} times")
        yield Product((y, i), (repeats, (x, i))) if size > 1 else Same((y, i), repeats)


def depth_to_space(op: Operator) -> Iterator[Relation]:
    """Channels of the input are (C, b, b) in mode CRD, (b, b, C) in mode DCR."""
    x, y = op.input(0), op.outputs[0]
    square = op.factor("square", int(op.attribute("blocksize")) ** 2)
    wide = op.attribute("mode", "DCR") == "CRD"
    yield Product((x, 1), ((y, 1), square) if wide else (square, (y, 1)))
    yield from _only_channels(op, square)


def space_to_depth(op: Operator) -> Iterator[Relation]:
    """Channels of the output are (b, b, C)."""
    x, y = op.input(0), op.outputs[0]
    square = op.factor("square", int(op.attribute("blocksize")) ** 2)
    yield Product((y, 1), (square, (x, 1)))
    yield from _only_channels(op, square)


def _only_channels(op: Operator, square: Axis) -> Iterator[Relation]:
    x, y = op.input(0), op.outputs[0]
    yield from op.same((x, 0), (y, 0))
    yield from op.fix(square[0], [0], "needs whole squares")
    for name in (x, y):
        yield from op.fix(name, [2, 3], "keeps height and width")


def _size(op: Operator, axis: Axis) -> int:
    return op.shape(axis[0])[axis[1]]


def _elements(op: Operator, axes: Sequence[Axis]) -> int:
    return math.prod(_size(op, axis) for axis in axes)


LAYOUT: dict[str, Rule] = {
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), reshape),
    "Transpose": transpose,
    "Expand": expand,
    "Tile": tile,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
}
