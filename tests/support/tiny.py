"""A task that trains in a second: which of three patterns is hidden in a noisy 4x4 image?"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from secateur import Metric

Batch = tuple[Tensor, Tensor]


def make_model(width: float = 1.0) -> nn.Sequential:
    channels = max(1, round(8 * width))
    return nn.Sequential(
        nn.Conv2d(4, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(16 * channels, 4),
    )


class Tiny:
    training_steps = 60

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        patterns = torch.randn(4, 4, 4, 4, generator=generator)
        y = torch.randint(4, (320,), generator=generator)
        x = patterns[y] + 0.8 * torch.randn(320, 4, 4, 4, generator=generator)
        self.x, self.y = x, y
        torch.manual_seed(0)
        self.model: nn.Module = make_model()
        optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-2)
        for _ in range(5):
            for batch in self.batches():
                optimizer.zero_grad()
                self.loss(self.model, batch).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        self.model.eval()
        self.example_inputs = (x[:1],)

    def batches(self) -> Iterator[Batch]:
        for rows in torch.split(torch.randperm(192), 16):
            yield self.x[rows], self.y[rows]

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1])

    def evaluate(self, model: nn.Module) -> Metric:
        return self._accuracy(model, slice(256, 320))

    def validate(self, model: nn.Module) -> Metric:
        return self._accuracy(model, slice(192, 256))

    def narrow(self, width: float) -> nn.Module:
        return make_model(width)

    def _accuracy(self, model: nn.Module, rows: slice) -> Metric:
        right = model(self.x[rows]).argmax(1) == self.y[rows]
        return Metric("accuracy", float(right.float().mean()), n=len(right))
