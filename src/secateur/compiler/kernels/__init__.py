"""How is each operator written in C? Each family is one file, registered here.

`KERNELS` maps ONNX's name of an operator to the function that writes its step; what it accepts is the first
line of the function's docstring, which `docs/operators.md` shows.
"""

from collections.abc import Callable, Mapping

from secateur.compiler.code import Code
from secateur.compiler.kernels.conv import conv
from secateur.compiler.kernels.elementwise import ELEMENTWISE
from secateur.compiler.kernels.matmul import gemm, matmul
from secateur.compiler.kernels.pool import global_average_pool
from secateur.compiler.kernels.views import view

Kernel = Callable[[Code], None]

KERNELS: Mapping[str, Kernel] = {
    **ELEMENTWISE,
    **dict.fromkeys(("Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"), view),
    "Conv": conv,
    "Gemm": gemm,
    "MatMul": matmul,
    "GlobalAveragePool": global_average_pool,
}

PLANES = {"Conv", "GlobalAveragePool", *ELEMENTWISE}
"""Operators that read and write images whose planes are padded; others want all elements side by side."""
