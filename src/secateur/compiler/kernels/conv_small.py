"""How is an image convolved by a processor without vectors, and with little memory?"""

import numpy as np
from numpy.typing import NDArray

from secateur.compiler.code import Code
from secateur.compiler.kernels.activations import activation
from secateur.compiler.kernels.window import Window

ROWS = 4  # SMALL_ROWS of c/conv_small.h
FAR = 2**16 - 1  # the longest step from one weight's pixel to the next
SPARSE = 0.6  # of the weights: with fewer, it takes less time to name those that are left

Steps = NDArray[np.uint16]
Floats = NDArray[np.float32]


def conv_small(code: Code, w: Window, weight: Floats) -> None:
    """As `conv`: `c/conv_small.h`."""
    op = code.op
    outputs, groups = len(weight), op.get("group", 1)
    bias = op.constant(2).astype(np.float32) if op.optional(2) is not None else np.zeros(outputs, np.float32)
    rows, columns = _bordered(w)
    places = _places(w, weight.shape[1], rows, columns)
    flat = weight.reshape(outputs, -1)
    b = code.constant(bias, "bias")
    if np.count_nonzero(flat) <= SPARSE * flat.size or groups > 1:
        starts, steps, values = _lists(flat, places)
        weights = (
            code.constant(starts, "starts"),
            code.constant(steps, "steps"),
            code.constant(values, "weight"),
        )
        function, code.form = "conv_small_sparse", "sparse"
    else:
        steps, values = _blocks(flat, places)
        weights = (code.constant(steps, "steps"), str(len(steps)), code.constant(values, "weight"))
        function, code.form = "conv_small_dense", "dense"
    numbers = (op.input(0).shape[0], op.input(0).shape[1], outputs, groups, rows, columns, *activation(op))
    geometry = w.arguments.removeprefix("(window_t)")
    code.line(f"static const conv_small_t layer = {{{geometry}, {', '.join(map(str, numbers))}}};")
    added = "x3" if op.optional(3) is not None else "NULL"
    code.call(function, "&layer", "x0", *weights, b, added, "y0", "(float *)(void *)s", header="conv_small")
    code.scratch = 4 * op.input(0).shape[1] * rows * columns if (rows, columns) != w.size else 4


def _bordered(w: Window) -> tuple[int, int]:
    """Rows and columns that windows reach, padding included."""
    reach = [
        max(size + before, (out - 1) * stride + (kernel - 1) * dilation + 1)
        for size, before, out, stride, kernel, dilation in zip(
            w.size, w.pads[:2], w.out, w.stride, w.kernel, w.dilation, strict=True
        )
    ]
    return reach[0], reach[1]


def _places(w: Window, channels: int, rows: int, columns: int) -> NDArray[np.int64]:
    """Of each weight's pixel, in elements from an output's own place."""
    down = np.arange(w.kernel[0]) * w.dilation[0] * columns
    across = np.arange(w.kernel[1]) * w.dilation[1]
    planes = np.arange(channels) * rows * columns
    return (planes[:, None, None] + down[:, None] + across).reshape(-1)


def _steps(places: NDArray[np.int64], values: Floats) -> tuple[Steps, Floats]:
    """From place to place; one that is too long is made of several, with weights of 0."""
    steps = np.diff(places, prepend=0)
    more = np.maximum(0, (steps - 1) // FAR)
    index = np.repeat(np.arange(len(steps)), more + 1)
    last = np.cumsum(more + 1) - 1
    shown, weights = np.full(len(index), FAR), np.zeros((len(index), *values.shape[1:]), np.float32)
    shown[last], weights[last] = steps - more * FAR, values
    return shown.astype(np.uint16), weights


def _lists(weight: Floats, places: NDArray[np.int64]) -> tuple[NDArray[np.uint32], Steps, Floats]:
    rows = [_steps(places[row != 0], row[row != 0]) for row in weight]
    starts = np.cumsum([0, *(len(steps) for steps, _ in rows)]).astype(np.uint32)
    return starts, np.concatenate([s for s, _ in rows]), np.concatenate([v for _, v in rows])


def _blocks(weight: Floats, places: NDArray[np.int64]) -> tuple[Steps, Floats]:
    """Weights of `ROWS` outputs side by side; the last outputs are filled up with zeros."""
    filled = np.concatenate([weight, np.zeros((-len(weight) % ROWS, weight.shape[1]), np.float32)])
    blocks = filled.reshape(-1, ROWS, weight.shape[1]).transpose(2, 0, 1)  # place, block, row
    steps, values = _steps(places, np.ascontiguousarray(blocks))
    return steps, np.ascontiguousarray(values.transpose(1, 0, 2))
