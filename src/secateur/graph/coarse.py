"""How much of a difference between two graphs is rounding, where weights have 16 bits?"""

import onnx_ir
import torch

COARSE = {onnx_ir.DataType.BFLOAT16: torch.bfloat16, onnx_ir.DataType.FLOAT16: torch.float16}
ROUNDINGS = 8
"""How many steps of a 16-bit number outputs may differ by."""


def coarsest(graph: onnx_ir.Model) -> torch.dtype:
    """The float type of fewest bits that an initializer has, float32 where there is none coarser."""
    types = {value.const_value.dtype for value in graph.graph.initializers.values() if value.const_value}
    return next((torch_type for onnx_type, torch_type in COARSE.items() if onnx_type in types), torch.float32)


def rounding(graph: onnx_ir.Model, tolerance: float) -> float:
    """What outputs may differ by, of the largest: `tolerance`, more where weights have 16 bits."""
    dtype = coarsest(graph)
    return max(tolerance, ROUNDINGS * torch.finfo(dtype).eps if dtype.itemsize < 4 else 0.0)
