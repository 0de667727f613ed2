"""Which products and sums are an activation, and which change nothing?"""

import math

import onnx_ir

from secateur.emit.identifiers import computed
from secateur.emit.rewrites.match import Value, made_by, number, other, put_, rank, read_by

NEUTRAL = {"Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0}


def drop_(node: onnx_ir.Node) -> bool:
    """Adding a constant zero, multiplying with a constant one: exporters write default arguments so."""
    if node.op_type not in NEUTRAL:
        return False
    first, second = node.inputs
    swaps = node.op_type in ("Add", "Mul")
    for value, constant in ((first, second), (second, first))[: 2 if swaps else 1]:
        if value is None or constant is None or number(constant) != NEUTRAL[node.op_type]:
            continue
        if computed(constant.name or "") and (rank(constant) or 0) <= (rank(value) or 0):
            put_(node, "Identity", [value])
            return True
    return False


def join_root_(node: onnx_ir.Node) -> bool:
    """1 / sqrt(x)."""
    root = made_by(node.inputs[0], "Sqrt") if node.op_type == "Reciprocal" else None
    if root is not None:
        put_(node, "Rsqrt", [root.inputs[0]])
    return root is not None


def join_silu_(node: onnx_ir.Node) -> bool:
    """X * sigmoid(x)."""
    if node.op_type != "Mul":
        return False
    for factor in node.inputs:
        gate = made_by(factor, "Sigmoid")
        if gate is not None and gate.inputs[0] is other(node, factor):
            put_(node, "Silu", [gate.inputs[0]])
            return True
    return False


def join_gelu_(node: onnx_ir.Node) -> bool:
    """(1 + erf(x / sqrt(2))) * x / 2, with the factors in any order."""
    if node.op_type != "Erf":
        return False
    x, add = _over_root_of_two(node.inputs[0]), read_by(node.outputs[0], "Add")
    if x is None or add is None or number(other(add, node.outputs[0])) != 1:
        return False
    missing, last = ["x", "half"], add
    while missing and (product := read_by(last.outputs[0], "Mul")):
        found = _factors(other(product, last.outputs[0]), x)
        if not found or not set(found) <= set(missing):
            return False
        missing, last = [name for name in missing if name not in found], product
    if not missing:
        put_(last, "Gelu", [x])
    return not missing


def _factors(value: Value | None, x: Value) -> list[str]:
    """Which of x and one half a value is the product of."""
    if value is x:
        return ["x"]
    if number(value) == 0.5:
        return ["half"]
    both = made_by(value, "Mul")
    is_half = both is not None and x in both.inputs and number(other(both, x)) == 0.5
    return ["x", "half"] if is_half else []


def _over_root_of_two(value: Value | None) -> Value | None:
    """x, of x / sqrt(2)."""
    node = made_by(value, "Div", "Mul")
    if node is None:
        return None
    factor = number(node.inputs[1])
    wanted = math.sqrt(2) if node.op_type == "Div" else math.sqrt(0.5)
    return node.inputs[0] if factor is not None and math.isclose(factor, wanted, rel_tol=1e-3) else None
