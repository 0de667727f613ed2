"""Which products of matrices are layers: a constant weight, and a bias?"""

import numpy as np
import onnx_ir

from secateur.compiler.passes.match import absorb_, constant, only_reader


def fold_transposes_(graph: onnx_ir.Model) -> None:
    """Transposed constants become constants."""
    for node in list(graph.graph):
        array = constant(node.inputs[0]) if node.op_type == "Transpose" else None
        output = node.outputs[0]
        if array is None or output.is_graph_output():
            continue
        order = node.attributes.get("perm")
        turned = np.ascontiguousarray(array.transpose(None if order is None else order.as_ints()))
        output.const_value = onnx_ir.tensor(turned, name=output.name)
        output.shape = onnx_ir.Shape(turned.shape)
        graph.graph.remove(node)
        graph.graph.register_initializer(output)


def fuse_biases_(graph: onnx_ir.Model) -> None:
    """MatMul(x, w) + b -> Gemm(x, w, b), with as many axes in front as x has."""
    for node in list(graph.graph):
        if node.op_type != "MatMul" or not _layer(node):
            continue
        add = only_reader(node.outputs[0])
        bias = None if add is None or add.op_type != "Add" else _other(add, node.outputs[0])
        if add is not None and bias is not None and _fits(node, bias):
            node.op_type = "Gemm"
            node.resize_inputs(3)
            node.replace_input_with(2, bias)
            absorb_(node, add)


def _layer(node: onnx_ir.Node) -> bool:
    """Rows times a constant matrix."""
    x, weight = node.inputs[0], constant(node.inputs[1])
    return weight is not None and weight.ndim == 2 and x is not None and len(x.shape or ()) >= 2


def _other(add: onnx_ir.Node, product: onnx_ir.Value) -> onnx_ir.Value | None:
    return next((value for value in add.inputs if value is not product), None)


def _fits(node: onnx_ir.Node, bias: onnx_ir.Value) -> bool:
    """One constant for each column."""
    array, product = constant(bias), node.outputs[0].shape
    if array is None or product is None or array.ndim > len(product):
        return False
    return array.shape[-1:] == (product[-1],) and array.size == array.shape[-1]
