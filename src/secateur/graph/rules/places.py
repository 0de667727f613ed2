"""What do operators say that read or write at places that a tensor of whole numbers names?"""

from collections.abc import Iterator

from secateur.graph.relations import Operator, Relation, Rule

PICKS = "picks from it by number"


def gather_nd(op: Operator) -> Iterator[Relation]:
    """Y (batch, places, rest) = X (batch, k picked axes, rest) at indices (batch, places, k)."""
    x, indices, y = op.input(0), op.input(1), op.outputs[0]
    batch, places = int(op.attribute("batch_dims", 0)), len(op.shape(indices)) - 1
    picked = op.shape(indices)[-1]
    yield from op.fix(x, range(batch, batch + picked), PICKS)
    yield from op.fix(indices, [places], "takes places from it")
    for i in range(batch):
        yield from op.same((x, i), (y, i))
    for i in range(places):
        yield from op.same((indices, i), (y, i))
    for i in range(batch + picked, len(op.shape(x))):
        yield from op.same((x, i), (y, i - batch - picked + places))


def scatter_nd(op: Operator) -> Iterator[Relation]:
    """Y is X, but for updates (places, rest) at indices (places, k) of its first k axes."""
    x, indices, updates, y = op.input(0), op.input(1), op.input(2), op.outputs[0]
    places, picked = len(op.shape(indices)) - 1, op.shape(indices)[-1]
    yield from op.all_same(x, y)
    yield from op.fix(x, range(picked), "writes to it by number")
    yield from op.fix(indices, [places], "takes places from it")
    for i in range(places):
        yield from op.same((indices, i), (updates, i))
        yield from op.fix(updates, [i], "writes it by number")
    for i in range(picked, len(op.shape(x))):
        yield from op.same((updates, i - picked + places), (x, i))


def elements(op: Operator) -> Iterator[Relation]:
    """GatherElements and ScatterElements: along one axis by number, along the others place by place."""
    x = op.input(0)
    others = [*op.inputs[1:], op.outputs[0]]
    axis = int(op.attribute("axis", 0)) % len(op.shape(x))
    for name in (x, *others):
        yield from op.fix(name, [axis], PICKS)
    for name in others:
        yield from op.all_same(x, name, but=[axis])


def top_k(op: Operator) -> Iterator[Relation]:
    """Positions along the axis compete; the largest are answered, with their numbers."""
    x = op.input(0)
    axis = int(op.attribute("axis", -1)) % len(op.shape(x))
    for name in filter(None, (x, *op.outputs)):
        yield from op.fix(name, [axis], "compares all of its positions")
        yield from op.all_same(x, name, but=[axis])


def one_hot(op: Operator) -> Iterator[Relation]:
    """A new axis has one position for each number that there can be."""
    indices, y = op.input(0), op.outputs[0]
    axis = int(op.attribute("axis", -1)) % len(op.shape(y))
    yield from op.fix(y, [axis], "has a position for each number")
    for i in range(len(op.shape(indices))):
        yield from op.same((indices, i), (y, i if i < axis else i + 1))


def triangle(op: Operator) -> Iterator[Relation]:
    """Trilu: which positions are zero depends on their numbers, in the last two axes."""
    x, y = op.input(0), op.outputs[0]
    rank = len(op.shape(y))
    yield from op.all_same(x, y)
    yield from op.fix(y, (rank - 2, rank - 1), "keeps a triangle of it")


PLACES: dict[str, Rule] = {
    "GatherND": gather_nd,
    "ScatterND": scatter_nd,
    **dict.fromkeys(("GatherElements", "ScatterElements"), elements),
    "TopK": top_k,
    "OneHot": one_hot,
    "Trilu": triangle,
}
