"""A task tells secateur what it cannot know: your trained network, your data, your loss, your yardstick.

This one runs as it stands: a small convolutional network on the handwritten digits that come with
scikit-learn. Replace the parts marked with (1) to (4) by your own, then run

    secateur prune --task task.py:Digits --recipe recipe.toml --out run
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from secateur import Metric

Batch = tuple[Tensor, Tensor]


class Net(nn.Module):
    """Any nn.Module will do. `width` is only there for the small dense baseline, see narrow() below."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        narrow, wide, hidden = (max(1, round(width * size)) for size in (32, 64, 128))
        self.conv1 = nn.Conv2d(1, narrow, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(narrow)
        self.conv2 = nn.Conv2d(narrow, wide, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(wide)
        self.fc1 = nn.Linear(wide * 4 * 4, hidden)
        self.fc2 = nn.Linear(hidden, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class Digits:
    """There is no base class: secateur asks for these members by name."""

    training_steps = 400  # optional: lets the small dense baseline train as long as the network did

    def __init__(self, seed: int = 0) -> None:
        # (1) Your data. The examples of evaluate() must never be trained on.
        images, labels = load_digits(return_X_y=True)
        x = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
        y = torch.tensor(labels)
        rest, test = train_test_split(range(len(y)), test_size=540, stratify=y, random_state=0)
        train, valid = train_test_split(rest, test_size=250, stratify=y[rest], random_state=0)
        self.train_set, self.valid_set, self.test_set = ((x[i], y[i]) for i in (train, valid, test))

        # (2) Your trained network, usually: self.model = Net(); self.model.load_state_dict(...)
        torch.manual_seed(seed)
        self.model: nn.Module = Net()
        self._train_dense()

        # One input of one forward call, in a tuple; the first axis is the batch.
        self.example_inputs = (x[:1],)

    def batches(self) -> Iterator[Batch]:
        """(3) One epoch of training batches, of whatever form your loss() takes; a DataLoader is fine."""
        x, y = self.train_set
        for rows in torch.randperm(len(y)).split(64):
            yield x[rows], y[rows]

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """A scalar to minimise. Call model(...) itself: the dense network then teaches the pruned one."""
        x, y = batch
        return F.cross_entropy(model(x), y)

    def evaluate(self, model: nn.Module) -> Metric:
        """(4) The yardstick of the report."""
        return self._accuracy(model, self.test_set)

    def validate(self, model: nn.Module) -> Metric:
        """Optional: chooses the best checkpoint, so that evaluate() stays honest."""
        return self._accuracy(model, self.valid_set)

    def narrow(self, width: float) -> nn.Module:
        """Optional: an untrained network of `width` times the channels, for the small dense baseline."""
        return Net(width)

    def _accuracy(self, model: nn.Module, examples: Batch) -> Metric:
        x, y = examples
        right = int((model(x).argmax(1) == y).sum())
        return Metric("accuracy", right / len(y), n=len(y))

    def _train_dense(self) -> None:
        optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.training_steps)
        done = 0
        while done < self.training_steps:
            for batch in self.batches():
                optimizer.zero_grad()
                self.loss(self.model, batch).backward()
                optimizer.step()
                schedule.step()
                done += 1
                if done == self.training_steps:
                    break
        self.model.eval()
