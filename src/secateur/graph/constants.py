"""Where does an ONNX graph keep the numbers of a layer, and how are they replaced?"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx_ir

Floats = NDArray[np.floating[Any]]


def output_axis(layer: "onnx_ir.Node") -> int:
    """The axis of the weight, `inputs[1]`, along which the output channels lie."""
    if layer.op_type == "Gemm":
        return 0 if layer.attributes.get_int("transB", 0) else 1
    return {"Conv": 0, "ConvTranspose": 1, "MatMul": 1}[layer.op_type]


def constant(value: "onnx_ir.Value | None") -> Floats | None:
    """The array of an initializer; None of a value that is computed."""
    if value is None or not value.is_initializer() or value.const_value is None:
        return None
    return value.const_value.numpy()


def set_constant(value: "onnx_ir.Value", array: Floats) -> None:
    """Store the array as float32, without subnormal values, which make processors many times slower."""
    import onnx_ir

    narrow = array.astype(np.float32)
    narrow[np.abs(narrow) < np.finfo(np.float32).tiny] = 0
    value.const_value = onnx_ir.tensor(narrow, name=value.name)
    value.shape, value.type = onnx_ir.Shape(narrow.shape), onnx_ir.TensorType(onnx_ir.DataType.FLOAT)
