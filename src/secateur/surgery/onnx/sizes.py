"""Which operators name the sizes of what they make, and which count groups, heads or hidden units?"""

from collections.abc import Iterator

from secateur.surgery.onnx.changes import Change, Narrowed, Rule, attribute, entries


def reshape(op: Narrowed) -> Iterator[Change]:
    """-1 follows by itself, and 0 where the input has the size at the same place."""
    x, y = op.after(op.input(0)), op.after(op.output)
    copies = 0 if op.attribute("allowzero", 0) else len(x)
    follows = [
        n == -1 or (n == 0 and i < copies and x[i] == size)
        for i, (n, size) in enumerate(zip(op.holds(1), y, strict=True))
    ]
    same = zip(op.holds(1), y, follows, strict=True)
    yield from entries(op, 1, [n if follow else size for n, size, follow in same])


def expand(op: Narrowed) -> Iterator[Change]:
    """The shape is aligned from the last axis; 1 leaves an axis as it is."""
    there = op.holds(1)
    sizes = op.after(op.output)[-len(there) :] if there else ()
    yield from entries(op, 1, [n if n == 1 else size for n, size in zip(there, sizes, strict=True)])


def constant_of_shape(op: Narrowed) -> Iterator[Change]:
    """All positions are alike."""
    yield from entries(op, 0, op.after(op.output))


def tile(op: Narrowed) -> Iterator[Change]:
    """How often, not how many."""
    sizes = zip(op.after(op.input(0)), op.after(op.output), strict=True)
    yield from entries(op, 1, [y // x if x else 1 for x, y in sizes])


def resize(op: Narrowed) -> Iterator[Change]:
    """Only where sizes are given; scales are 1 for channels."""
    if op.input(3):
        y = op.after(op.output)
        yield from entries(op, 3, [y[a] for a in op.attribute("axes") or range(len(y))])


def conv(op: Narrowed) -> Iterator[Change]:
    """X (N, C, ...) * W (O, C / groups, ...)."""
    inside = op.after(op.input(1))[1]
    yield from _groups(op, op.after(op.input(0))[1], inside)


def conv_transpose(op: Narrowed) -> Iterator[Change]:
    """W (C, O / groups, ...) -> Y (N, O, ...)."""
    inside = op.after(op.input(1))[1]
    yield from _groups(op, op.after(op.output)[1], inside)


def _groups(op: Narrowed, channels: int, inside: int) -> Iterator[Change]:
    if op.attribute("group", 1) > 1:
        if channels % inside:
            raise op.refused(f"{channels} channels would be left for groups of {inside}")
        yield from attribute(op, "group", channels // inside)


def group_norm(op: Narrowed) -> Iterator[Change]:
    """Each group keeps its channels."""
    x = op.input(0)
    inside = op.before(x)[1] // op.attribute("num_groups")
    yield from attribute(op, "num_groups", op.after(x)[1] // inside)


def recurrent(op: Narrowed) -> Iterator[Change]:
    """R (directions, gates * hidden, hidden)."""
    yield from attribute(op, "hidden_size", op.after(op.input(2))[2])


def attention(op: Narrowed) -> Iterator[Change]:
    """Heads lie along an axis of their own, or are counted; each keeps its width."""
    for index, name in ((0, "q_num_heads"), (1, "kv_num_heads")):
        yield from _heads(op, index, name)


def rotary(op: Narrowed) -> Iterator[Change]:
    """As of attention; 0 where they are not counted."""
    yield from _heads(op, 0, "num_heads")


def _heads(op: Narrowed, index: int, name: str) -> Iterator[Change]:
    before, after = op.before(op.input(index)), op.after(op.input(index))
    heads = op.attribute(name, 0)
    if len(before) == 3 and heads:
        yield from attribute(op, name, after[2] // (before[2] // heads))


def made_up(op: Narrowed) -> Iterator[Change]:
    """A constant that is no initializer has nothing that could be cut."""
    if op.kept.loses(op.output):
        raise op.refused("it makes numbers of its own, of which some would go")
    yield from ()


SIZES: dict[str, Rule] = {
    "Attention": attention,
    "Reshape": reshape,
    "Expand": expand,
    "ConstantOfShape": constant_of_shape,
    "Tile": tile,
    "Resize": resize,
    **dict.fromkeys(("Conv", "DeformConv"), conv),
    "ConvTranspose": conv_transpose,
    "GroupNormalization": group_norm,
    "RotaryEmbedding": rotary,
    **dict.fromkeys(("GRU", "LSTM", "RNN"), recurrent),
    **dict.fromkeys(("Constant", "EyeLike", "Range"), made_up),
}
"""Operator -> what has to change."""
