"""How fast is a pruned MLP of four blocks, 768 to 3072 to 768?

python -m benchmarks.engine_mlp
"""

from collections.abc import Iterator

import torch
from benchmarks.engine_layers import Case, main, prune_
from torch import nn


def network() -> nn.Module:
    """The shape of a transformer's blocks without their attention."""
    blocks = [(nn.Linear(768, 3072), nn.ReLU(), nn.Linear(3072, 768)) for _ in range(4)]
    return nn.Sequential(*(layer for block in blocks for layer in block))


def cases() -> Iterator[Case]:
    """One row, as in decoding, and 64, as in a batch or a sentence."""
    torch.manual_seed(0)
    for name, sparsity, block, rows, least in (
        ("90 %, 1 row", 0.9, 1, 1, 2.5),
        ("90 %, 64 rows", 0.9, 1, 64, 5.0),
        ("90 % in 16x1 blocks, 1 row", 0.9, 16, 1, 6.0),
        ("90 % in 16x1 blocks, 64 rows", 0.9, 16, 64, 5.0),
        ("dense, 1 row", 0.0, 1, 1, 0.8),
        ("dense, 64 rows", 0.0, 1, 64, 0.8),
    ):
        yield Case(name, prune_(network(), sparsity, block), torch.randn(rows, 768), least)


if __name__ == "__main__":
    main(str(__doc__), cases)
