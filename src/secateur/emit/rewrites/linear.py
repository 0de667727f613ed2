"""Which products and sums are a Linear layer?

PyTorch's exporter writes one as Gemm on a matrix, and as Transpose, MatMul and Add on anything else. Older ones store
the weight the other way round, under a name of their own.
"""

import onnx_ir

from secateur.emit.identifiers import computed
from secateur.emit.rewrites.match import Value, put_, rank, read_by, stored


def join_(node: onnx_ir.Node) -> bool:
    """Put a Linear (x, weight, bias) for a product with an initializer; whether there was one."""
    if node.op_type == "Gemm":
        return _join_gemm_(node)
    if node.op_type != "MatMul":
        return False
    weight = _turned(node.inputs[1])
    turned = weight is None
    weight = node.inputs[1] if turned else weight
    if not _matrix(weight) or (turned and not computed(weight.name or "")):
        return False
    add = read_by(node.outputs[0], "Add")
    bias = None if add is None else next((v for v in add.inputs if v is not node.outputs[0]), None)
    outputs = weight.const_value.shape[1 if turned else 0]
    with_bias = add is not None and _vector(bias, outputs)
    inputs = [node.inputs[0], weight, *([bias] if with_bias else [])]
    put_(add if with_bias else node, "TurnedLinear" if turned else "Linear", inputs)
    return True


def _join_gemm_(node: onnx_ir.Node) -> bool:
    attributes = node.attributes
    weight, bias = node.inputs[1], node.inputs[2] if len(node.inputs) > 2 else None
    turned = attributes.get_int("transB", 0) == 0
    plain = attributes.get_int("transA", 0) == 0 and all(attributes.get_float(n, 1.0) == 1 for n in ("alpha", "beta"))
    if not plain or not _matrix(weight) or (turned and not computed(weight.name or "")):
        return False
    if bias is not None and not _vector(bias, weight.const_value.shape[1 if turned else 0]):
        return False
    put_(node, "TurnedLinear" if turned else "Linear", [node.inputs[0], weight, *([] if bias is None else [bias])])
    return True


def _turned(value: Value | None) -> Value | None:
    """The initializer that a value is the transpose of."""
    node = None if value is None else value.producer()
    if node is None or node.op_type != "Transpose" or tuple(node.attributes.get_ints("perm", None) or ()) not in ((), (1, 0)):
        return None
    source = node.inputs[0]
    return source if _matrix(source) else None


def _matrix(value: Value | None) -> bool:
    return value is not None and value.const_value is not None and value.const_value.shape.rank() == 2


def _vector(value: Value | None, size: int) -> bool:
    return value is not None and value.const_value is not None and tuple(value.const_value.shape) == (size,)
