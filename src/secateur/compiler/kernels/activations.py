"""What is a layer's activation function in C, at the end of another kernel?"""

from secateur.compiler.code import literal
from secateur.compiler.program import Op


def activation(op: Op) -> tuple[str, str, str]:
    """(name of the C function, and its two parameters) of what a pass has fused into the operator."""
    kind = op.choice("activation", {"": "none", "Clip": "clip", "Relu": "relu"}, "")
    low, high = op.get("activation_parameters", (0.0, 0.0))
    return kind, literal(float(low)), literal(float(high))
