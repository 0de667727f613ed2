"""What does attention say as one operator: heads go whole, with the keys and values they share?"""

from collections.abc import Iterator

from secateur.graph.relations import Axis, Heads, Operator, Product, Relation, Rule, Same


def attention(op: Operator) -> Iterator[Relation]:
    """Q (N, heads, L, E), K and V (N, shared, S, E) -> Y (N, heads, L, E), or flat, (N, L, heads * E).

    Several heads of Q in a row share one of K and V.
    """
    heads, shared = _heads(op, 0, "q_num_heads"), _heads(op, 1, "kv_num_heads")
    keys = op.factor("heads of keys", shared)
    every: Axis = op.factor("heads", heads)
    again = op.factor("heads that share", heads // shared)
    yield Product(every, (keys, again))
    yield from op.fix(again[0], [0], f"shares keys among {heads // shared} heads")
    yield Heads(every)
    yield Heads(keys)
    for place, name in ((0, op.input(0)), (0, op.outputs[0]), (1, op.input(1)), (1, op.input(2))):
        yield from _split(op, name, keys if place else every)
    for name in filter(None, (op.input(4), op.input(5), *op.outputs[1:3])):
        yield Same((name, 1), keys)
        yield from op.fix(name, [0, 2, 3], "sums over it, or compares all of its positions")
    if len(op.outputs) > 3 and op.outputs[3]:
        yield Same((op.outputs[3], 1), every)
    yield from _mask(op, every)


def _heads(op: Operator, index: int, name: str) -> int:
    shape = op.shape(op.input(index))
    return shape[1] if len(shape) == 4 else int(op.attribute(name))


def _split(op: Operator, name: str, heads: Axis) -> Iterator[Relation]:
    """Which axis, or which factor of the last, the heads are; the others stay."""
    shape = op.shape(name)
    if len(shape) == 4:
        yield from _one(op, (name, 1), heads)
        yield from op.fix(name, [0, 2, 3], "sums over it, or compares all of its positions")
        return
    inside = op.factor(f"width of {name}", shape[2] // op.sizes[heads])
    yield Product((name, 2), (heads, inside))
    yield from op.fix(inside[0], [0], "sums over it")
    yield from op.fix(name, [0, 1], "compares all of its positions")


def _mask(op: Operator, heads: Axis) -> Iterator[Relation]:
    mask = op.input(3)
    rank = len(op.shape(mask))
    for i, size in enumerate(op.shape(mask)):
        if i == rank - 3 and size == op.sizes[heads]:
            yield from _one(op, (mask, i), heads)
        else:
            yield from op.fix(mask, [i], "compares all of its positions")


def _one(op: Operator, axis: Axis, heads: Axis) -> Iterator[Relation]:
    if op.sizes[heads] > 1:
        yield Same(axis, heads)


def rotary(op: Operator) -> Iterator[Relation]:
    """X (N, heads, L, E), or (N, L, heads * E), turned by tables (L, E / 2)."""
    x, y = op.input(0), op.outputs[0]
    yield from op.all_same(x, y)
    for table in op.inputs[1:]:
        yield from op.fix(table, range(len(op.shape(table))), "turns by it")
    heads = int(op.attribute("num_heads", 0))
    if len(op.shape(x)) == 4 or not heads:
        yield from op.fix(y, [len(op.shape(y)) - 1], "turns pairs of its positions")
        return
    inside = op.factor("width", op.shape(x)[2] // heads)
    yield Product((y, 2), (op.factor("heads", heads), inside))
    yield from op.fix(inside[0], [0], "turns pairs of its positions")


ATTENTION: dict[str, Rule] = {"Attention": attention, "RotaryEmbedding": rotary}
