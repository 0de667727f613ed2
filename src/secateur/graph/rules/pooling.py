"""What do pooling and resizing say? Channels pass one by one; places are fixed."""

from collections.abc import Iterator

from secateur.graph.relations import Operator, Relation, Rule


def pooling(op: Operator) -> Iterator[Relation]:
    """(N, C, ...) -> (N, C, ...)."""
    x = op.input(0)
    for y in filter(None, op.outputs):
        for i in (0, 1):
            yield from op.same((x, i), (y, i))
        for name in (x, y):
            yield from op.fix(name, range(2, len(op.shape(name))))


def resize(op: Operator) -> Iterator[Relation]:
    """Axes that keep their size pass; the others are fixed."""
    x, y = op.input(0), op.outputs[0]
    for i, (before, after) in enumerate(zip(op.shape(x), op.shape(y), strict=True)):
        if before == after and i < 2:
            yield from op.same((x, i), (y, i))
        else:
            for name in (x, y):
                yield from op.fix(name, [i])


POOLING: dict[str, Rule] = {
    **dict.fromkeys(
        ("AveragePool", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "LpPool", "MaxPool"), pooling
    ),
    **dict.fromkeys(("Resize", "Upsample", "GridSample"), resize),
}
