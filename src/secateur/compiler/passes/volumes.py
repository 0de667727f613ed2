"""How do convolutions and poolings over three axes become ones over two, whose kernels there are?

For each output slice a convolution sees a few input slices: they become channels of an image, and the slices
a batch. A pooling is one over rows and columns, then one over depth.
"""

from collections.abc import Sequence

import numpy as np
import onnx_ir
from onnx_ir import tape

from secateur.compiler.bounds import MOST
from secateur.compiler.passes.match import constant, numbers, shape_, sizes

POOLS = ("AveragePool", "MaxPool")
SIZED = ("dilations", "kernel_shape", "pads", "strides")


class _Builder(tape.Tape):
    """Makes nodes and lists of numbers, which need names."""

    def __init__(self, graph: onnx_ir.Graph, name: str) -> None:
        super().__init__(graph)
        self.name = name

    def known(self, values: Sequence[int]) -> onnx_ir.Value:
        """A constant."""
        name = f"{self.name}.known.{len(self.initializers)}"
        return self.initializer(onnx_ir.tensor(np.array(values, np.int64)), name=name)


def volumes_(graph: onnx_ir.Model) -> None:
    """Conv with a constant weight, AveragePool and MaxPool, of (batch, channels, depth, rows, columns)."""
    for node in list(graph.graph):
        x = node.inputs[0] if node.inputs else None
        if x is None or node.op_type not in ("Conv", *POOLS) or len(sizes(x)) != 5 or _automatic(node):
            continue
        if node.op_type == "Conv" and not _unfolds(node, x):
            continue
        build = _Builder(graph.graph, node.outputs[0].name or "")
        answer = (_convolved if node.op_type == "Conv" else _pooled)(build, node, x)
        graph.graph.insert_before(node, build.nodes)
        node.outputs[0].replace_all_uses_with(answer, replace_graph_outputs=True)
        answer.name = node.outputs[0].name
        graph.graph.remove(node, safe=True)


def _unfolds(node: onnx_ir.Node, x: onnx_ir.Value) -> bool:
    """Is the weight a constant, and can the elements of what its slices see be counted?"""
    weight = constant(node.inputs[1])
    if weight is None:
        return False
    batch, channels, slices, rows, columns = sizes(x)
    padded = slices + sum(numbers(node, "pads", [0] * 6)[::3])
    seen = int(weight.shape[2]) * sizes(node.outputs[0])[2]
    return batch * channels * max(padded, seen) * rows * columns <= MOST


def _automatic(node: onnx_ir.Node) -> bool:
    return "auto_pad" in node.attributes and node.attributes["auto_pad"].as_string() != "NOTSET"


def _convolved(build: _Builder, node: onnx_ir.Node, x: onnx_ir.Value) -> onnx_ir.Value:
    weight = np.asarray(constant(node.inputs[1]), np.float32)
    outputs, depth = weight.shape[0], weight.shape[2]
    batch, _, slices, rows, columns = sizes(node.outputs[0])
    images = _slices_seen(build, node, x, depth)
    flat = onnx_ir.tensor(np.ascontiguousarray(weight.reshape(outputs, -1, *weight.shape[3:])))
    inputs = [images, build.initializer(flat, name=f"{node.outputs[0].name}.weight"), *node.inputs[2:3]]
    if len(node.inputs) > 3 and node.inputs[3] is not None:  # what passes/residuals.py adds
        inputs = [*inputs, *[None] * (3 - len(inputs)), _by_slice(build, node.inputs[3])]
    kept = {name: given.value for name, given in node.attributes.items() if name not in SIZED}
    of_images = {name: _behind(numbers(node, name, [])) for name in SIZED if name in node.attributes}
    conv = build.op("Conv", inputs, {**kept, **of_images})
    shape_(conv, (batch * slices, outputs, rows, columns), x)
    apart = _reshaped(build, conv, (batch, slices, outputs, rows, columns))
    return _swapped(build, apart)


def _behind(per_axis: list[int]) -> list[int]:
    """Without depth, which is the first axis; pads name each axis twice."""
    return per_axis[1:3] + per_axis[4:]


