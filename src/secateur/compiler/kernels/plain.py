"""How is a product or a convolution computed the plain way, which the fast ways must equal?"""

from collections.abc import Callable, Mapping

import numpy as np

from secateur.compiler.code import Code
from secateur.compiler.kernels.activations import activation
from secateur.compiler.kernels.matmul import gemm_product, matmul_product
from secateur.compiler.kernels.products import reference
from secateur.compiler.kernels.window import window


def _conv(code: Code) -> None:
    op = code.op
    weight = op.constant(1).astype(np.float32)
    x, y, added = op.input(0), op.output, op.optional(3)
    bias = op.constant(2) if op.optional(2) is not None else np.zeros(len(weight))
    code.call(
        "conv_reference",
        "x0",
        code.constant(weight, "weight"),
        code.constant(bias.astype(np.float32), "bias"),
        "x3" if added is not None else "NULL",
        "y0",
        *(x.shape[0], x.shape[1], len(weight), op.get("group", 1)),
        *(x.plane, added.plane if added is not None else 0, y.plane),
        window(op, weight.shape[2:]).arguments,
        *activation(op),
        header="conv_reference",
    )


def _gemm(code: Code) -> None:
    reference(code, gemm_product(code.op))


def _matmul(code: Code) -> None:
    reference(code, matmul_product(code.op))


PLAIN: Mapping[str, Callable[[Code], None]] = {"Conv": _conv, "Gemm": _gemm, "MatMul": _matmul}
"""Operator -> what writes its step with loops over the formula; for those that have faster kernels."""
