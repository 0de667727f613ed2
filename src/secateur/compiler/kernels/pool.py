"""How are neighbouring pixels made one?"""

from collections.abc import Callable, Mapping

from secateur.compiler.code import Code
from secateur.compiler.kernels.window import Window, window


def max_pool(code: Code) -> None:
    """One to three axes; any stride, dilation, padding, ceil_mode; without the output of indices."""
    if len(code.op.outputs) > 1 and code.op.outputs[1] is not None:
        raise code.op.refused("answers the indices of the largest, too")
    g = _windowed(code)
    code.call("max_pool", *_planes(code), _width(g), g.arguments, header="pool")


def average_pool(code: Code) -> None:
    """One to three axes; any stride, dilation, padding, ceil_mode and count_include_pad."""
    g = _windowed(code)
    numbers = (_width(g), code.op.get("count_include_pad", 0), g.pads[2], g.pads[3])
    code.call("average_pool", *_planes(code), *numbers, g.arguments, header="pool")


def _windowed(code: Code) -> Window:
    if code.op.input(0).c_type != "float":
        raise code.op.refused(f"is of {code.op.input(0).dtype.name}")
    g = window(code.op, code.op.get("kernel_shape", ()))
    code.scratch = 4 * (_width(g) + g.out[1])
    return g


def _planes(code: Code) -> tuple[object, ...]:
    x, y = code.op.input(0), code.op.output
    return ("x0", "y0", "(float *)(void *)s", x.shape[0] * x.shape[1], x.plane, y.plane)


def _width(g: Window) -> int:
    """Elements of a row with all padding that a window reaches."""
    reach = (g.out[1] - 1) * g.stride[1] + (g.kernel[1] - 1) * g.dilation[1] + 1
    return max(g.pads[1] + g.size[1], reach)


def global_average_pool(code: Code) -> None:
    """Any number of axes behind the channels."""
    _over_planes(code, "mean_planes")


def global_max_pool(code: Code) -> None:
    """Any number of axes behind the channels."""
    _over_planes(code, "max_planes")


def _over_planes(code: Code, function: str) -> None:
    x = code.op.input(0)
    planes = x.shape[0] * x.shape[1]
    code.call(function, "x0", "y0", planes, x.size // planes, x.plane, code.op.output.plane, header="pool")


POOLS: Mapping[str, Callable[[Code], None]] = {
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "MaxPool": max_pool,
}