def _slices_seen(build: _Builder, node: onnx_ir.Node, x: onnx_ir.Value, depth: int) -> onnx_ir.Value:
    """(batch * output slices, channels * depth, rows, columns)."""
    before, behind = (numbers(node, "pads", [0] * 6)[i] for i in (0, 3))
    stride, dilation = numbers(node, "strides", [1])[0], numbers(node, "dilations", [1])[0]
    batch, channels, _, rows, columns = sizes(x)
    slices = sizes(node.outputs[0])[2]
    if before or behind:
        x = _padded(build, x, before, behind)
    if depth == 1 and stride == 1:
        return _by_slice(build, x)
    seen = [_every(build, x, k * dilation, stride, slices) for k in range(depth)]
    together = build.op("Concat", seen, {"axis": 2})
    shape_(together, (batch, channels, depth * slices, rows, columns), x)
    apart = _reshaped(build, together, (batch, channels, depth, slices, rows, columns))
    moved = build.op("Transpose", [apart], {"perm": [0, 3, 1, 2, 4, 5]})
    shape_(moved, (batch, slices, channels, depth, rows, columns), x)
    return _reshaped(build, moved, (batch * slices, channels * depth, rows, columns))


def _pooled(build: _Builder, node: onnx_ir.Node, x: onnx_ir.Value) -> onnx_ir.Value:
    """A maximum of maxima, a mean of means: what an axis pads or cuts off is the same for all others."""
    batch, channels, slices, *_ = sizes(x)
    out_slices, out_rows, out_columns = sizes(node.outputs[0])[2:]
    kept = {name: given.value for name, given in node.attributes.items() if name not in SIZED}
    of_images = {name: _behind(numbers(node, name, [])) for name in SIZED if name in node.attributes}
    images = _reshaped(build, x, (batch, channels * slices, *sizes(x)[3:]))
    small = build.op(node.op_type, [images], {**kept, **of_images})
    shape_(small, (batch, channels * slices, out_rows, out_columns), x)
    lines = _reshaped(build, small, (batch, channels, slices, out_rows * out_columns))
    of_depth = {name: _along_depth(name, numbers(node, name, [])) for name in of_images}
    result = build.op(node.op_type, [lines], {**kept, **of_depth})
    shape_(result, (batch, channels, out_slices, out_rows * out_columns), x)
    return _reshaped(build, result, (batch, channels, out_slices, out_rows, out_columns))


def _along_depth(name: str, per_axis: list[int]) -> list[int]:
    """A window of one column."""
    return [per_axis[0], 0, per_axis[3], 0] if name == "pads" else [per_axis[0], 1]


def _by_slice(build: _Builder, x: onnx_ir.Value | None) -> onnx_ir.Value:
    """(batch, channels, slices, ...) -> (batch * slices, channels, ...)."""
    assert x is not None, "checked by the caller"
    batch, channels, slices, rows, columns = sizes(x)
    return _reshaped(build, _swapped(build, x), (batch * slices, channels, rows, columns))


def _swapped(build: _Builder, x: onnx_ir.Value) -> onnx_ir.Value:
    """The axes 1 and 2."""
    batch, one, two, *behind = sizes(x)
    return shape_(build.op("Transpose", [x], {"perm": [0, 2, 1, 3, 4]}), (batch, two, one, *behind), x)


def _padded(build: _Builder, x: onnx_ir.Value, before: int, behind: int) -> onnx_ir.Value:
    shape = sizes(x)
    shape[2] += before + behind
    pads = build.known([0, 0, before, 0, 0, 0, 0, behind, 0, 0])
    return shape_(build.op("Pad", [x, pads]), shape, x)


def _every(build: _Builder, x: onnx_ir.Value, start: int, stride: int, count: int) -> onnx_ir.Value:
    """`count` slices, `stride` apart."""
    shape = sizes(x)
    shape[2] = count
    places = [build.known([n]) for n in (start, start + (count - 1) * stride + 1, 2, stride)]
    return shape_(build.op("Slice", [x, *places]), shape, x)


def _reshaped(build: _Builder, x: onnx_ir.Value, shape: Sequence[int]) -> onnx_ir.Value:
    return shape_(build.op("Reshape", [x, build.known(shape)]), shape, x)
