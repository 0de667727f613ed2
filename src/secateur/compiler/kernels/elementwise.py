"""Which operators compute each element of their output from the elements at the same place?"""

from collections.abc import Callable, Mapping
from functools import partial

from secateur.compiler.code import Code
from secateur.compiler.loops import Walk, broadcast, flat, loops

UNARY = {
    "Relu": "relu_f({0})",
    "Sigmoid": "1.0f / (1.0f + expf(-{0}))",
    "Tanh": "tanhf({0})",
    "Exp": "expf({0})",
    "Sqrt": "sqrtf({0})",
    "Neg": "-{0}",
}
BINARY = {
    "Add": "{0} + {1}",
    "Sub": "{0} - {1}",
    "Mul": "{0} * {1}",
    "Div": "{0} / {1}",
}


def _mapped(expression: str, code: Code) -> None:
    """Any shapes that broadcast."""
    op, y = code.op, code.op.output
    inputs = [op.input(index) for index in range(len(op.inputs))]
    size = flat([*inputs, y])
    shape, walks = (
        ((size,), [_LINE] * (len(inputs) + 1))
        if size is not None
        else (y.shape, [broadcast(t, y.shape) for t in (*inputs, y)])
    )
    names = [f"x{i}[{{{i}}}]" for i in range(len(inputs))]
    code.headers.add("base")
    for text in loops(shape, walks, f"y0[{{{len(inputs)}}}] = {expression.format(*names)};"):
        code.line(text)
    same = [i for i, x in enumerate(inputs) if (x.shape, x.pitch, x.dtype) == (y.shape, y.pitch, y.dtype)]
    code.reuses = (0, same[0]) if same else None


_LINE = Walk((1,))

ELEMENTWISE: Mapping[str, Callable[[Code], None]] = {
    name: partial(_mapped, text) for name, text in (UNARY | BINARY).items()
}
