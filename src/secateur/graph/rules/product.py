"""What do matrix products say: what is summed over, what passes, and what are heads?"""

from collections.abc import Iterator

from secateur.graph.relations import Axis, Heads, Operator, Relation, Rule


def matmul(op: Operator) -> Iterator[Relation]:
    """A (..., M, K) @ B (..., K, N) -> Y (..., M, N), as numpy.matmul does it."""
    a, b, y = op.input(0), op.input(1), op.outputs[0]
    ranks = {name: len(op.shape(name)) for name in (a, b, y)}
    columns = ranks[b] > 1
    yield from _summed(op, (a, ranks[a] - 1), (b, ranks[b] - 2 if columns else 0))
    if ranks[a] > 1:
        yield from op.same((a, ranks[a] - 2), (y, ranks[y] - 1 - columns))
    if columns:
        yield from op.same((b, ranks[b] - 1), (y, ranks[y] - 1))
    heads = not {a, b} & op.constant
    for name, matrix in ((a, 2 if ranks[a] > 1 else 1), (b, 2 if columns else 1)):
        shift = ranks[y] - (columns + (ranks[a] > 1)) - (ranks[name] - matrix)
        for i in range(ranks[name] - matrix):
            yield from op.same((name, i), (y, i + shift))
            if heads:
                yield Heads((name, i))


def gemm(op: Operator) -> Iterator[Relation]:
    """A (M, K) @ B (K, N) + C -> Y (M, N), with A or B transposed where the node says so."""
    a, b, c, y = op.input(0), op.input(1), op.input(2), op.outputs[0]
    flip_a, flip_b = int(op.attribute("transA", 0)), int(op.attribute("transB", 0))
    yield from _summed(op, (a, 1 - flip_a), (b, flip_b))
    yield from op.same((a, flip_a), (y, 0))
    yield from op.same((b, 1 - flip_b), (y, 1))
    if c:
        shift = 2 - len(op.shape(c))
        for i in range(len(op.shape(c))):
            yield from op.same((c, i), (y, i + shift))


def einsum(op: Operator) -> Iterator[Relation]:
    """One letter, one axis; what is summed over and what is a head follows from where it stands."""
    equation = str(op.attribute("equation", "")).replace(" ", "")
    terms, _, result = equation.partition("->")
    letters = terms.split(",")
    if "." in equation or "->" not in equation or any(len(set(t)) < len(t) for t in [*letters, result]):
        yield from op.fix_all(f"has an equation that is not understood: {equation}")
        return
    places: dict[str, list[Axis]] = {}
    for name, term in zip([*op.inputs, op.outputs[0]], [*letters, result], strict=True):
        for i, letter in enumerate(term):
            places.setdefault(letter, []).append((name, i))
    activations = not set(op.inputs) & op.constant
    for letter, axes in places.items():
        for axis in axes[1:]:
            yield from op.same(axes[0], axis)
        if letter not in result and (activations or len(axes) == 1):
            yield from op.fix(*_one(axes[0]), "sums over it")
        elif activations and len(axes) == len(op.inputs) + 1:
            yield Heads(axes[0])


def _summed(op: Operator, a: Axis, b: Axis) -> Iterator[Relation]:
    """A weight's columns can be removed; where two activations meet, nothing says that both are zero."""
    yield from op.same(a, b)
    if not {a[0], b[0]} & op.constant:
        yield from op.fix(*_one(a), "sums products of two activations over it")


def _one(axis: Axis) -> tuple[str, list[int]]:
    return axis[0], [axis[1]]


PRODUCT: dict[str, Rule] = {"MatMul": matmul, "Gemm": gemm, "Einsum": einsum}
