"""How do numbers become probabilities?"""

import math

from secateur.compiler.code import Code


def softmax(code: Code) -> None:
    """Along any axis; in versions of ONNX before 13, over all axes from that one on."""
    _softmax(code, logarithm=False)


def log_softmax(code: Code) -> None:
    """Along any axis; in versions of ONNX before 13, over all axes from that one on."""
    _softmax(code, logarithm=True)


def _softmax(code: Code, *, logarithm: bool) -> None:
    op, x = code.op, code.op.input(0)
    axis = op.get("axis", -1) % len(x.shape)
    end = len(x.shape) if op.get("flattens", 0) else axis + 1
    outer, size, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis:end]), math.prod(x.shape[end:])
    code.call("softmax", "x0", "y0", outer, size, inner, logarithm, header="softmax")
    code.reuses = (0, 0)
