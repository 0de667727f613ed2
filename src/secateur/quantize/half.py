"""Half precision: the same numbers with fewer digits."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from secateur.errors import RecipeError
from secateur.quantize.form import Form, straight_through

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Half:
    """Every weight is rounded to a 16-bit float and widened again.

    Attributes:
        dtype: "bfloat16" (8 bits of precision, the range of float32) or "float16" (11 bits, up to 65,504).
    """

    dtype: Literal["bfloat16", "float16"] = "bfloat16"

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise RecipeError(f"Half(dtype={self.dtype!r}): expected one of {', '.join(DTYPES)}.")

    @property
    def noun(self) -> str:
        """What the network is afterwards."""
        return "rounded"

    def __call__(self, weight: Tensor, mask: Tensor) -> Form:
        """The nearest 16-bit floats."""
        return HalfWeight(weight, mask, DTYPES[self.dtype])


class HalfWeight(Form):
    """weight = float32(half(latent))."""

    mask: Tensor

    def __init__(self, weight: Tensor, mask: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.latent = torch.nn.Parameter(weight.detach().clone())
        self.register_buffer("mask", mask.clone())

    def forward(self) -> Tensor:
        """Rounded; the gradient is not, since many are too small for 16 bits."""
        rounded, own = torch.finfo(self.dtype), torch.finfo(self.latent.dtype)
        largest = rounded.max if rounded.max <= own.max else own.max * (1 - rounded.eps)  # is not rounded up
        latent = self.latent.clamp(-largest, largest)
        half = latent.to(self.dtype).to(latent.dtype)
        return straight_through(half, latent).masked_fill(~self.mask, 0)
