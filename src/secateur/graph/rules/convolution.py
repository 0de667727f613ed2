"""What do convolutions say: whole, grouped, depthwise and transposed?"""

from collections.abc import Iterator

from secateur.graph.relations import Operator, Product, Relation, Rule, Same


def conv(op: Operator) -> Iterator[Relation]:
    """X (N, C, ...) * W (O, C / groups, ...) + B (O) -> Y (N, O, ...)."""
    yield from _channels(op, out_axis=0, in_axis=1)


def conv_transpose(op: Operator) -> Iterator[Relation]:
    """X (N, C, ...) * W (C, O / groups, ...) + B (O) -> Y (N, O, ...)."""
    yield from _channels(op, out_axis=1, in_axis=0)


def _channels(op: Operator, out_axis: int, in_axis: int, bias: int = 2) -> Iterator[Relation]:
    x, w, y = op.input(0), op.input(1), op.outputs[0]
    yield from op.same((x, 0), (y, 0))
    for name in (x, w, y):
        yield from op.fix(name, range(2, len(op.shape(name))), "slides a kernel along it")
    if op.input(bias):
        yield from op.same((op.input(bias), 0), (y, 1))
    groups = int(op.attribute("group", 1))
    if groups == 1:
        yield from op.same((x, 1), (w, in_axis))
        yield from op.same((y, 1), (w, out_axis))
    else:
        yield from _grouped(op, groups, out_axis, in_axis)


def _grouped(op: Operator, groups: int, out_axis: int, in_axis: int) -> Iterator[Relation]:
    """Channels are (groups, channels of a group); either factor can lose positions, not both.

    Whole groups go where there are many, and equally many channels of each where groups are wide: whichever
    leaves the finer choice.
    """
    x, w, y = op.input(0), op.input(1), op.outputs[0]
    inside, outside = op.shape(x)[1] // groups, op.shape(y)[1] // groups
    group = op.factor("groups", groups)
    reads, makes = op.factor("reads", inside), op.factor("makes", outside)
    yield Product((x, 1), (group, reads))
    yield Product((y, 1), (group, makes))
    # Axis 0 of the weight runs over all groups, axis 1 within one, on whichever side that is.
    yield Same((w, 0), (y if out_axis == 0 else x, 1))
    yield Same((w, 1), reads if in_axis == 1 else makes)
    whole = min(inside, outside) == 1 or groups >= max(inside, outside)
    does = f"loses whole groups, of which there are {groups}" if whole else f"keeps its {groups} groups"
    for name in (reads[0], makes[0]) if whole else (group[0],):
        yield from op.fix(name, [0], does)


def deform_conv(op: Operator) -> Iterator[Relation]:
    """X, W, offset (N, offset groups * kernel * 2, ...), B, mask -> Y; offset groups stay."""
    x, y = op.input(0), op.outputs[0]
    yield from _channels(op, out_axis=0, in_axis=1, bias=3)
    for name in filter(None, (op.input(2), op.input(4))):
        yield from op.same((name, 0), (y, 0))
        yield from op.fix(name, range(1, len(op.shape(name))), "takes places from it")
    shifted = int(op.attribute("offset_group", 1))
    if shifted > 1:
        together = op.factor("offset groups", shifted)
        yield from op.fix(together[0], [0], f"keeps its {shifted} groups of offsets")
        yield Product((x, 1), (together, op.factor("shifted together", op.shape(x)[1] // shifted)))


CONVOLUTION: dict[str, Rule] = {"Conv": conv, "ConvTranspose": conv_transpose, "DeformConv": deform_conv}
