"""Which transposed convolutions are convolutions, whose kernels are faster and skip zeros?"""

from dataclasses import dataclass

import numpy as np
import onnx_ir
from numpy.typing import NDArray
from onnx_ir import tape

from secateur.compiler.passes.match import constant, numbers, shape_, sizes

Weight = NDArray[np.float32]


@dataclass(frozen=True)
class Spread:
    """A transposed convolution in two dimensions.

    Every output pixel u = stride * m + phase, before `pads` are cut off, is a sum over the input pixels m - j
    with the weights at phase + stride * j: for each phase a convolution with `taps` weights. All phases
    together are one, with stride^2 times the channels, that DepthToSpace puts in their places.
    """

    stride: int
    groups: int
    pads: tuple[int, int]
    taps: tuple[int, int]
    size: tuple[int, int]
    out: tuple[int, int]

    @property
    def rounds(self) -> tuple[int, int]:
        """Values of m that are computed, so that the output is covered."""
        least = [size + taps - 1 for size, taps in zip(self.size, self.taps, strict=True)]
        wanted = [-(-(pad + out) // self.stride) for pad, out in zip(self.pads, self.out, strict=True)]
        return max(least[0], wanted[0]), max(least[1], wanted[1])


def conv_transposes_(graph: onnx_ir.Model) -> None:
    """Those in two dimensions with a constant weight, one stride, no dilation: Conv, DepthToSpace, Slice."""
    for node in list(graph.graph):
        spread = _spread(node) if node.op_type == "ConvTranspose" else None
        if spread is not None:
            build = tape.Tape(graph.graph)
            answer = _written(build, node, spread)
            graph.graph.insert_before(node, build.nodes)
            node.outputs[0].replace_all_uses_with(answer, replace_graph_outputs=True)
            answer.name = node.outputs[0].name
            graph.graph.remove(node, safe=True)


def _spread(node: onnx_ir.Node) -> Spread | None:
    weight, x, y = constant(node.inputs[1]), sizes(node.inputs[0]), sizes(node.outputs[0])
    strides, dilations = numbers(node, "strides", [1, 1]), numbers(node, "dilations", [1, 1])
    automatic = "auto_pad" in node.attributes and node.attributes["auto_pad"].as_string() != "NOTSET"
    bias = len(node.inputs) > 2 and node.inputs[2] is not None and constant(node.inputs[2]) is None
    plain = len(set(strides)) == 1 and set(dilations) == {1} and not automatic and not bias
    if weight is None or weight.ndim != 4 or not plain or "output_shape" in node.attributes:
        return None
    pads, stride = numbers(node, "pads", [0] * 4), strides[0]
    taps = tuple(-(-size // stride) for size in weight.shape[2:])
    group = numbers(node, "group", [1])[0]
    return Spread(stride, group, (pads[0], pads[1]), (taps[0], taps[1]), (x[2], x[3]), (y[2], y[3]))


def _written(build: tape.Tape, node: onnx_ir.Node, spread: Spread) -> onnx_ir.Value:
    x, name = node.inputs[0], node.outputs[0].name
    weight = _by_phase(np.asarray(constant(node.inputs[1]), np.float32), spread)
    inputs = [x, build.initializer(onnx_ir.tensor(weight), name=f"{name}.weight")]
    bias = constant(node.inputs[2]) if len(node.inputs) > 2 else None
    if bias is not None:
        repeated = onnx_ir.tensor(np.repeat(bias, spread.stride**2))
        inputs.append(build.initializer(repeated, name=f"{name}.bias"))
    before = [taps - 1 for taps in spread.taps]
    behind = [m - size for m, size in zip(spread.rounds, spread.size, strict=True)]
    batch = sizes(x)[0]
    result = build.op("Conv", inputs, {"pads": [*before, *behind], "group": spread.groups})
    shape_(result, (batch, weight.shape[0], *spread.rounds), x)
    s, channels = spread.stride, weight.shape[0] // spread.stride**2
    if s > 1:
        result = build.op("DepthToSpace", [result], {"blocksize": s, "mode": "CRD"})
        shape_(result, (batch, channels, s * spread.rounds[0], s * spread.rounds[1]), x)
    if spread.pads != (0, 0) or sizes(result)[2:] != list(spread.out):
        ends = [pad + out for pad, out in zip(spread.pads, spread.out, strict=True)]
        lists = {"starts": list(spread.pads), "ends": ends, "axes": [2, 3]}
        known = [
            build.initializer(onnx_ir.tensor(np.array(places, np.int64)), name=f"{name}.{what}")
            for what, places in lists.items()
        ]
        result = build.op("Slice", [result, *known])
        shape_(result, (batch, channels, *spread.out), x)
    return result


def _by_phase(weight: Weight, spread: Spread) -> Weight:
    """(inputs, outputs / groups, rows, columns) -> (outputs * stride^2, inputs / groups, taps, taps)."""
    s, (rows, columns), groups = spread.stride, spread.taps, spread.groups
    inputs, outputs = weight.shape[:2]
    whole = np.zeros((inputs, outputs, rows * s, columns * s), np.float32)
    whole[:, :, : weight.shape[2], : weight.shape[3]] = weight
    parts = whole.reshape(groups, inputs // groups, outputs, rows, s, columns, s)
    turned = parts[:, :, :, ::-1, :, ::-1]  # a convolution reads forward, from m - taps + 1 on
    return np.ascontiguousarray(
        turned.transpose(0, 2, 4, 6, 1, 3, 5).reshape(
            groups * outputs * s * s, inputs // groups, rows, columns
        )
    )
