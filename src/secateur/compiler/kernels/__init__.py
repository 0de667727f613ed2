"""How is each operator written in C? Each family is one file, registered here.

`KERNELS` maps ONNX's name of an operator to the function that writes its step; what it accepts is the first
line of the function's docstring, which `docs/operators.md` shows.
"""

from collections.abc import Callable, Mapping

from secateur.compiler.code import Code
from secateur.compiler.kernels.conv import conv
from secateur.compiler.kernels.conv_transpose import conv_transpose
from secateur.compiler.kernels.copies import COPIES
from secateur.compiler.kernels.cumulative import CUMULATIVE
from secateur.compiler.kernels.elementwise import ELEMENTWISE
from secateur.compiler.kernels.grid_sample import grid_sample
from secateur.compiler.kernels.matmul import gemm, matmul
from secateur.compiler.kernels.norms import NORMS
from secateur.compiler.kernels.pool import POOLS
from secateur.compiler.kernels.recurrent import gru, lstm, rnn
from secateur.compiler.kernels.reduce import REDUCE
from secateur.compiler.kernels.resize import resize
from secateur.compiler.kernels.scatter import SCATTER
from secateur.compiler.kernels.softmax import log_softmax, softmax
from secateur.compiler.kernels.tables import TABLES
from secateur.compiler.kernels.topk import top_k
from secateur.compiler.kernels.views import view

Kernel = Callable[[Code], None]

KERNELS: Mapping[str, Kernel] = {
    **COPIES,
    **CUMULATIVE,
    **ELEMENTWISE,
    **NORMS,
    **POOLS,
    **REDUCE,
    **SCATTER,
    **TABLES,
    **dict.fromkeys(("Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"), view),
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "GRU": gru,
    "Gemm": gemm,
    "GridSample": grid_sample,
    "LSTM": lstm,
    "LogSoftmax": log_softmax,
    "MatMul": matmul,
    "RNN": rnn,
    "Resize": resize,
    "Softmax": softmax,
    "TopK": top_k,
    "Upsample": resize,
}

PLANES = {"BatchNormalization", "Concat", "Conv", "ConvTranspose", "Resize", *ELEMENTWISE, *POOLS, *REDUCE}
"""Operators that read and write images whose planes are padded; others want all elements side by side."""
