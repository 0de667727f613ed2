"""Integers times a scale: evenly spaced values, each row of a weight with a spacing of its own."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from secateur.core.precision import at_least_float32
from secateur.errors import RecipeError
from secateur.quantize.form import Form, rounded

TRIED = 40
"""Scales tried for each row, from a quarter of what the largest weight needs up to it."""


@dataclass(frozen=True)
class WeightOnly:
    """Weights become whole numbers of `bits` bits times a scale for each output row; arithmetic stays float.

    Weights and scales learn on, through the rounding (learned step size, arXiv 1902.08153). Symmetric:
    zero is a level, so removed weights stay zero.

    Attributes:
        bits: 2 to 8; levels from -(2^(bits-1) - 1) to 2^(bits-1) - 1.
    """

    bits: int = 8

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 8:
            raise RecipeError(f"WeightOnly(bits={self.bits}): expected 2 to 8.")

    @property
    def noun(self) -> str:
        """What the network is afterwards."""
        return "quantised"

    def __call__(self, weight: Tensor, mask: Tensor) -> Form:
        """The nearest levels, on the best scales."""
        return GridWeight(weight, mask, 2 ** (self.bits - 1) - 1)


@dataclass(frozen=True)
class Int8:
    """Weights and activations of 8 bits, so that a runtime multiplies whole numbers and is faster.

    Weights as `WeightOnly(8)`. The inputs of linear and convolutional layers are rounded to 256 levels in
    training too. The file holds the network in ONNX's QDQ form, which ONNX Runtime runs with its int8
    kernels; recurrent layers and whatever it has no such kernel for stay float.

    Attributes:
        ranges: how the range of an activation follows from calibration: "mse" (least squared error),
            "percentile" (99.99), "minmax".
        batches: training batches that calibrate.
    """

    ranges: Literal["mse", "percentile", "minmax"] = "mse"
    batches: int = 8

    def __post_init__(self) -> None:
        if self.ranges not in ("mse", "percentile", "minmax"):
            raise RecipeError(f"ranges = {self.ranges!r} is unknown. Known: mse, percentile, minmax.")
        if self.batches < 1:
            raise RecipeError(f"Int8(batches={self.batches}): expected at least 1 batch to calibrate with.")

    @property
    def noun(self) -> str:
        """What the network is afterwards."""
        return "quantised"

    def __call__(self, weight: Tensor, mask: Tensor) -> Form:
        """The nearest of 255 levels, on the best scales."""
        return GridWeight(weight, mask, 127)


class GridWeight(Form):
    """weight = scale[row] * round(clamp(latent / scale[row], -levels, levels))."""

    mask: Tensor

    def __init__(self, weight: Tensor, mask: Tensor, levels: int) -> None:
        super().__init__()
        self.levels = levels
        latent = weight.detach().masked_fill(~mask, 0)
        self.latent = torch.nn.Parameter(latent.clone())
        self.scale = Scale(best_scales(latent.flatten(1), levels))
        self.register_buffer("mask", mask.clone())

    def forward(self) -> Tensor:
        """The weight on its grid."""
        scale = self.scale().reshape(-1, *[1] * (self.latent.dim() - 1))
        # in half precision the square of a scale, which the gradient is divided by, would vanish
        steps = at_least_float32(self.latent) / at_least_float32(scale)
        level = rounded(steps.clamp(-self.levels, self.levels)).to(scale.dtype)
        weight: Tensor = level * scale
        return weight.masked_fill(~self.mask, 0)

    @property
    def scales(self) -> Tensor:
        """(rows,)."""
        scales: Tensor = self.scale().detach()
        return scales


class Scale(torch.nn.Module):
    """scale = start * exp(growth), with a learned growth that begins at 0.

    So a step of an optimizer changes every scale by about the same share of itself, none becomes negative,
    and weight decay pulls to the start, not to zero.
    """

    start: Tensor

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.register_buffer("start", start)
        self.growth = torch.nn.Parameter(torch.zeros_like(start))

    def forward(self) -> Tensor:
        """In the shape of `start`."""
        return self.start * self.growth.exp()


TINY = 1e-12
"""The least scale: of a row of zeros, whose scale does not matter, as long as one may divide by it twice."""


def best_scales(rows: Tensor, levels: int) -> Tensor:
    """(rows,) the scale of each row with the least squared rounding error, of those tried.

    Clipping a few large weights is worth it where the steps between all others get finer.
    """
    tiny = max(TINY, torch.finfo(rows.dtype).tiny)
    largest = rows.abs().amax(dim=1)
    best = (largest / levels).clamp_min(tiny)
    least = torch.full_like(best, torch.inf)
    for share in torch.linspace(0.25, 1, TRIED).tolist():
        scale = (share * largest / levels).clamp_min(tiny)
        level = (rows / scale[:, None]).round().clamp(-levels, levels)
        error = (level * scale[:, None] - rows).square().sum(dim=1)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best
