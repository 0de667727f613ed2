"""With which weights would a wrong cut show?

Fresh networks are full of zeros and ones (biases, normalisation, layer scales of 1e-6, statistics of
BatchNorm), and a channel that is zero anyway can be cut wrongly unseen. Here nothing is trivial.
"""

import math

import torch
from torch import Tensor, nn


@torch.no_grad()
def randomise_(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give constant parameters and the statistics of BatchNorm random values, in place."""
    random = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.is_floating_point())
        if parameter.is_floating_point() and parameter.numel() > 0 and _constant(parameter):
            _vary_(parameter, random)
    for module in model.modules():
        mean, variance = getattr(module, "running_mean", None), getattr(module, "running_var", None)
        if isinstance(mean, Tensor) and isinstance(variance, Tensor):
            mean.normal_(0, 0.1, generator=random)
            variance.uniform_(0.5, 1.5, generator=random)
    return model


def _constant(tensor: Tensor) -> bool:
    first = tensor.flatten()[0]
    return bool((tensor == first).all())


def _vary_(parameter: Tensor, random: torch.Generator) -> None:
    """Zeros become small numbers of both signs, scales (whatever they were) numbers around one."""
    if bool((parameter != 0).any()):
        parameter.uniform_(0.5, 1.5, generator=random)
        return
    inputs = math.prod(parameter.shape[1:]) if parameter.dim() > 1 and parameter.shape[0] > 1 else 1
    parameter.normal_(0, min(0.1, inputs**-0.5), generator=random)
