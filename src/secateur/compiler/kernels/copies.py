"""Which operators put elements in other places?"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from secateur.compiler.code import Code
from secateur.compiler.loops import Strides, Walk, broadcast, loops, strides_of
from secateur.compiler.program import Op

CHANNELS_FIRST = {"CRD": True, "DCR": False}
"""ONNX's mode -> whether a channel's pixels lie side by side, not a pixel's channels."""


def transpose(code: Code) -> None:
    """Any order of any number of axes."""
    op, x, y = code.op, code.op.input(0), code.op.output
    order = op.get("perm", tuple(range(len(x.shape)))[::-1])
    moved = [axis for axis in order if x.shape[axis] != 1]
    if moved == sorted(moved):
        code.view()
        return
    strides = strides_of(x)
    copied(code, y.shape, Walk(tuple(strides[axis] for axis in order)), Walk(strides_of(y)))


def concat(code: Code) -> None:
    """Along any axis."""
    op, y = code.op, code.op.output
    axis, start = op.get("axis", 0) % len(y.shape), 0
    strides = strides_of(y)
    for index in range(len(op.inputs)):
        x = op.input(index)
        copied(
            code,
            x.shape,
            Walk(strides_of(x)),
            Walk(strides, start * strides[axis]),
            pointers=(f"x{index}", "y0"),
        )
        start += x.shape[axis]


def split(code: Code) -> None:
    """Along any axis; sizes that are constants, or equal."""
    op, x = code.op, code.op.input(0)
    axis, start = op.get("axis", 0) % len(x.shape), 0
    strides = strides_of(x)
    for index, (y, size) in enumerate(zip(op.outputs, _sizes(op, x.shape[axis]), strict=True)):
        if y is not None:
            walk = Walk(strides, start * strides[axis])
            copied(code, y.shape, walk, Walk(strides_of(y)), pointers=("x0", f"y{index}"))
        start += size


def _sizes(op: Op, total: int) -> list[int]:
    if op.optional(1) is not None:
        return [int(size) for size in op.constant(1)]
    each = -(-total // len(op.outputs))
    equal = [min(each, total - index * each) for index in range(len(op.outputs))]
    return list(op.get("split", tuple(equal)))


def slice_(code: Code) -> None:
    """Starts, ends, axes and steps that are constants; negative ones too."""
    op, x, y = code.op, code.op.input(0), code.op.output
    strides, offset = list(strides_of(x)), 0
    starts = _given(op, 1, "starts", ())
    axes = _given(op, 3, "axes", range(len(starts)))
    steps = _given(op, 4, "steps", [1] * len(starts))
    ends = _given(op, 2, "ends", ())
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        first, _, _ = slice(start, end, step).indices(x.shape[axis])
        offset += first * strides[axis]
        strides[axis] *= step
    copied(code, y.shape, Walk(tuple(strides), offset), Walk(strides_of(y)))


def _given(op: Op, index: int, name: str, default: Sequence[int]) -> list[int]:
    """A list that is an input, or an attribute in older versions of ONNX."""
    if op.optional(index) is not None:
        return [int(value) for value in op.constant(index)]
    return list(op.get(name, tuple(default)))


def expand(code: Code) -> None:
    """To a shape that is known."""
    x, y = code.op.input(0), code.op.output
    copied(code, y.shape, broadcast(x, y.shape), Walk(strides_of(y)))


def tile(code: Code) -> None:
    """Repeats that are constants."""
    x, y = code.op.input(0), code.op.output
    repeats = [ys // xs for xs, ys in zip(x.shape, y.shape, strict=True)]
    own, out = strides_of(x), strides_of(y)
    outer = [size * stride for size, stride in zip(x.shape, out, strict=True)]
    shape = _alternating(repeats, x.shape)
    copied(code, shape, Walk(_alternating([0] * len(own), own)), Walk(_alternating(outer, out)))


def _alternating(first: Sequence[int], second: Sequence[int]) -> tuple[int, ...]:
    return tuple(value for pair in zip(first, second, strict=True) for value in pair)


def depth_to_space(code: Code) -> None:
    """Both modes."""
    op, y = code.op, code.op.output
    block = op.get("blocksize", 1)
    batch, channels, rows, columns = y.shape
    small = (rows // block, columns // block)
    if op.choice("mode", CHANNELS_FIRST, "DCR"):
        _reordered(code, (batch, channels, block, block, *small), (0, 1, 4, 2, 5, 3))
    else:
        _reordered(code, (batch, block, block, channels, *small), (0, 3, 4, 1, 5, 2))


def space_to_depth(code: Code) -> None:
    """Both modes."""
    op = code.op
    block = op.get("blocksize", 1)
    batch, channels, rows, columns = op.input(0).shape
    shape = (batch, channels, rows // block, block, columns // block, block)
    first = op.choice("mode", CHANNELS_FIRST, "DCR")
    _reordered(code, shape, (0, 1, 3, 5, 2, 4) if first else (0, 3, 5, 1, 2, 4))


def _reordered(code: Code, shape: tuple[int, ...], order: tuple[int, ...]) -> None:
    """The input seen as `shape`, its axes in another order."""
    strides = _contiguous(shape)
    moved = tuple(shape[axis] for axis in order)
    copied(code, moved, Walk(tuple(strides[axis] for axis in order)), Walk(_contiguous(moved)))


def _contiguous(shape: Sequence[int]) -> Strides:
    return tuple(int(np.prod(shape[axis + 1 :], dtype=np.int64)) for axis in range(len(shape)))


def copied(
    code: Code, shape: Sequence[int], x: Walk, y: Walk, *, pointers: tuple[str, str] = ("x0", "y0")
) -> None:
    """A loop that copies; several may stand in one step."""
    code.headers.add("base")
    source, target = pointers
    code.line("{")
    for line in loops(shape, [x, y], f"{target}[{{1}}] = {source}[{{0}}];", independent=True):
        code.line(f"    {line}")
    code.line("}")


COPIES: Mapping[str, Callable[[Code], None]] = {
    "Concat": concat,
    "DepthToSpace": depth_to_space,
    "Expand": expand,
    "Slice": slice_,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Tile": tile,
    "Transpose": transpose,
}
