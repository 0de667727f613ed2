"""How are activations normalized?"""

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from secateur.compiler.code import Code
from secateur.compiler.loops import Walk, loops, strides_of
from secateur.compiler.program import Op


def layer_normalization(code: Code) -> None:
    """Over the last axes; the mean and the inverse deviation are answered where they are read."""
    _rows(code, centered=True)


def rms_normalization(code: Code) -> None:
    """Over the last axes."""
    _rows(code, centered=False)


def _rows(code: Code, *, centered: bool) -> None:
    op, x = code.op, code.op.input(0)
    axis = op.get("axis", -1) % len(x.shape)
    size = math.prod(x.shape[axis:])
    scale, bias = _for_each(code, 1, x.shape[axis:]), _for_each(code, 2, x.shape[axis:])
    answers = [f"y{i}" if i < len(op.outputs) and op.outputs[i] is not None else "NULL" for i in (1, 2)]
    numbers = (x.size // size, size, centered, float(op.get("epsilon", 1e-5)))
    code.call("normalize_rows", "x0", scale, bias, "y0", *answers, *numbers, header="norm")


def _for_each(code: Code, index: int, shape: tuple[int, ...]) -> str:
    """A pointer to as many numbers as a row has."""
    given = code.op.optional(index)
    if given is None:
        return "NULL"
    if given.array is None or given.size == math.prod(shape):
        if given.size != math.prod(shape):
            raise code.op.refused(f"computes a scale of shape {given.shape} from the data")
        return f"x{index}"
    return code.constant(np.broadcast_to(given.array, shape), given.name)


def instance_normalization(code: Code) -> None:
    """Any number of axes behind the channels."""
    op, x = code.op, code.op.input(0)
    images, channels = x.shape[:2]
    numbers = (images, channels, x.size // images // channels, float(op.get("epsilon", 1e-5)))
    code.call("normalize_planes", "x0", "x1", "x2", "y0", *numbers, header="norm")


def batch_normalization(code: Code) -> None:
    """Statistics that are constants: a factor and an offset for each channel."""
    op, x, y = code.op, code.op.input(0), code.op.output
    if op.get("training_mode", 0) or any(output is not None for output in op.outputs[1:]):
        raise op.refused("updates its statistics")
    factor, offset = _factor_and_offset(op)
    a, b = code.constant(factor, "factor"), code.constant(offset, "offset")
    channel = Walk(tuple(int(axis == 1) for axis in range(len(x.shape))))
    walks = [Walk(strides_of(y)), Walk(strides_of(x)), channel]
    code.headers.add("base")
    for line in loops(x.shape, walks, f"y0[{{0}}] = x0[{{1}}] * {a}[{{2}}] + {b}[{{2}}];", independent=True):
        code.line(line)
    code.reuses = (0, 0) if x.pitch == y.pitch else None


def _factor_and_offset(op: Op) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    scale, bias, mean, variance = (op.constant(i).astype(np.float64) for i in (1, 2, 3, 4))
    factor = scale / np.sqrt(variance + op.get("epsilon", 1e-5))
    return factor.astype(np.float32), (bias - mean * factor).astype(np.float32)


def lrn(code: Code) -> None:
    """Any number of axes behind the channels."""
    op, x = code.op, code.op.input(0)
    images, channels = x.shape[:2]
    numbers = (images, channels, x.size // images // channels, op.get("size", 1))
    floats = (
        float(op.get(name, default)) for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))
    )
    code.call("normalize_channels", "x0", "y0", *numbers, *floats, header="norm")


NORMS: Mapping[str, Callable[[Code], None]] = {
    "BatchNormalization": batch_normalization,
    "InstanceNormalization": instance_normalization,
    "LRN": lrn,
    "LayerNormalization": layer_normalization,
    "RMSNormalization": rms_normalization,
}
