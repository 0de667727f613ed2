"""Which batches are computed one example after the other, so that their activations stay in the caches?"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import onnx_ir
from onnx_ir.passes import common

from secateur.compiler.passes.match import constant

CACHE = 1 << 20  # bytes: a second-level cache


def split_(graph: onnx_ir.Model) -> int:
    """Make a graph of static shapes one of a single example, and answer how many there are.

    Only where there are convolutions, whose weights are read for every tile of pixels anyway, where some
    activation would not stay in the cache, and where every operator treats its examples one by one. Else the
    graph stays as it is, and the answer is 1.
    """
    batch = _batch(graph.graph)
    nodes = list(graph.graph)
    large = any(4 * math.prod(_sizes(node.outputs[0])) > CACHE for node in nodes)
    convolves = any(node.op_type == "Conv" for node in nodes)
    if batch == 1 or not large or not convolves or not all(_separate(node, batch) for node in nodes):
        return 1
    for node in nodes:
        if node.op_type == "Reshape":
            _reshape_one_(graph.graph, node, batch)
        for output in node.outputs:
            output.shape = None
    for value in graph.graph.inputs:
        value.shape = onnx_ir.Shape((1, *_sizes(value)[1:]))
    common.ShapeInferencePass(check_type=False, strict_mode=False)(graph)
    return batch


def _batch(graph: onnx_ir.Graph) -> int:
    """The first size of all inputs and outputs, 1 where they differ."""
    firsts = {(_sizes(value) or (1,))[0] for value in (*graph.inputs, *graph.outputs)}
    return firsts.pop() if len(firsts) == 1 else 1


def _sizes(value: onnx_ir.Value | None) -> tuple[int, ...]:
    return () if value is None else tuple(size for size in value.shape or () if isinstance(size, int))


def _separate(node: onnx_ir.Node, batch: int) -> bool:
    """Is example i of the output made of example i of the inputs?"""
    rule = RULES.get(node.op_type)
    computed = [value for value in node.inputs if value is not None and value.const_value is None]
    batched = all(_sizes(value)[:1] == (batch,) for value in (*computed, *node.outputs) if value is not None)
    return rule is not None and not node.domain and bool(computed) and batched and rule(node)


def _always(_: onnx_ir.Node) -> bool:
    return True


def _elementwise(node: onnx_ir.Node) -> bool:
    """Constants are the same for all examples, and all axes of the others are those of the output."""
    rank = len(_sizes(node.outputs[0]))
    for value in node.inputs:
        sizes = _sizes(value)
        if value is None or (value.const_value is None and len(sizes) == rank):
            continue
        array = constant(value)
        if array is None or (array.ndim == rank and array.shape[0] != 1):
            return False
    return True


def _product(node: onnx_ir.Node) -> bool:
    """Rows times a constant matrix."""
    turned = node.attributes.get_int("transA", 0) == 1
    matrix, rank = constant(node.inputs[1]), len(_sizes(node.inputs[0]))
    added = node.inputs[2] if len(node.inputs) > 2 else None
    known = constant(added)
    same = added is None or (
        len(_sizes(added)) == 2 if known is None else known.ndim < 2 or known.shape[0] == 1
    )
    return not turned and matrix is not None and matrix.ndim <= 2 <= rank and same


def _behind(node: onnx_ir.Node) -> bool:
    """Along an axis behind the first; Flatten keeps the first alone."""
    default = -1 if "Softmax" in node.op_type else 1
    axis = node.attributes.get_int("axis", default) % len(_sizes(node.outputs[0]))
    constants = any(constant(value) is not None for value in node.inputs)  # joined to all examples at once
    return not constants and (axis == 1 if node.op_type == "Flatten" else axis != 0)


def _reduce(node: onnx_ir.Node) -> bool:
    given = constant(node.inputs[1]) if len(node.inputs) > 1 else None
    axes = node.attributes.get_ints("axes", ()) if given is None else [int(axis) for axis in given]
    rank = len(_sizes(node.inputs[0]))
    return len(axes) > 0 and 0 not in [axis % rank for axis in axes]


def _transpose(node: onnx_ir.Node) -> bool:
    order = node.attributes.get_ints("perm", ())
    return len(order) > 0 and order[0] == 0


def _reshape(node: onnx_ir.Node) -> bool:
    """Its first size is that of the batch, which `_separate` has asked; 0 may stand for it."""
    shape = constant(node.inputs[1])
    return shape is not None and (0 not in shape or node.attributes.get_int("allowzero", 0) == 0)


def _reshape_one_(graph: onnx_ir.Graph, node: onnx_ir.Node, batch: int) -> None:
    """The same of one example."""
    shape = np.array(constant(node.inputs[1]), np.int64)
    if shape[0] == batch:
        shape[0] = 1
        value = onnx_ir.val(f"{node.outputs[0].name}.of_one", const_value=onnx_ir.tensor(shape))
        graph.register_initializer(value)
        node.replace_input_with(1, value)


RULES: Mapping[str, Callable[[onnx_ir.Node], bool]] = {
    **dict.fromkeys(
        (
            *("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"),
            *("BatchNormalization", "InstanceNormalization", "Relu", "LeakyRelu", "Sigmoid", "Tanh", "Clip"),
            *(
                "HardSigmoid",
                "HardSwish",
                "Gelu",
                "Elu",
                "Softplus",
                "Mish",
                "Erf",
                "Exp",
                "Sqrt",
                "Identity",
            ),
        ),
        _always,
    ),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "PRelu"), _elementwise),
    **dict.fromkeys(("Gemm", "MatMul"), _product),
    **dict.fromkeys(("Flatten", "Concat", "Softmax", "LogSoftmax"), _behind),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "Squeeze"), _reduce),
    "Transpose": _transpose,
    "Reshape": _reshape,
}
"""Operator -> whether it treats its examples one by one; of others that is not known."""
