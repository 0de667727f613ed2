"""Which operators read elements at places that a table holds?"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from secateur.compiler.code import Code, literal
from secateur.compiler.loops import Walk, loops, strides_of
from secateur.compiler.program import Tensor

Reach = Callable[[NDArray[np.int64], int], NDArray[np.int64]]


def _outside_is_constant(places: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return np.where((places < 0) | (places >= size), -1, places)


def _mirrored(places: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    there_and_back = max(1, 2 * size - 2)
    turned = places % there_and_back
    return np.where(turned >= size, there_and_back - turned, turned)


MODES: Mapping[str, Reach] = {
    "constant": _outside_is_constant,
    "edge": lambda places, size: np.clip(places, 0, size - 1),
    "reflect": _mirrored,
    "wrap": lambda places, size: places % size,
}
"""ONNX's name -> where an element outside comes from; -1 is the constant."""


def pad(code: Code) -> None:
    """Sizes that are constants, negative ones too; modes constant, edge, reflect and wrap."""
    op, x, y = code.op, code.op.input(0), code.op.output
    before = _before(code)
    reach = op.choice("mode", MODES, "constant")
    tables: list[str] = []
    walks = [Walk(strides_of(y)), Walk(_strides_elsewhere(x, before, y))]
    terms, outside = ["{1}"], []
    for axis, (xs, ys) in enumerate(zip(x.shape, y.shape, strict=True)):
        if before[axis] == 0 and xs == ys:
            continue
        places = reach(np.arange(ys) - before[axis], xs)
        tables.append(code.constant((places * strides_of(x)[axis]).astype(np.int32), "places"))
        at = f"{tables[-1]}[{{{len(walks)}}}]"
        walks.append(Walk(tuple(int(other == axis) for other in range(len(y.shape)))))
        terms.append(at)
        outside += [f"{at} < 0"] if (places < 0).any() else []
    value = f"x0[{' + '.join(terms)}]"
    text = f"({' || '.join(outside)}) ? {_value(code)} : {value}" if outside else value
    for line in loops(y.shape, walks, f"y0[{{0}}] = {text};"):
        code.line(line)


def _strides_elsewhere(x: Tensor, before: list[int], y: Tensor) -> tuple[int, ...]:
    """Of the axes that are not padded: those that are stand in tables."""
    sizes = zip(strides_of(x), before, x.shape, y.shape, strict=True)
    return tuple(stride if b == 0 and xs == ys else 0 for stride, b, xs, ys in sizes)


def _before(code: Code) -> list[int]:
    """What is added in front of each axis."""
    op, rank = code.op, len(code.op.input(0).shape)
    pads = [int(p) for p in (op.constant(1) if op.optional(1) is not None else op.get("pads", ()))]
    axes = op.constant(3) if op.optional(3) is not None else np.arange(rank)
    before = [0] * rank
    for axis, size in zip(axes, pads[: len(pads) // 2], strict=True):
        before[int(axis)] = size
    return before


def _value(code: Code) -> str:
    op = code.op
    given = op.optional(2)
    if given is None:
        return literal(float(op.get("value", 0.0)))
    if given.array is None or given.dtype != np.float32:
        return "x2[0]"
    return literal(float(given.array.reshape(-1)[0]))


def gather(code: Code) -> None:
    """Along any axis; indices may be computed, or negative; those outside read the edge."""
    op, x, y = code.op, code.op.input(0), code.op.output
    axis = op.get("axis", 0) % len(x.shape)
    indices = op.input(1)
    own, rank = strides_of(x), len(indices.shape)
    walks = [
        Walk(strides_of(y)),
        Walk((*own[:axis], *[0] * rank, *own[axis + 1 :])),
        Walk((*[0] * axis, *strides_of(indices), *[0] * (len(own) - axis - 1))),
    ]
    _gathered(code, walks, x.shape[axis], own[axis])


def gather_elements(code: Code) -> None:
    """Along any axis; indices may be computed, or negative; those outside read the edge."""
    op, x, y = code.op, code.op.input(0), code.op.output
    axis = op.get("axis", 0) % len(x.shape)
    own = strides_of(x)
    elsewhere = tuple(0 if other == axis else stride for other, stride in enumerate(own))
    _gathered(
        code, [Walk(strides_of(y)), Walk(elsewhere), Walk(strides_of(op.input(1)))], x.shape[axis], own[axis]
    )


def gather_nd(code: Code) -> None:
    """Any number of batch axes; indices may be computed, or negative; those outside read the edge."""
    op, x, indices, y = code.op, code.op.input(0), code.op.input(1), code.op.output
    batch, depth = op.get("batch_dims", 0), indices.shape[-1]
    own, behind = strides_of(x), len(x.shape) - op.get("batch_dims", 0) - indices.shape[-1]
    walks = [
        Walk(strides_of(y)),
        Walk((*own[:batch], *[0] * (len(indices.shape) - 1 - batch), *own[batch + depth :])),
        Walk((*strides_of(indices)[:-1], *[0] * behind)),
    ]
    places = [f"place(x1[{{2}} + {i}], {x.shape[batch + i]}) * {own[batch + i]}" for i in range(depth)]
    code.headers.add("numbers")
    for line in loops(y.shape, walks, f"y0[{{0}}] = x0[{' + '.join(['{1}', *places])}];"):
        code.line(line)


def one_hot(code: Code) -> None:
    """Along any axis, of a depth that is a constant; indices may be negative; those outside are nowhere."""
    op, indices, y = code.op, code.op.input(0), code.op.output
    axis = op.get("axis", -1) % len(y.shape)
    own, depth = strides_of(indices), y.shape[axis]
    walks = [
        Walk(strides_of(y)),
        Walk((*own[:axis], 0, *own[axis:])),
        Walk(tuple(int(other == axis) for other in range(len(y.shape)))),
    ]
    code.headers.add("base")
    body = (
        f"{{{{ const int64_t at = (int64_t)x0[{{1}}]; "
        f"y0[{{0}}] = x2[(at < 0 ? at + {depth} : at) == {{2}}]; }}}}"
    )
    for line in loops(y.shape, walks, body):
        code.line(line)


def trilu(code: Code) -> None:
    """Both triangles; the diagonal is a constant; every type."""
    op, x = code.op, code.op.input(0)
    rank = len(x.shape)
    first = int(op.constant(1).reshape(-1)[0]) if op.optional(1) is not None else 0
    first = max(-x.size, min(x.size, first))  # beyond the corners nothing changes any more
    kept = ">=" if op.get("upper", 1) else "<="
    row, column = (Walk(tuple(int(other == axis) for other in range(rank))) for axis in (rank - 2, rank - 1))
    walks = [Walk(strides_of(x)), row, column]
    code.headers.add("base")
    for line in loops(x.shape, walks, f"y0[{{0}}] = {{2}} - {{1}} {kept} {first} ? x0[{{0}}] : 0;"):
        code.line(line)
    code.reuses = (0, 0)


def _gathered(code: Code, walks: list[Walk], size: int, stride: int) -> None:
    code.headers.add("numbers")
    for line in loops(
        code.op.output.shape, walks, f"y0[{{0}}] = x0[{{1}} + place(x1[{{2}}], {size}) * {stride}];"
    ):
        code.line(line)


TABLES: Mapping[str, Callable[[Code], None]] = {
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "OneHot": one_hot,
    "Pad": pad,
    "Trilu": trilu,
}
