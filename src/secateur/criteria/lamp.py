"""Which share of what would be left of its tensor is this weight?"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from secateur.core.precision import at_least_float32
from secateur.core.protocols import Scores
from secateur.core.task import Calibration


@dataclass(frozen=True)
class LAMP:
    """w^2 over the sum of all v^2 >= w^2 in the same tensor (Lee et al., arXiv 2010.07611, eq. 4).

    Ranks like the magnitude within a tensor. Between tensors it compares what a removal would do to each,
    so that one global ranking finds how much goes from which layer.
    """

    def __call__(
        self, model: nn.Module, parameters: Mapping[str, Tensor], data: Calibration | None
    ) -> Scores:
        """A share in [0, 1] for each element; needs no data."""
        return {name: _shares(weight.detach()) for name, weight in parameters.items()}


def _shares(weight: Tensor) -> Tensor:
    """Equal elements have equal shares: the sum begins at the first of them."""
    weight = at_least_float32(weight)
    largest = weight.abs().max()
    if not largest:
        return torch.zeros_like(weight)
    squares, order = (weight / largest).square().flatten().sort()  # relative, so that none overflows
    at_least = squares.flip(0).cumsum(0).flip(0)
    place = torch.arange(len(squares), device=weight.device)
    first = place.where(squares.diff(prepend=squares.new_tensor([-1.0])) > 0, 0).cummax(0).values
    shares = torch.empty_like(squares)
    shares[order] = squares / at_least[first]
    return shares.reshape(weight.shape)
