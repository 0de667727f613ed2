"""How are matrices multiplied?"""

import numpy as np

from secateur.compiler.code import Code
from secateur.compiler.kernels.activations import activation


def gemm(code: Code) -> None:
    """A constant second matrix and bias; alpha and beta 1."""
    op = code.op
    x, weight = op.input(0), op.constant(1).astype(np.float32)
    weight = weight if op.get("transB", 0) else weight.T
    outputs, inputs = weight.shape
    bias = op.constant(2) if op.optional(2) is not None else np.zeros(outputs, np.float32)
    bias = np.broadcast_to(bias.astype(np.float32).reshape(-1), (outputs,))
    w, b = code.constant(weight, "weight"), code.constant(bias, "bias")
    code.call(
        "matmul_reference",
        "x0",
        w,
        b,
        "y0",
        x.size // inputs,
        inputs,
        outputs,
        *activation(op),
        header="matmul",
    )
