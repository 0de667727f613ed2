"""Which network does a moving average of a network hold?"""

import torch
from torch import nn


def unwrapped(copy: nn.Module) -> nn.Module:
    """The network itself, without the wrapper of `torch.optim.swa_utils.AveragedModel`."""
    if isinstance(copy, torch.optim.swa_utils.AveragedModel):
        module: nn.Module = copy.module
        return module
    return copy
