"""With which weights would a wrong cut show?

Fresh networks are full of zeros and ones (biases, normalisation, layer scales of 1e-6, statistics of
BatchNorm), and of weights so small that attention is uniform. A channel that hardly counts can be cut wrongly
unseen. Here nothing is trivial.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn


@torch.no_grad()
def randomise_(model: nn.Module, inputs: tuple[Tensor, ...], seed: int = 0) -> nn.Module:
    """Give constant parameters random values, small weights larger ones, in place.

    BatchNorm gets random statistics of the size of what it sees, else deep networks overflow.
    """
    random = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.is_floating_point() and parameter.numel() > 0:
            parameter.requires_grad_()
            if _constant(parameter):
                _vary_(parameter, random)
            _enlarge_(parameter)

    def set_statistics_(module: Any, given: tuple[Tensor, ...]) -> None:
        size = float(given[0].square().mean().sqrt()) or 1.0
        module.running_mean.normal_(0, 0.1 * size, generator=random)
        module.running_var.uniform_(0.5 * size**2, 1.5 * size**2, generator=random)

    norms = [m for m in model.modules() if getattr(m, "running_var", None) is not None]
    hooks = [norm.register_forward_pre_hook(set_statistics_) for norm in norms]
    model.eval()(*inputs)
    for hook in hooks:
        hook.remove()
    return model


def _constant(tensor: Tensor) -> bool:
    return bool((tensor == tensor.flatten()[0]).all())


def _vary_(parameter: Tensor, random: torch.Generator) -> None:
    """Zeros become small numbers of both signs, scales (whatever they were) numbers around one."""
    if bool((parameter != 0).any()):
        parameter.uniform_(0.5, 1.5, generator=random)
    else:
        parameter.normal_(0, 0.1, generator=random)


def _enlarge_(parameter: Tensor) -> None:
    """Weights of a layer keep the size of what they are multiplied with, at least."""
    if parameter.dim() >= 2 and parameter.shape[0] > 1:
        least = math.prod(parameter.shape[1:]) ** -0.5
        spread = float(parameter.square().mean().sqrt())
        if spread < least:
            parameter.mul_(least / spread)
