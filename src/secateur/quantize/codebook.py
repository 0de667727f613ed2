"""Weight sharing: few distinct values for all weights of a layer."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from secateur.errors import RecipeError
from secateur.quantize.form import Form
from secateur.quantize.lloyd import Values, centroids, nearest


@dataclass(frozen=True)
class Codebook:
    """All remaining weights of a tensor share 2^bits values (Deep Compression, arXiv 1510.00149).

    The values are the centroids of a k-means clustering. Which weight has which value is then fixed; the
    values go on learning, each by the summed gradients of its weights (section 3.3 there).

    Attributes:
        bits: 2^bits values; zero, the value of removed weights, is not one of them.
        parts: codebooks per tensor, each for as many rows: the gates of a GRU, for instance. Tensors whose
            rows cannot be split so have one.
    """

    bits: int = 4
    parts: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 8:
            raise RecipeError(f"Codebook(bits={self.bits}): expected 1 to 8, that is 2 to 256 values.")
        if not 1 <= self.parts <= 8:
            raise RecipeError(f"Codebook(parts={self.parts}): expected 1 to 8 codebooks per tensor.")

    @property
    def noun(self) -> str:
        """What the network is afterwards."""
        return "shared"

    def __call__(self, weight: Tensor, mask: Tensor) -> Form:
        """Cluster the remaining values of each part."""
        parts = self.parts if weight.shape[0] % self.parts == 0 else 1
        return SharedWeight(weight, mask, 2**self.bits, parts)


class SharedWeight(Form):
    """Every kept element is an entry of a table: weight[kept[i]] = table[index[i]]."""

    kept: Tensor
    index: Tensor

    def __init__(self, weight: Tensor, mask: Tensor, k: int, parts: int) -> None:
        super().__init__()
        self.shape = weight.shape
        keep = mask.detach().cpu().flatten().numpy()
        values = weight.detach().cpu().flatten().double().numpy()
        part = np.arange(len(keep)) * parts // max(1, len(keep))
        index = np.zeros(len(keep), np.int64)
        tables: list[Values] = []
        for i in range(parts):
            members = keep & (part == i)
            entries = centroids(values[members], k)
            index[members] = sum(map(len, tables)) + nearest(values[members], entries)
            tables.append(entries)
        device = weight.device
        table = torch.from_numpy(np.concatenate(tables))
        self.table = torch.nn.Parameter(table.to(device, weight.dtype))
        self.register_buffer("kept", torch.from_numpy(keep.nonzero()[0]).to(device))
        self.register_buffer("index", torch.from_numpy(index[keep]).to(device))

    def forward(self) -> Tensor:
        """The table's entries where elements are kept, zero elsewhere."""
        flat = torch.zeros(self.shape.numel(), dtype=self.table.dtype, device=self.table.device)
        return flat.scatter(0, self.kept, self.table[self.index]).reshape(self.shape)
