"""Which operators write elements to places that are computed?

What is written twice must come in order, so one thread does it all.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from secateur.compiler.code import Code
from secateur.compiler.loops import Walk, loops, strides_of

REDUCTIONS = {
    "none": "{u}",
    "add": "{y} + {u}",
    "mul": "{y} * {u}",
    "max": "larger_{t}({y}, {u})",
    "min": "smaller_{t}({y}, {u})",
}


def scatter_elements(code: Code) -> None:
    """Along any axis; all reductions; indices may be negative, and those outside write to the edge."""
    op, x, indices = code.op, code.op.input(0), code.op.input(1)
    axis = op.get("axis", 0) % len(x.shape)
    own = strides_of(x)
    elsewhere = Walk(tuple(0 if other == axis else stride for other, stride in enumerate(own)))
    walks = [elsewhere, Walk(strides_of(indices)), Walk(strides_of(op.input(2)))]
    at = f"{{0}} + place(x1[{{1}}], {x.shape[axis]}) * {own[axis]}"
    _alone(code, loops(indices.shape, walks, _written(code, at, "x2[{2}]")))


def scatter_nd(code: Code) -> None:
    """All reductions; indices may be negative, and those outside write to the edge."""
    x, indices = code.op.input(0), code.op.input(1)
    depth, own = indices.shape[-1], strides_of(x)
    many, size = math.prod(indices.shape[:-1]), math.prod(x.shape[depth:])
    places = [f"place(x1[{{1}} + {i}], {x.shape[i]}) * {own[i]}" for i in range(depth)]
    walks = [Walk((0, 1)), Walk((depth, 0)), Walk((size, 1))]
    at = " + ".join(["{0}", *places])
    _alone(code, loops((many, size), walks, _written(code, at, "x2[{2}]")))


def _written(code: Code, at: str, update: str) -> str:
    op, kind = code.op, code.op.input(0).c_type
    value = op.choice("reduction", REDUCTIONS, "none").format(y="y0[at]", u=update, t=kind)
    return f"{{{{ const ptrdiff_t at = {at}; y0[at] = {value}; }}}}"


def _alone(code: Code, lines: Sequence[str]) -> None:
    """After a copy of the input, unless the output is in its place."""
    code.headers |= {"base", "numbers"}
    code.line("SHARE(1, first, last);")
    code.line("if (first < last) {")
    code.line(f"    if ((const void *)y0 != (const void *)x0) memcpy(y0, x0, {code.op.input(0).nbytes});")
    code.line("    const part_t p = {0, 1};")
    for line in lines:
        code.line(f"    {line}")
    code.line("}")
    code.reuses = (0, 0)


SCATTER: Mapping[str, Callable[[Code], None]] = {
    "Scatter": scatter_elements,
    "ScatterElements": scatter_elements,
    "ScatterND": scatter_nd,
}
