"""Which k units are the least important, exactly k even with ties?"""

import torch
from torch import Tensor


def lowest(scores: Tensor, k: int) -> Tensor:
    """Boolean (units,): True for the `k` lowest scores; of equal scores the first go first.

    O(units), and the answer does not depend on a sort's treatment of ties.
    """
    if k <= 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    threshold = scores.kthvalue(k).values
    chosen = scores < threshold
    ties = (scores == threshold).nonzero().flatten()
    chosen[ties[: k - int(chosen.sum())]] = True
    return chosen
