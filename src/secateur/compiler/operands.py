"""Do an operator's inputs fit one another, where ONNX's shape inference does not ask?

Kernels read as many elements as shapes say, so a file whose bias is too short would make them read beyond it.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np
import onnx_ir

from secateur.errors import CompileError

Shape = tuple[int, ...]


def refuse_operands(graph: onnx_ir.Model) -> None:
    """Each operator's inputs have the sizes that it needs.

    Args:
        graph: all shapes known, where they can be.

    Raises:
        CompileError: one does not.
    """
    for node in graph.graph:
        shapes = [_shape(value) for value in node.inputs]
        expected = EXPECTED[node.op_type](node, shapes) if node.op_type in EXPECTED else {}
        for index, shape in expected.items():
            found = shapes[index] if index < len(shapes) else None
            if found is not None and found != shape:
                raise CompileError(
                    f"The operator {node.op_type} (node {node.name!r}) has an input {index} of shape "
                    f"{list(found)}. Its other inputs and attributes ask for {list(shape)}: export it again."
                )


Expected = Mapping[int, Shape]  # index of an input -> its shape


def _conv(node: onnx_ir.Node, shapes: list[Shape | None]) -> Expected:
    x, w = shapes[:2]
    if x is None or w is None:
        return {}
    group = _number(node, "group", 1)
    kernel = tuple(_attribute(node, "kernel_shape", w[2:]))
    if group < 1 or w[0] % group:
        raise CompileError(
            f"The operator {node.op_type} (node {node.name!r}) has {group} groups of {w[0]} channels. "
            "Expected a number that divides them."
        )
    if node.op_type == "ConvTranspose":
        return {1: (x[1], w[1], *kernel), 2: (w[1] * group,)}
    return {1: (w[0], x[1] // group, *kernel), 2: (w[0],), 0: (x[0], w[1] * group, *x[2:])}


def _gemm(node: onnx_ir.Node, shapes: list[Shape | None]) -> Expected:
    bias, y = shapes[2] if len(shapes) > 2 else None, _shape(node.outputs[0])
    if bias is None or y is None or _broadcasts(bias, y):
        return {}
    return {2: y}


def _normalization(node: onnx_ir.Node, shapes: list[Shape | None]) -> Expected:
    x = shapes[0]
    if x is None:
        return {}
    behind = x[_number(node, "axis", -1) :]
    wrong = [
        i for i, shape in enumerate(shapes) if i and shape is not None and not _broadcasts(shape, behind)
    ]
    return dict.fromkeys(wrong, behind)


def _of_channels(_: onnx_ir.Node, shapes: list[Shape | None]) -> Expected:
    """Scale, bias, mean and variance: one for each channel."""
    x = shapes[0]
    return {} if x is None else dict.fromkeys(range(1, len(shapes)), x[1:2] or (1,))


def _clip(_: onnx_ir.Node, shapes: list[Shape | None]) -> Expected:
    """Bounds are one number each."""
    return {i: () for i, shape in enumerate(shapes) if i and shape is not None and prod(shape) != 1}


def _prelu(_: onnx_ir.Node, shapes: list[Shape | None]) -> Expected:
    x, slope = shapes[:2]
    return {} if x is None or slope is None or _broadcasts(slope, x) else {1: x}


def _recurrent(node: onnx_ir.Node, shapes: list[Shape | None]) -> Expected:
    x, r = shapes[0], shapes[2]
    if x is None or r is None or len(x) != 3:
        return {}
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[node.op_type]
    ways = 2 if _attribute(node, "direction", "forward") == "bidirectional" else 1
    hidden, batch = _number(node, "hidden_size", r[-1]), x[1 - _number(node, "layout", 0)]
    rows, start = gates * hidden, (ways, batch, hidden)
    return {
        1: (ways, rows, x[2]),
        2: (ways, rows, hidden),
        3: (ways, 2 * rows),
        4: (batch,),
        5: start,
        6: start,
        7: (ways, 3 * hidden),
    }


def _view(node: onnx_ir.Node, shapes: list[Shape | None]) -> Expected:
    x, y = shapes[0], _shape(node.outputs[0])
    return {} if x is None or y is None or prod(x) == prod(y) else {0: y}


def _scatter_nd(_: onnx_ir.Node, shapes: list[Shape | None]) -> Expected:
    x, indices = shapes[:2]
    if x is None or indices is None:
        return {}
    if not indices or indices[-1] > len(x):
        return {1: (*indices[:-1], len(x))}
    return {2: (*indices[:-1], *x[indices[-1] :])}


def _gather_nd(node: onnx_ir.Node, shapes: list[Shape | None]) -> Expected:
    x, indices, batch = *shapes[:2], _number(node, "batch_dims", 0)
    if x is None or indices is None:
        return {}
    return {1: (*x[:batch], *indices[batch:-1], min([*indices[-1:], len(x) - batch]))}


def _by_element(node: onnx_ir.Node, shapes: list[Shape | None]) -> Expected:
    """Along the other axes, indices are no longer than what they point into; updates are as long as they."""
    x, indices = shapes[:2]
    if x is None or indices is None or len(x) != len(indices):
        return {} if x is None or indices is None else {1: x}
    axis = _number(node, "axis", 0) % max(1, len(x))
    within = tuple(
        i if a == axis else min(i, size) for a, (i, size) in enumerate(zip(indices, x, strict=True))
    )
    return {1: within} if node.op_type == "GatherElements" else {1: within, 2: indices}


def _grid(_: onnx_ir.Node, shapes: list[Shape | None]) -> Expected:
    x, grid = shapes[:2]
    return {} if x is None or grid is None else {1: (x[0], *grid[1 : len(x) - 1], len(x) - 2)}


EXPECTED: Mapping[str, Callable[[onnx_ir.Node, list[Shape | None]], Expected]] = {
    **dict.fromkeys(("BatchNormalization", "InstanceNormalization"), _of_channels),
    "Clip": _clip,
    **dict.fromkeys(("Conv", "ConvTranspose"), _conv),
    "GatherND": _gather_nd,
    "Gemm": _gemm,
    "GridSample": _grid,
    "PRelu": _prelu,
    "ScatterND": _scatter_nd,
    **dict.fromkeys(("GatherElements", "Scatter", "ScatterElements"), _by_element),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), _normalization),
    **dict.fromkeys(("RNN", "GRU", "LSTM"), _recurrent),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), _view),
}
"""Operator -> what it expects, from those of its inputs that are known."""


def _broadcasts(shape: Shape, to: Shape) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def _shape(value: onnx_ir.Value | None) -> Shape | None:
    if value is None or value.shape is None:
        return None
    sizes = tuple(size for size in value.shape if isinstance(size, int))
    return sizes if len(sizes) == len(value.shape) else None


def _attribute(node: onnx_ir.Node, name: str, default: Any) -> Any:
    found = node.attributes.get(name)
    return default if found is None else found.value


def _number(node: onnx_ir.Node, name: str, default: int) -> int:
    return int(_attribute(node, name, default))
