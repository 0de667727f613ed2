"""How are biases and normalisation written with fewer digits?

They are few, and stay float, but beside weights of two or three bits their four bytes each add up: in a
small residual network to a fifth of the file.
"""

from collections.abc import Collection

import ml_dtypes
import numpy as np
import onnx_ir
from numpy.typing import NDArray

NARROW = {"bfloat16": np.dtype(ml_dtypes.bfloat16), "float16": np.dtype(np.float16)}


def settle_batchnorm_(graph: onnx_ir.Graph) -> set[str]:
    """Make two numbers per channel of BatchNorm's four, in place; exact to rounding.

    In evaluation it computes x * scale' + bias', with scale' = scale / sqrt(var + epsilon) and
    bias' = bias - mean * scale'. Written so, mean is 0 and var + epsilon is 1 everywhere, and all layers
    of one width share those. A BatchNorm whose tensors are also used elsewhere is left alone.

    Returns:
        The names of the new scales and biases.
    """
    changed: set[str] = set()
    for node in graph:
        if node.op_type != "BatchNormalization" or not _own(node):
            continue
        scale, bias, mean, var = (_array(value) for value in node.inputs[1:5])
        epsilon = node.attributes.get_float("epsilon", 1e-5)
        scale = scale / np.sqrt(var + epsilon)
        bias = bias - mean * scale
        for value, array in zip(node.inputs[1:3], (scale, bias), strict=True):
            assert value is not None
            _set(value, array.astype(np.float32))
            changed.add(value.name or "")
        width = len(scale)
        old = node.inputs[3:5]
        node.replace_input_with(3, _shared(graph, f"batchnorm.mean.{width}", np.zeros(width, np.float32)))
        node.replace_input_with(4, _shared(graph, f"batchnorm.var.{width}", np.ones(width, np.float32)))
        node.attributes.add(onnx_ir.AttrFloat32("epsilon", 0.0))
        for value in old:
            assert value is not None
            graph.initializers.pop(value.name or "")
    return changed


def round_(graph: onnx_ir.Graph, names: Collection[str], dtype: str) -> None:
    """Round these float32 initializers to the numbers of a narrower type, in place; they stay float32.

    Args:
        graph: of the network.
        names: of initializers; other names and types are left alone.
        dtype: "bfloat16" or "float16"; "float32" changes nothing.
    """
    if dtype == "float32":
        return
    narrow = NARROW[dtype]
    largest = float(ml_dtypes.finfo(narrow).max)  # type: ignore[no-untyped-call]
    for name, value in graph.initializers.items():
        if name in names and value.dtype == onnx_ir.DataType.FLOAT:
            array = _array(value).astype(np.float32)
            _set(value, np.clip(array, -largest, largest).astype(narrow).astype(np.float32))


def _own(node: onnx_ir.Node) -> bool:
    """Whether all four tensors are initializers that nothing else uses."""
    values = node.inputs[1:5]
    return all(v is not None and v.const_value is not None and len(v.uses()) == 1 for v in values)


def _array(value: onnx_ir.Value | None) -> NDArray[np.float64]:
    assert value is not None
    assert value.const_value is not None
    return value.const_value.numpy().astype(np.float64)


def _set(value: onnx_ir.Value, array: NDArray[np.float32]) -> None:
    value.const_value = onnx_ir.tensor(array, name=value.name)


def _shared(graph: onnx_ir.Graph, name: str, array: NDArray[np.float32]) -> onnx_ir.Value:
    if name not in graph.initializers:
        tensor = onnx_ir.tensor(array, name=name)
        graph.register_initializer(onnx_ir.Value(name=name, const_value=tensor))
    return graph.initializers[name]
