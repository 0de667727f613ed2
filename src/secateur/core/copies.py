"""Is another network a copy of this one, and which does a moving average hold?"""

from collections.abc import Mapping

import torch
from torch import nn


def first_difference(own: Mapping[str, object], theirs: Mapping[str, object]) -> str | None:
    """The first name, in their order as texts, for which the two do not say the same."""
    return min((n for n in own.keys() | theirs.keys() if own.get(n) != theirs.get(n)), default=None)


def unwrapped(copy: nn.Module) -> nn.Module:
    """The network itself, without the wrapper of `torch.optim.swa_utils.AveragedModel`."""
    if isinstance(copy, torch.optim.swa_utils.AveragedModel):
        module: nn.Module = copy.module
        return module
    return copy
