"""Which operators are written in others before all else, since ONNX infers no shape for them?"""

from collections.abc import Callable, Mapping

import numpy as np
import onnx_ir
from onnx_ir import tape


def write_out_(graph: onnx_ir.Model) -> None:
    """Replace them by nodes that compute the same."""
    version = graph.graph.opset_imports.get("", 21)
    for node in list(graph.graph):
        if node.op_type in FUNCTIONS and node.domain == "" and node.inputs[0] is not None:
            builder = tape.Tape(graph.graph)
            answer = FUNCTIONS[node.op_type](builder, node, version)
            graph.graph.insert_before(node, builder.nodes)
            node.outputs[0].replace_all_uses_with(answer, replace_graph_outputs=True)
            answer.name = node.outputs[0].name
            graph.graph.remove(node, safe=True)


def _group_normalization(build: tape.Tape, node: onnx_ir.Node, version: int) -> onnx_ir.Value:
    """Any number of axes behind the channels; scale and bias for each channel, or group before version 21."""
    x, scale, bias = node.inputs
    groups = node.attributes["num_groups"].as_int()
    epsilon = node.attributes["epsilon"].as_float() if "epsilon" in node.attributes else 1e-5
    grouped = build.op("Reshape", [x, _known(build, node, "groups", np.array([0, groups, -1]))])
    by_channel = version >= 21
    ones, zeros = (
        _known(build, node, name, np.full(groups, value, np.float32)) if by_channel else given
        for name, value, given in (("ones", 1, scale), ("zeros", 0, bias))
    )
    result = build.op("InstanceNormalization", [grouped, ones, zeros], {"epsilon": epsilon})
    if by_channel:
        column = _known(build, node, "column", np.array([-1, 1]))
        rows = build.op("Reshape", [result, build.op("Concat", _rows(build, node, x), {"axis": 0})])
        scaled = build.op("Mul", [rows, build.op("Reshape", [scale, column])])
        result = build.op("Add", [scaled, build.op("Reshape", [bias, column])])
    return build.op("Reshape", [result, build.op("Shape", [x])])


def _rows(build: tape.Tape, node: onnx_ir.Node, x: onnx_ir.Value | None) -> list[onnx_ir.Value]:
    """(batch, channels, -1)."""
    return [build.op("Shape", [x], {"start": 0, "end": 2}), _known(build, node, "rest", np.array([-1]))]


def _known(build: tape.Tape, node: onnx_ir.Node, what: str, array: np.ndarray) -> onnx_ir.Value:
    return build.initializer(onnx_ir.tensor(array), name=f"{node.outputs[0].name}.{what}")


FUNCTIONS: Mapping[str, Callable[[tape.Tape, onnx_ir.Node, int], onnx_ir.Value]] = {
    "GroupNormalization": _group_normalization
}
"""ONNX's name -> what computes the same; the first line of its documentation says what it accepts."""
