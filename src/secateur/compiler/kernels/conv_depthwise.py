"""How is each channel convolved by itself?"""

import numpy as np
from numpy.typing import NDArray

from secateur.compiler.code import Code
from secateur.compiler.kernels.activations import activation
from secateur.compiler.kernels.panel import FLOAT, Panel
from secateur.compiler.kernels.window import Window

TOGETHER = 16 * 1024  # bytes of planes that are padded at once


def depthwise(code: Code, w: Window, weight: NDArray[np.float32]) -> None:
    """Plane by plane: `c/conv_depthwise.h`."""
    op = code.op
    x, y, added = op.input(0), op.output, op.optional(3)
    outputs, channels = len(weight), x.shape[1]
    rows, columns = Panel(w, *w.out, code.target.pitch).padded
    columns = -(-columns // code.target.pitch) * code.target.pitch  # rows start where vectors do
    room = 2 * rows * columns * w.stride[1] + 6 * 16
    together = max(1, TOGETHER // (FLOAT * room))
    at = _positions(w, columns)
    bias = op.constant(2).astype(np.float32) if op.optional(2) is not None else np.zeros(outputs, np.float32)
    code.line(f"static const int at[] = {{{', '.join(map(str, at))}}};")
    geometry = (w.arguments.removeprefix("(window_t)"), *w.out, rows, columns, 0, 0, "NULL")
    numbers = (
        *(x.shape[0], channels, outputs, x.plane, added.plane if added else 0, y.plane),
        *(together, room, w.stride[0] * w.stride[1] * columns, len(at), "at", *activation(op)),
    )
    text = ", ".join(map(str, (f"{{{', '.join(map(str, geometry))}}}", *numbers)))
    code.line(f"static const depthwise_t layer = {{{text}}};")
    weights, b = code.constant(weight, "weight"), code.constant(bias, "bias")
    code.call(
        *("conv_depthwise", "&layer", "x0", weights, b, "x3" if added else "NULL", "y0", "s"),
        header="conv_depthwise",
    )
    code.scratch = FLOAT * (together * room + 16)
    code.form = "depthwise"
    code.reuses = (0, 0) if outputs == channels and x.plane == y.plane else None  # planes are copied first


def _positions(w: Window, columns: int) -> list[int]:
    """Of each weight of the kernel in the padded plane, where the columns of each phase lie side by side."""
    found = []
    for row in range(w.kernel[0]):
        for column in range(w.kernel[1]):
            shift, phase = divmod(column * w.dilation[1], w.stride[1])
            found.append((row * w.dilation[0] * w.stride[1] + phase) * columns + shift)
    return found
