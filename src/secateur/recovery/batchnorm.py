"""Do the BatchNorm statistics fit the pruned network?"""

from typing import Any

import torch
from torch import nn

from secateur.core.modes import evaluation_mode
from secateur.core.task import Task

_Norm = nn.modules.batchnorm._BatchNorm


def tracks_statistics(model: nn.Module) -> bool:
    """Whether the network has BatchNorm statistics at all."""
    return bool(_norms(model))


@torch.no_grad()
def reestimate_(model: nn.Module, task: Task, batches: list[Any]) -> None:
    """Replace running mean and variance by their plain averages over these batches.

    Pruning shifts the activations that the statistics were gathered on (arXiv 1911.09817 shows how much
    that costs). Dropout stays off.
    """
    norms = _norms(model)
    momenta = [norm.momentum for norm in norms]
    try:
        with evaluation_mode(model):
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = None  # a cumulative average, see torch's BatchNorm
                norm.train()
            for batch in batches:
                task.loss(model, batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def _norms(model: nn.Module) -> list[_Norm]:
    return [m for m in model.modules() if isinstance(m, _Norm) and m.track_running_stats]
