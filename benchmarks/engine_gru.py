"""How fast are pruned recurrent layers of 256 units, over 100 steps of one sequence?

python -m benchmarks.engine_gru
"""

from collections.abc import Iterator

import torch
from benchmarks.engine_layers import Case, main, prune_
from torch import nn


def cases() -> Iterator[Case]:
    """Input and hidden weights pruned alike."""
    torch.manual_seed(0)
    for kind in (nn.GRU, nn.LSTM):
        for name, sparsity, block, least in (
            ("90 %", 0.9, 1, 2.5),
            ("90 % in 16x1 blocks", 0.9, 16, 5.0),
            ("dense", 0.0, 1, 0.8),
        ):
            model = prune_(kind(256, 256), sparsity, block)
            yield Case(f"{kind.__name__}, {name}", model, torch.randn(100, 1, 256), least)


if __name__ == "__main__":
    main(str(__doc__), cases)
