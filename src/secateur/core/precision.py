"""In which precision are sums and squares of weights computed?"""

import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """In float32 where it is in half precision, whose squares vanish and whose sums overflow."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
