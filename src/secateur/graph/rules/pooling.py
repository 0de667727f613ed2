"""What do pooling and resizing say? Channels pass one by one; places are fixed."""

from collections.abc import Iterator

from secateur.graph.relations import Operator, Relation, Rule


def pooling(op: Operator) -> Iterator[Relation]:
    """(N, C, ...) -> (N, C, ...)."""
    x = op.input(0)
    if len(op.outputs) > 1:
        yield from op.fix(op.outputs[1], [1], "numbers the positions of all channels")
    for y in filter(None, op.outputs):
        for i in (0, 1):
            yield from op.same((x, i), (y, i))
        for name in (x, y):
            yield from op.fix(name, range(2, len(op.shape(name))), "pools along it")


def resize(op: Operator) -> Iterator[Relation]:
    """Axes that keep their size pass; the others are fixed."""
    x, y = op.input(0), op.outputs[0]
    for i, (before, after) in enumerate(zip(op.shape(x), op.shape(y), strict=True)):
        if before == after and i < 2:
            yield from op.same((x, i), (y, i))
        else:
            for name in (x, y):
                yield from op.fix(name, [i], "resizes it")


def at_places(op: Operator) -> Iterator[Relation]:
    """GridSample and RoiAlign read X (N, C, ...) at places that the second input says."""
    x, y = op.input(0), op.outputs[0]
    yield from op.same((x, 1), (y, 1))
    for name in (x, y):
        yield from op.fix(name, [0, *range(2, len(op.shape(name)))], "reads it at given places")
    for name in op.inputs[1:]:
        yield from op.fix(name, range(len(op.shape(name))), "takes places from it")


POOLING: dict[str, Rule] = {
    **dict.fromkeys(
        ("AveragePool", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "LpPool", "MaxPool"), pooling
    ),
    **dict.fromkeys(("Resize", "Upsample"), resize),
    **dict.fromkeys(("GridSample", "RoiAlign", "MaxRoiPool"), at_places),
}
