"""How does a criterion look at the user's data?"""

from collections.abc import Sequence
from itertools import islice

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from secateur.core.modes import evaluation_mode
from secateur.core.task import Calibration
from secateur.errors import RecipeError


def needed(data: Calibration | None, criterion: str) -> Calibration:
    """The data, which this criterion cannot do without.

    Raises:
        RecipeError: there are none.
    """
    if data is None:
        raise RecipeError(
            f"The criterion {criterion!r} needs batches and a loss. Pass data=Calibration(batches, loss), or "
            "choose 'magnitude', which needs none."
        )
    return data


@torch.no_grad()
def watch(model: nn.Module, data: Calibration, hooks: Sequence[RemovableHandle]) -> None:
    """Call the model on the calibration batches, in evaluation mode; the hooks are gone afterwards."""
    try:
        with evaluation_mode(model):
            for batch in islice(data.batches(), data.limit):
                data.loss(model, batch)
    finally:
        for hook in hooks:
            hook.remove()
