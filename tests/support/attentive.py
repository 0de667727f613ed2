"""A task whose network has what hangs together: a residual, BatchNorm, attention with heads."""

import torch
from tiny import Tiny
from torch import Tensor, nn


class Attention(nn.Module):
    """Self-attention as most people write it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim = heads, width // heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        rows, places, _ = x.shape
        parts = self.qkv(x).reshape(rows, places, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        mixed = (query @ key.transpose(-2, -1) * self.head_dim**-0.5).softmax(-1) @ value
        return self.out(mixed.transpose(1, 2).reshape(rows, places, -1))  # type: ignore[no-any-return]


class Net(nn.Module):
    """(B, 4, 4, 4) -> (B, 4): two convolutions with a residual, attention over the places, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.inner = nn.Conv2d(16, 24, 3, padding=1)
        self.back = nn.Conv2d(24, 16, 1)
        self.attention = Attention(16, 4)
        self.classes = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        x = x + self.back(torch.relu(self.inner(x)))
        places = x.flatten(2).transpose(1, 2)
        return self.classes((places + self.attention(places)).mean(1))  # type: ignore[no-any-return]


class Attentive(Tiny):
    """The patterns of `Tiny`, seen by `Net`, which is trained for a second."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = Net()
        optimizer = torch.optim.Adam(self.model.parameters(), lr=5e-3)
        for _ in range(3):
            for batch in self.batches():
                optimizer.zero_grad()
                self.loss(self.model, batch).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        self.model.zero_grad(set_to_none=True)
        self.model.eval()
