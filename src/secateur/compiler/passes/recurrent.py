"""Which part of a recurrent layer does not wait for the step before?"""

from typing import Any

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from secateur.compiler.passes.match import constant

Array = NDArray[Any]
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def project_inputs_(graph: onnx_ir.Model) -> None:
    """GRU(x, w, r, b, ...) -> GRU(Gemm(x, w, b), , r, b, ...): the products of all steps at once."""
    for node in list(graph.graph):
        weight = constant(node.inputs[1]) if node.op_type in GATES and len(node.inputs) > 2 else None
        if weight is not None and _bias_known(node):
            _project_(graph, node, weight.astype(np.float32))


def _bias_known(node: onnx_ir.Node) -> bool:
    return len(node.inputs) < 4 or node.inputs[3] is None or node.inputs[3].const_value is not None


def _project_(graph: onnx_ir.Model, node: onnx_ir.Node, weight: Array) -> None:
    x, name = node.inputs[0], f"{node.name or node.outputs[0].name}.inputs"
    assert x is not None, "a layer has an input"
    assert x.shape is not None, "shapes are known"
    outputs = weight.shape[0] * weight.shape[1]
    product = onnx_ir.Node(
        "",
        "Gemm",
        [
            x,
            _constant(graph, f"{name}.weight", weight.reshape(outputs, -1)),
            _constant(graph, f"{name}.bias", _bias(node, weight)),
        ],
        [onnx_ir.AttrInt64("transB", 1)],
        name=name,
    )
    output = product.outputs[0]
    output.name, output.type = name, onnx_ir.TensorType(onnx_ir.DataType.FLOAT)
    output.shape = onnx_ir.Shape((*x.shape.dims[:2], outputs))
    graph.graph.insert_before(node, product)
    node.replace_input_with(0, output)
    node.replace_input_with(1, None)


def _bias(node: onnx_ir.Node, weight: Array) -> Array:
    """Of the input, and of the state where both are only added."""
    directions, outputs, _ = weight.shape
    both = constant(node.inputs[3]) if len(node.inputs) > 3 else None
    if both is None:
        return np.zeros(directions * outputs, np.float32)
    of_input, of_state = both[:, :outputs], both[:, outputs:]
    linear = node.attributes.get("linear_before_reset")
    apart = node.op_type == "GRU" and linear is not None and linear.as_int()
    return np.ascontiguousarray(of_input if apart else of_input + of_state).reshape(-1)


def _constant(graph: onnx_ir.Model, name: str, array: Array) -> onnx_ir.Value:
    tensor = onnx_ir.tensor(np.ascontiguousarray(array.astype(np.float32)), name=name)
    value = onnx_ir.Value(
        name=name,
        shape=onnx_ir.Shape(array.shape),
        type=onnx_ir.TensorType(onnx_ir.DataType.FLOAT),
        const_value=tensor,
    )
    graph.graph.register_initializer(value)
    return value
