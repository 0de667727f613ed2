"""Which operators compute each element of their output from the elements at the same place?"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from secateur.compiler.code import Code, literal
from secateur.compiler.kernels.expressions import EXPRESSIONS, Expression
from secateur.compiler.loops import Walk, broadcast, flat, loops
from secateur.compiler.program import Tensor

Kernel = Callable[[Code], None]


def _kernel(expression: Expression) -> Kernel:
    """Its documentation is that of the expression."""

    def kernel(code: Code) -> None:
        _mapped(expression, code)

    kernel.__doc__ = (expression.func if isinstance(expression, partial) else expression).__doc__
    return kernel


def _mapped(expression: Expression, code: Code) -> None:
    """One loop over the output; inputs that broadcast are walked in place."""
    op, y = code.op, code.op.output
    if "axis" in op.attributes:
        raise op.refused("broadcasts along an axis, as versions of ONNX before 7 do")
    inputs = op.inputs[:1] if op.kind == "CastLike" else op.inputs
    walked = [t for t in (*inputs, y) if t is not None and _number(t) is None]
    size = flat(walked)
    same = Walk((1,))
    shape, walks = (
        ((size,), [same] * len(walked))
        if size is not None
        else (y.shape, [broadcast(t, y.shape) for t in walked])
    )
    names = [_name(t, index, walked) for index, t in enumerate(inputs)]
    code.headers |= {"base", "exp", "numbers"}
    text = f"y0[{{{len(walked) - 1}}}] = {expression(op, names)};"
    for line in loops(shape, walks, text, independent=True):
        code.line(line)
    alike = [
        i for i, x in enumerate(inputs) if x and (x.shape, x.pitch, x.dtype) == (y.shape, y.pitch, y.dtype)
    ]
    code.reuses, code.elementwise = (0, alike[0]) if alike else None, True


def _name(tensor: Tensor | None, index: int, walked: list[Tensor]) -> str:
    if tensor is None:
        return ""
    number = _number(tensor)
    return f"x{index}[{{{walked.index(tensor)}}}]" if number is None else number


def _number(tensor: Tensor) -> str | None:
    """A constant of one float, as the C compiler sees it best: in the text."""
    if tensor.array is None or tensor.size != 1 or tensor.dtype != np.float32:
        return None
    return f"({literal(float(tensor.array.reshape(-1)[0]))})"


ELEMENTWISE: Mapping[str, Kernel] = {name: _kernel(expression) for name, expression in EXPRESSIONS.items()}
