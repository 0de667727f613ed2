"""What is an operator called, so that its user knows which part of the network it is?"""

import onnx_ir

NEAR = 8
"""A norm's weight is at most this many operators behind the mean."""
OF_A_NORM = {"Add", "Cast", "Div", "Mul", "Pow", "Reciprocal", "Reshape", "Sqrt", "Sub"}
"""What stands between a mean and the weight of the norm that it is of."""


def described(node: onnx_ir.Node, constant: frozenset[str]) -> str:
    """The operator, with the module that its weights are of, else with what it makes.

    Args:
        node: of the graph.
        constant: those of its inputs that no input of the network reaches.
    """
    weights = [weight_of(value) for value in node.inputs if value is not None and value.name in constant]
    if node.op_type.startswith("Reduce") or node.op_type == "InstanceNormalization":
        weights.append(_weight_behind(node))
    made = next((value.name for value in node.outputs if value.name), "")
    owner = next((name.rpartition(".")[0] for name in weights if "." in name), made)
    return f"{node.op_type} ({owner})"


def weight_of(value: onnx_ir.Value | None) -> str:
    """The weight that a constant is computed from, by its first inputs; "" for one of whole numbers."""
    while value is not None and value.const_value is None:
        node = value.producer()
        value = node.inputs[0] if node is not None and node.inputs else None
    real = value is not None and value.const_value and value.const_value.dtype.is_floating_point()
    return (value.name or "") if value is not None and real else ""


def _weight_behind(node: onnx_ir.Node) -> str:
    """Of the norm that a mean is part of, as PyTorch exports norms that ONNX has no operator for."""
    for _ in range(NEAR):
        users = node.outputs[0].consumers()
        if not users or users[0].op_type not in OF_A_NORM:
            return ""
        node = users[0]
        names = (value.name or "" for value in node.inputs if value is not None and _is_weight(value))
        if name := next((name for name in names if "." in name), ""):
            return name
    return ""


def _is_weight(value: onnx_ir.Value) -> bool:
    return value.const_value is not None and value.const_value.dtype.is_floating_point()
