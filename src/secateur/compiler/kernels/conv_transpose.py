"""How is an image spread to a larger one?"""

import numpy as np

from secateur.compiler.code import Code
from secateur.compiler.kernels.window import AUTOMATIC, Window
from secateur.compiler.program import Op


def conv_transpose(code: Code) -> None:
    """One or two axes; any stride, dilation, padding, groups and output size; a constant weight."""
    op, x, y = code.op, code.op.input(0), code.op.output
    weight = op.constant(1).astype(np.float32)
    groups = op.get("group", 1)
    outputs = weight.shape[1] * groups
    bias = op.constant(2).astype(np.float32) if op.optional(2) is not None else np.zeros(outputs, np.float32)
    w, b = code.constant(weight, "weight"), code.constant(bias, "bias")
    sizes = (x.shape[0], x.shape[1], outputs, groups, x.plane, y.plane)
    window = _window(op, weight.shape[2:]).arguments
    code.call("conv_transpose", "x0", w, b, "y0", *sizes, window, header="conv_transpose")


def _window(op: Op, kernel: tuple[int, ...]) -> Window:
    """That of the convolution whose input is this output; `size` is the smaller image, though."""
    x, y = op.input(0).shape[2:], op.output.shape[2:]
    axes = len(kernel)
    if axes not in (1, 2):
        raise op.refused(f"has {axes} axes beside batch and channels")
    strides, dilations = op.get("strides", (1,) * axes), op.get("dilations", (1,) * axes)
    before = _pads(op, x, y, kernel, strides, dilations)
    size, out, taps, stride, dilation = (
        ((1, *numbers)[-2], numbers[-1]) for numbers in (x, y, kernel, strides, dilations)
    )
    above, left = (0, *before)[-2:]
    return Window(size, out, taps, stride, dilation, (above, left, 0, 0))


def _pads(
    op: Op,
    x: tuple[int, ...],
    y: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> list[int]:
    """Taken off before each axis: as given, or so that the output has the size that is wanted."""
    automatic = op.choice("auto_pad", AUTOMATIC, "NOTSET")
    if automatic == "NOTSET" and not op.get("output_shape", ()):
        return list(op.get("pads", (0,) * (2 * len(kernel))))[: len(kernel)]
    if automatic == "VALID":
        return [0] * len(kernel)
    extra = op.get("output_padding", (0,) * len(kernel))
    total = [
        max(0, (size - 1) * s + more + (k - 1) * d + 1 - out)
        for size, out, k, s, d, more in zip(x, y, kernel, strides, dilations, extra, strict=True)
    ]
    return [t // 2 if automatic == "SAME_UPPER" else t - t // 2 for t in total]
