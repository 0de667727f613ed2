"""Where does a BatchNorm disappear into the layer before it?"""

import onnx_ir

from secateur.graph.batchnorm import fold_batchnorm_


def fold_batchnorms_(graph: onnx_ir.Model) -> None:
    """Into Conv, ConvTranspose and Gemm; what is left computes a factor and an offset for each channel."""
    fold_batchnorm_(graph)
