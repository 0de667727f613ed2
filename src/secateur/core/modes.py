"""How is a network looked at without changing it?"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Every module evaluates inside, and is in the mode it was in afterwards, frozen ones included."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def layer_input(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """What a hook sees enter a layer of one input, whether it is named in the call or not."""
    x: Tensor = (*args, *kwargs.values())[0]
    return x


@contextmanager
def without_fused_attention() -> Iterator[None]:
    """PyTorch's fused path answers zeros for padding, its others do not; inside, all take the others."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)
