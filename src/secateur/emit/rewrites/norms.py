"""Which nodes are a GroupNorm? PyTorch's exporter normalises each group as if it were a channel."""

import onnx_ir

from secateur.emit.rewrites.match import Value, made_by, other, put_, rank, read_by, stored

SHAPING = ("Unsqueeze", "Reshape")


def join_group_norm_(node: onnx_ir.Node) -> bool:
    """Reshape to (batch, groups, -1), InstanceNormalization, and back; then a factor and an offset."""
    if node.op_type != "InstanceNormalization":
        return False
    grouped, back = made_by(node.inputs[0], "Reshape"), read_by(node.outputs[0], "Reshape")
    x = None if grouped is None else grouped.inputs[0]
    if x is None or back is None or rank(x) is None or rank(x) != rank(back.outputs[0]):
        return False
    product = read_by(back.outputs[0], "Mul")
    total = None if product is None else read_by(product.outputs[0], "Add")
    if product is None or total is None:
        return False
    weight = stored(other(product, back.outputs[0]), *SHAPING)
    bias = stored(other(total, product.outputs[0]), *SHAPING)
    ones, zeros = stored(node.inputs[1]), stored(node.inputs[2])
    if weight is None or bias is None or not _all(ones, 1) or not _all(zeros, 0):
        return False
    assert ones is not None, "its elements were looked at"
    assert ones.const_value is not None, "an initializer has a value"
    epsilon = node.attributes.get_float("epsilon", 1e-5)
    put_(
        total,
        "GroupNormalization",
        [x, weight, bias],
        {"num_groups": int(ones.const_value.size), "epsilon": epsilon},
    )
    return True


def _all(value: Value | None, number: float) -> bool:
    return (
        value is not None
        and value.const_value is not None
        and bool((value.const_value.numpy() == number).all())
    )
