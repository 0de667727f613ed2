"""Which layers apply their activation function while the sum is still in a register?"""

import math

import onnx_ir

from secateur.compiler.passes.match import absorb_, only_reader, scalar

LAYERS = ("Conv", "Gemm", "MatMul")


def fuse_activations_(graph: onnx_ir.Model) -> None:
    """Relu and Clip, as the attributes `activation` and `activation_parameters` of the layer."""
    for node in list(graph.graph):
        after = only_reader(node.outputs[0]) if node.op_type in LAYERS else None
        found = None if after is None or "activation" in node.attributes else _activation(after)
        if after is not None and found is not None:
            node.attributes.add(onnx_ir.AttrString("activation", found[0]))
            node.attributes.add(onnx_ir.AttrFloat32s("activation_parameters", found[1]))
            absorb_(node, after)


def _activation(node: onnx_ir.Node) -> tuple[str, tuple[float, float]] | None:
    if node.op_type == "Relu":
        return "Relu", (0.0, 0.0)
    if node.op_type == "Clip":
        known = [node.attributes.get_float("min", -math.inf), node.attributes.get_float("max", math.inf)]
        low, high = (scalar(value, bound) for value, bound in zip(_bounds(node), known, strict=True))
        return None if low is None or high is None else ("Clip", (low, high))
    return None


def _bounds(node: onnx_ir.Node) -> list[onnx_ir.Value | None]:
    return [*node.inputs[1:], None, None][:2]
