"""Which products and sums are a Linear layer?

PyTorch's exporter writes one as Gemm on a matrix, and as Transpose, MatMul and Add on anything else. Older
ones store the weight the other way round, under a name of their own.
"""

import onnx_ir

from secateur.emit.identifiers import computed
from secateur.emit.rewrites.match import Value, other, put_, read_by

SWAPPED: set[tuple[int, ...]] = {(), (1, 0)}


def join_(node: onnx_ir.Node) -> bool:
    """Put a Linear (x, weight, bias) for a product with an initializer; whether there was one."""
    if node.op_type == "Gemm":
        plain = all(node.attributes.get_float(name, 1.0) == 1 for name in ("alpha", "beta"))
        if not plain or node.attributes.get_int("transA", 0) == 1:
            return False
        turned = not node.attributes.get_int("transB", 0)
        return _put_(node, node.inputs[1], [*node.inputs, None][2], turned=turned)
    if node.op_type != "MatMul":
        return False
    weight = _transposed(node.inputs[1])
    turned = weight is None
    weight = node.inputs[1] if weight is None else weight
    add = read_by(node.outputs[0], "Add")
    bias = None if add is None else other(add, node.outputs[0])
    return (
        add is not None and bias is not None and _put_(add, weight, bias, turned=turned, x=node.inputs[0])
    ) or (_put_(node, weight, None, turned=turned))


def _put_(
    node: onnx_ir.Node, weight: Value | None, bias: Value | None, *, turned: bool, x: Value | None = None
) -> bool:
    """Put a layer for `node` where weight and bias are those of one."""
    shape, width = _shape(weight), _shape(bias)
    if weight is None or len(shape) != 2 or (turned and not computed(weight.name or "")):
        return False
    if bias is not None and width != (shape[1 if turned else 0],):
        return False
    put_(
        node, "TurnedLinear" if turned else "Linear", [x or node.inputs[0], weight, *([bias] if bias else [])]
    )
    return True


def _transposed(value: Value | None) -> Value | None:
    """The initializer that a value is the transpose of."""
    node = None if value is None else value.producer()
    if (
        node is None
        or node.op_type != "Transpose"
        or tuple(node.attributes.get_ints("perm", ())) not in SWAPPED
    ):
        return None
    return node.inputs[0] if len(_shape(node.inputs[0])) == 2 else None


def _shape(value: Value | None) -> tuple[int, ...]:
    """Of an initializer; empty for anything else."""
    return () if value is None or value.const_value is None else tuple(value.const_value.shape.numpy())
