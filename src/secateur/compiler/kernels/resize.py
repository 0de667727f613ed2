"""How does an image get another size?"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secateur.compiler.code import Code
from secateur.compiler.program import Op

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

MODES = {"nearest": "nearest", "linear": "linear", "bilinear": "linear", "cubic": "cubic"}
POLICIES: Mapping[str, Callable[[list[float]], float] | None] = {
    "stretch": None,
    "not_larger": min,
    "not_smaller": max,
}
COORDINATES = {
    name: name
    for name in (
        *("asymmetric", "align_corners", "tf_crop_and_resize"),
        *("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"),
    )
}
NEAREST: Mapping[str, Callable[[Floats], Floats]] = {
    "round_prefer_floor": lambda where: np.ceil(where - 0.5),
    "round_prefer_ceil": lambda where: np.floor(where + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


@dataclass(frozen=True)
class Axis:
    """One axis: sizes before and after, their ratio, and the part of it that is shown (0 to 1)."""

    size: int
    out: int
    scale: float
    start: float
    end: float


def resize(code: Code) -> None:
    """The last axis or the last two; nearest, linear and cubic; all coordinates; without antialias."""
    op, x, y = code.op, code.op.input(0), code.op.output
    if x.dtype != np.float32 or op.get("antialias", 0):
        raise op.refused("has antialias" if op.get("antialias", 0) else f"is of {x.dtype.name}")
    axes = _axes(op)
    if any(axis.size != axis.out or axis.scale != 1 for axis in axes[:-2]):
        raise op.refused(f"resizes {x.shape} to {y.shape}, not the last two axes only")
    one = Axis(1, 1, 1.0, 0.0, 1.0)
    row, column = [one, *axes][-2:]
    planes = math.prod(x.shape) // row.size // column.size
    pitch = (x.plane, y.plane) if len(x.shape) > 2 else (row.size * column.size, row.out * column.out)
    if len(x.shape) == 3:  # the axis of rows is that of channels
        planes, row, pitch = x.shape[0] * x.shape[1], one, (x.plane, y.plane)
        if axes[1].scale != 1 or axes[1].out != axes[1].size:
            raise op.refused(f"resizes {x.shape} to {y.shape}, not images")
    code.scratch = 4 * column.size
    tables = (_table(code, row), _table(code, column))
    outside = float(op.get("extrapolation_value", 0.0))
    arguments = ("x0", "y0", "(float *)(void *)s", planes, *pitch, column.size, *tables, outside)
    code.call("resize", *arguments, header="resize")


def _axes(op: Op) -> list[Axis]:
    x, y = op.input(0).shape, op.output.shape
    rank = len(x)
    named = [axis % rank for axis in op.get("axes", tuple(range(rank)))]
    scales = [out / size for size, out in zip(x, y, strict=True)]
    given = _floats(op, 1 if len(op.inputs) == 2 else 2) or list(op.get("scales", ()))
    bound = op.choice("keep_aspect_ratio_policy", POLICIES, "stretch")
    if bound is not None:
        wanted = [int(size) / x[axis] for size, axis in zip(op.constant(3), named, strict=True)]
        given = [bound(wanted)] * len(named)
    for axis, scale in zip(named, given, strict=False):
        scales[axis] = scale
    parts = dict.fromkeys(range(rank), (0.0, 1.0))
    roi = _floats(op, 1) if _mode(op) == "tf_crop_and_resize" else []
    parts |= dict(zip(named, zip(roi[: len(named)], roi[len(named) :], strict=True), strict=False))
    return [Axis(x[axis], y[axis], scales[axis], *parts[axis]) for axis in range(rank)]


def _floats(op: Op, index: int) -> list[float]:
    return [] if op.optional(index) is None else [float(value) for value in op.constant(index)]


def _table(code: Code, axis: Axis) -> str:
    """As `resize_t`."""
    op = code.op
    mode = op.choice("mode", MODES, "nearest")
    where = _coordinates(op, axis).astype(np.float64)
    if mode == "nearest" or (axis.size == axis.out and axis.scale == 1 and (axis.start, axis.end) == (0, 1)):
        places, weights = _nearest(op, where)[:, None], np.ones((axis.out, 1))
    elif mode == "linear":
        places, weights = _linear(where)
    else:
        places, weights = _cubic(where, op.get("cubic_coeff_a", -0.75))
    if op.get("exclude_outside", 0):
        weights = weights * ((places >= 0) & (places < axis.size))
        weights = weights / weights.sum(axis=1, keepdims=True)
    places = np.clip(places, 0, axis.size - 1)
    if _mode(op) == "tf_crop_and_resize":
        places[(where < 0) | (where > axis.size - 1), 0] = -1  # the others are read, and not used
    p = code.constant(places.astype(np.int32), "places")
    w = code.constant(weights.astype(np.float32), "weights")
    return f"(resize_t){{{p}, {w}, {axis.out}, {places.shape[1]}}}"


def _coordinates(op: Op, axis: Axis) -> Singles:
    """Where the centre of each pixel of the answer lies in the image.

    In single precision, as ONNX Runtime and PyTorch compute it: which pixel is nearest depends on the last
    bit.
    """
    i, scale = np.arange(axis.out, dtype=np.float32), np.float32(axis.scale)
    many = axis.out > 1
    mode = _mode(op)
    if mode == "asymmetric":
        return i / scale
    if mode == "align_corners":
        return i * np.float32(axis.size - 1) / np.float32(max(axis.out - 1, 1))
    if mode == "tf_crop_and_resize":
        start, end = (np.float32(part * (axis.size - 1)) for part in (axis.start, axis.end))
        return (
            start + i * (end - start) / np.float32(axis.out - 1)
            if many
            else (i + start + end) / np.float32(2)
        )
    if mode == "pytorch_half_pixel" and not many:
        return np.zeros_like(i)
    half = np.float32(0.5)
    centre = (i + half) / scale - half
    if mode == "half_pixel_symmetric":  # what rounding the size has cut off is shared by both sides
        centre += np.float32(axis.size / 2 * (1 - axis.out / (axis.scale * axis.size)))
    return centre


def _mode(op: Op) -> str:
    """Which coordinates are meant."""
    default = "half_pixel" if op.kind == "Resize" and len(op.inputs) > 2 else "asymmetric"
    return op.choice("coordinate_transformation_mode", COORDINATES, default)


def _nearest(op: Op, where: Floats) -> NDArray[np.int64]:
    default = "round_prefer_floor" if len(op.inputs) > 2 else "floor"
    return op.choice("nearest_mode", NEAREST, default)(where).astype(np.int64)


def _linear(where: Floats) -> tuple[NDArray[np.int64], Floats]:
    low = np.floor(where)
    part = where - low
    return np.stack([low, low + 1], axis=1).astype(np.int64), np.stack([1 - part, part], axis=1)


def _cubic(where: Floats, a: float) -> tuple[NDArray[np.int64], Floats]:
    """Keys' kernel over four neighbours."""
    low = np.floor(where)
    offsets = np.arange(-1, 3)
    d = np.abs(where[:, None] - low[:, None] - offsets)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return (low[:, None] + offsets).astype(np.int64), np.where(d <= 1, near, far)
