"""Which constants may be computed while a graph is read? Its shapes are anyone's numbers."""

import math

import numpy as np
import onnx_ir

FOLDED = 2**22  # elements of a constant that is computed from smaller ones
NUMBERS = 16  # elements of a constant that may be sizes, or ends of a range


def worth_folding(node: onnx_ir.Node) -> bool:
    """Transposed weights, masks: what is no larger than its inputs, or small.

    Args:
        node: all of whose inputs are constants.
    """
    given = [
        value.const_value for value in node.inputs if value is not None and value.const_value is not None
    ]
    bound = math.prod(_bound(tensor) for tensor in given)
    room = max(FOLDED, sum(tensor.size for tensor in given))
    return all(_elements(value, bound) <= room for value in node.outputs if value.name)


def _elements(value: onnx_ir.Value, bound: float) -> float:
    sizes = [size for size in value.shape or () if isinstance(size, int)]
    known = value.shape is not None and len(sizes) == len(value.shape)
    return math.prod(sizes) if known else bound


def _bound(tensor: onnx_ir.TensorProtocol) -> float:
    """By how much an input can multiply the elements of an output whose shape is not known."""
    if tensor.size > NUMBERS or not np.issubdtype(tensor.numpy().dtype, np.number):
        return tensor.size
    return max(1, tensor.size) * float(np.prod(np.maximum(1.0, np.abs(tensor.numpy().astype(np.float64)))))
