"""What do elements along some axes come to?"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from secateur.compiler.code import Code, literal
from secateur.compiler.loops import Walk, loops, strides_of
from secateur.compiler.program import Op, Tensor


@dataclass(frozen=True)
class Reduction:
    """In C: `{s}` is what was found so far, `{x}` an element, `{n}` their number, `{t}` the type.

    Attributes:
        start: before the first element.
        step: with one more.
        end: the answer.
        row: of `c/rows.h`, where the elements are floats that lie side by side.
    """

    start: str
    step: str
    end: str = "{s}"
    row: str = ""


LARGEST = Reduction("{x}", "larger_{t}({x}, {s})", row="row_max(x0 + {at}, {n})")
SMALLEST = Reduction("{x}", "smaller_{t}({x}, {s})", row="row_min(x0 + {at}, {n})")
SUM = "row_sum(x0 + {at}, {n}, 0)"
SQUARES = "row_sum_of_squares(x0 + {at}, {n}, 0)"
REDUCTIONS: Mapping[str, Reduction] = {
    "ReduceL1": Reduction("0", "{s} + {abs}({x})", row="row_sum_of_sizes(x0 + {at}, {n}, 0)"),
    "ReduceL2": Reduction("0", "{s} + {x} * {x}", "sqrtf({s})", SQUARES),
    "ReduceLogSum": Reduction("0", "{s} + {x}", "logf({s})", SUM),
    "ReduceMax": LARGEST,
    "ReduceMean": Reduction("0", "{s} + {x}", "{s} / {n}", SUM),
    "ReduceMin": SMALLEST,
    "ReduceProd": Reduction("1", "{s} * {x}"),
    "ReduceSum": Reduction("0", "{s} + {x}", row=SUM),
    "ReduceSumSquare": Reduction("0", "{s} + {x} * {x}", row=SQUARES),
}


def _reduced(reduction: Reduction, code: Code) -> None:
    """Any axes, which are constants."""
    op, x = code.op, code.op.input(0)
    axes = _axes(op)
    if x.dtype != np.float32 and ("f(" in reduction.end or "abs" in reduction.step):
        raise op.refused(f"is of {x.dtype.name}")
    own = strides_of(x)
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    shape = [x.shape[axis] for axis in kept]
    walks = [Walk(tuple(own[axis] for axis in kept)), Walk(_kept_strides(x, op.output, kept))]
    count = math.prod(x.shape[axis] for axis in axes)
    names = {"n": str(count), "t": x.c_type, "abs": "fabsf"}
    code.headers |= {"numbers", "rows"}
    if reduction.row and x.dtype == np.float32 and _side_by_side(x.shape, own, axes):
        body = f"y0[{{1}}] = {reduction.end.format(s=reduction.row.format(at='{0}', **names), **names)};"
    else:
        body = _nested(reduction, [(x.shape[axis], own[axis]) for axis in axes], names)
    for line in loops(shape, walks, body):
        code.line(line)


def _kept_strides(x: Tensor, y: Tensor, kept: list[int]) -> tuple[int, ...]:
    """Of the output, whose reduced axes are 1 or gone."""
    strides = strides_of(y)
    return tuple(strides[axis] for axis in kept) if len(y.shape) == len(x.shape) else strides


def _side_by_side(shape: tuple[int, ...], strides: tuple[int, ...], axes: list[int]) -> bool:
    expected = 1
    for axis in reversed(axes):
        if shape[axis] != 1 and strides[axis] != expected:
            return False
        expected *= shape[axis]
    return True


def _nested(reduction: Reduction, axes: list[tuple[int, int]], names: Mapping[str, str]) -> str:
    """One loop for each axis, inside the loops over what is kept."""
    place = " + ".join(["{0}", *(f"k{i} * {stride}" for i, (_, stride) in enumerate(axes))])
    heads = " ".join(f"for (int k{i} = 0; k{i} < {size}; k{i}++)" for i, (size, _) in enumerate(axes))
    element = f"x0[{place}]"
    step = reduction.step.format(s="s", x=element, **names)
    start = reduction.start.format(x="x0[{0}]")
    end = reduction.end.format(s="s", **names)
    return f"{{{{ {names['t']} s = {start}; {heads} s = {step}; y0[{{1}}] = {end}; }}}}"


def _axes(op: Op) -> list[int]:
    """Those that disappear or become 1; all where none are named."""
    rank = len(op.input(0).shape)
    given = [int(a) for a in op.constant(1)] if op.optional(1) is not None else list(op.get("axes", ()))
    if not given and not op.get("noop_with_empty_axes", 0):
        return list(range(rank))
    return sorted(axis % rank for axis in given)


def _best_place(better: str, code: Code) -> None:
    """Along any axis; the first or the last of equal ones."""
    op, x = code.op, code.op.input(0)
    axis = op.get("axis", 0) % len(x.shape)
    better = f"{better}=" if op.get("select_last_index", 0) else better
    own = strides_of(x)
    kept = [other for other in range(len(x.shape)) if other != axis]
    shape = [x.shape[other] for other in kept]
    walks = [Walk(tuple(own[other] for other in kept)), Walk(_kept_strides(x, op.output, kept))]
    element = f"x0[{{0}} + k * {literal(own[axis])}]"
    code.headers.add("base")
    body = (
        f"{{{{ int64_t at = 0; {x.c_type} best = x0[{{0}}]; for (int k = 1; k < {x.shape[axis]}; k++) "
        f"if ({element} {better} best) {{{{ best = {element}; at = k; }}}} y0[{{1}}] = at; }}}}"
    )
    for line in loops(shape, walks, body):
        code.line(line)


def _documented(function: Callable[..., None], *arguments: object) -> Callable[[Code], None]:
    kernel = partial(function, *arguments)
    kernel.__doc__ = function.__doc__
    return kernel


REDUCE: Mapping[str, Callable[[Code], None]] = {
    **{name: _documented(_reduced, reduction) for name, reduction in REDUCTIONS.items()},
    "ArgMax": _documented(_best_place, ">"),
    "ArgMin": _documented(_best_place, "<"),
}
