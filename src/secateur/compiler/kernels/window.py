"""Which input pixels does each output of a convolution or a pooling see?"""

from dataclasses import dataclass

from secateur.compiler.program import Op

AUTOMATIC = {name: name for name in ("NOTSET", "SAME_LOWER", "SAME_UPPER", "VALID")}


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
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def arguments(self) -> str:
        """As the C functions take it."""
        numbers = (*self.size, *self.out, *self.kernel, *self.stride, *self.dilation, *self.pads[:2])
        return f"(window_t){{{', '.join(map(str, numbers))}}}"

    @property
    def pointwise(self) -> bool:
        """Does each output see the input at its own place, and nothing else?"""
        return self.kernel == (1, 1) == self.stride and not any(self.pads)

    @property
    def flat(self) -> "Window":
        """Of a pointwise one: all pixels as one row."""
        pixels = self.size[0] * self.size[1]
        return Window((1, pixels), (1, pixels))


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
    automatic = op.choice("auto_pad", AUTOMATIC, "NOTSET")
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
