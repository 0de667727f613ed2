"""How is an image convolved?"""

from dataclasses import dataclass

import numpy as np

from secateur.compiler.code import Code
from secateur.compiler.kernels.activations import activation
from secateur.compiler.program import Op


@dataclass(frozen=True)
class Window:
    """Of a convolution in two dimensions; of one dimension, the rows are 1.

    Attributes:
        size: (rows, columns) of the input.
        out: of the output.
        kernel: of the weight.
        stride: between neighbouring outputs.
        dilation: between neighbouring weights.
        pads: above, left, below, right.
    """

    size: tuple[int, int]
    out: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pads: tuple[int, int, int, int]

    @property
    def arguments(self) -> str:
        """As the C functions take it."""
        numbers = (*self.size, *self.out, *self.kernel, *self.stride, *self.dilation, *self.pads[:2])
        return f"(window_t){{{', '.join(map(str, numbers))}}}"


def window(op: Op, kernel: tuple[int, ...]) -> Window:
    """The geometry of a convolution or a pooling with one or two axes."""
    x, y = op.input(0).shape, op.output.shape
    axes = len(kernel)
    if axes not in (1, 2):
        raise op.refused(f"has {axes} axes beside batch and channels")
    strides, dilations = op.get("strides", (1,) * axes), op.get("dilations", (1,) * axes)
    pads = _pads(op, x[2:], y[2:], kernel, strides, dilations)
    if axes == 1:
        return Window(
            (1, x[2]), (1, y[2]), (1, kernel[0]), (1, strides[0]), (1, dilations[0]), (0, pads[0], 0, pads[1])
        )
    return Window(
        (x[2], x[3]),
        (y[2], y[3]),
        (kernel[0], kernel[1]),
        (strides[0], strides[1]),
        (dilations[0], dilations[1]),
        (pads[0], pads[1], pads[2], pads[3]),
    )


def _pads(
    op: Op,
    x: tuple[int, ...],
    y: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> tuple[int, ...]:
    """Before each axis, then behind each."""
    automatic = op.get("auto_pad", "NOTSET")
    if automatic == "NOTSET":
        return op.get("pads", (0,) * (2 * len(kernel)))
    if automatic == "VALID":
        return (0,) * (2 * len(kernel))
    total = [
        max(0, (out - 1) * s + (k - 1) * d + 1 - size)
        for size, out, k, s, d in zip(x, y, kernel, strides, dilations, strict=True)
    ]
    less, more = [t // 2 for t in total], [t - t // 2 for t in total]
    return (*more, *less) if automatic == "SAME_LOWER" else (*less, *more)


def conv(code: Code) -> None:
    """One or two axes; any stride, dilation, padding and groups; a constant weight."""
    op = code.op
    x, y = op.input(0), op.output
    weight = op.constant(1).astype(np.float32)
    outputs = weight.shape[0]
    bias = op.constant(2).astype(np.float32) if op.optional(2) is not None else np.zeros(outputs, np.float32)
    w, b = code.constant(weight, "weight"), code.constant(bias, "bias")
    added = op.optional(3)
    code.call(
        "conv_reference",
        *("x0", w, b, "x3" if added else "NULL", "y0"),
        *(x.shape[0], x.shape[1], outputs, op.get("group", 1), x.plane, added.plane if added else 0, y.plane),
        window(op, weight.shape[2:]).arguments,
        *activation(op),
        header="conv_reference",
    )
