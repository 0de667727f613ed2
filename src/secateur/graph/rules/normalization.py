"""What do normalisations say? What is averaged over cannot shrink: its mean would be another one."""

from collections.abc import Iterator

from secateur.graph.relations import Operator, Product, Relation, Rule


def batch_norm(op: Operator) -> Iterator[Relation]:
    """Each channel for itself, with four numbers of its own."""
    x, y = op.input(0), op.outputs[0]
    yield from op.all_same(x, y)
    if op.attribute("training_mode", 0):
        yield from op.fix(y, [0, *range(2, len(op.shape(y)))], "averages over it")
    for vector in op.inputs[1:]:
        yield from op.same((vector, 0), (y, 1))


def instance_norm(op: Operator) -> Iterator[Relation]:
    """Each channel of each example for itself; averages run over the other axes."""
    x, y = op.input(0), op.outputs[0]
    yield from op.all_same(x, y)
    for vector in op.inputs[1:]:
        yield from op.same((vector, 0), (y, 1))
    yield from op.fix(y, range(2, len(op.shape(y))), "averages over it")


def layer_norm(op: Operator) -> Iterator[Relation]:
    """Averages run from `axis` on, and count every position there."""
    x, y = op.input(0), op.outputs[0]
    rank = len(op.shape(y))
    first = int(op.attribute("axis", -1)) % rank
    yield from op.all_same(x, y)
    yield from op.fix(y, range(first, rank), "averages over it")
    for vector in filter(None, op.inputs[1:]):
        shift = rank - len(op.shape(vector))
        for i in range(len(op.shape(vector))):
            yield from op.same((vector, i), (y, i + shift))


def group_norm(op: Operator) -> Iterator[Relation]:
    """Channels are (groups, channels of a group), averaged over the latter: whole groups can go."""
    x, y = op.input(0), op.outputs[0]
    channels, groups = op.shape(x)[1], int(op.attribute("num_groups"))
    yield from op.all_same(x, y)
    yield from op.fix(y, range(2, len(op.shape(y))), "averages over it")
    group, inside = op.factor("groups", groups), op.factor("inside", channels // groups)
    yield Product((y, 1), (group, inside))
    yield from op.fix(inside[0], [0], "averages over it")
    for vector in op.inputs[1:]:  # one number for each channel, for each group before opset 21
        yield from op.same((vector, 0), (y, 1) if op.shape(vector)[0] == channels else group)


def along_axis(op: Operator) -> Iterator[Relation]:
    """Softmax and the like: positions along `axis` compete with one another."""
    x, y = op.input(0), op.outputs[0]
    axis = int(op.attribute("axis", -1)) % len(op.shape(y))
    yield from op.all_same(x, y)
    yield from op.fix(y, [axis], "compares all of its positions")


def over_axes(op: Operator) -> Iterator[Relation]:
    """Mean and variance over the axes that are given."""
    x, y = op.input(0), op.outputs[0]
    yield from op.all_same(x, y)
    axes = {int(axis) % len(op.shape(y)) for axis in op.attribute("axes", (0, 2, 3))}
    yield from op.fix(y, sorted(axes), "averages over it")


def local_response(op: Operator) -> Iterator[Relation]:
    """Each channel is divided by its neighbours."""
    yield from op.all_same(op.input(0), op.outputs[0])
    yield from op.fix(op.outputs[0], [1], "mixes neighbouring channels")


NORMALIZATION: dict[str, Rule] = {
    "BatchNormalization": batch_norm,
    "InstanceNormalization": instance_norm,
    "LayerNormalization": layer_norm,
    "RMSNormalization": layer_norm,
    "GroupNormalization": group_norm,
    "LRN": local_response,
    "MeanVarianceNormalization": over_axes,
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax", "LpNormalization"), along_axis),
}
