"""What do sums, means and the like over whole axes say?"""

from collections.abc import Iterator

from secateur.graph.relations import Operator, Relation, Rule


def reduction(op: Operator) -> Iterator[Relation]:
    """The axes that are reduced are fixed; the others pass."""
    x, y = op.input(0), op.outputs[0]
    rank = len(op.shape(x))
    given = op.attribute("axes")
    axes = list(given) if given is not None else (op.numbers(1) if op.input(1) else None)
    if axes is None and op.input(1):
        yield from op.fix_all("takes its axes from the input")
        return
    if not axes and op.attribute("noop_with_empty_axes", 0):
        axes = []
    elif not axes:
        axes = list(range(rank))
    yield from _reduced(op, x, y, {a % rank for a in axes})


def arg_reduction(op: Operator) -> Iterator[Relation]:
    """ArgMax and ArgMin: numbers of positions are the answer."""
    x, y = op.input(0), op.outputs[0]
    yield from _reduced(op, x, y, {int(op.attribute("axis", 0)) % len(op.shape(x))})


def cumulative(op: Operator) -> Iterator[Relation]:
    """Each position along the axis is the sum of those before."""
    x, y = op.input(0), op.outputs[0]
    yield from op.all_same(x, y)
    axes = op.numbers(1)
    fixed = range(len(op.shape(x))) if axes is None else [axes[0] % len(op.shape(x))]
    yield from op.fix(y, fixed, "sums along it")


def _reduced(op: Operator, x: str, y: str, axes: set[int]) -> Iterator[Relation]:
    kept = int(op.attribute("keepdims", 1))
    yield from op.fix(x, sorted(axes), DOES.get(op.node.op_type, "compares all of its positions"))
    place = 0
    for i in range(len(op.shape(x))):
        if i not in axes:
            yield from op.same((x, i), (y, i if kept else place))
            place += 1


DOES = {"ReduceMean": "averages over it", "ReduceSum": "sums over it", "ReduceL2": "sums its squares"}
KINDS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")

REDUCTION: dict[str, Rule] = {
    **{f"Reduce{kind}": reduction for kind in KINDS},
    **dict.fromkeys(("ArgMax", "ArgMin"), arg_reduction),
    "CumSum": cumulative,
}
