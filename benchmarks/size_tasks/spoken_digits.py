"""Which two networks hear spoken digits, and how far are they pruned?"""

from collections.abc import Callable

import torch
from benchmarks.common import Options, channels_last_, need
from benchmarks.size_tasks.subject import Dense, Goal, Subject
from examples.spoken_digits import task as example
from torch import Tensor, nn

from secateur import Distillation, Gradual, Recipe, Recovery

CHANNELS = 172  # of DS-CNN's medium size
BLOCKS = 4  # of a depthwise and a pointwise convolution


class Spoken(example.SpokenDigits):
    """The example's clips, batches and yardsticks, with the data and the network that are given.

    Recordings 0 to 4 of each speaker and digit are for the report, 5 to 9 choose, the others train. With
    300 clips in either set, one clip is 0.33 points.
    """

    def __init__(self, options: Options, network: Callable[[], nn.Module]) -> None:
        clips, labels, recording = example.read_clips(need(options.data / "data" / "fsdd_8k_1s.npz"))
        train, valid, test = recording >= 10, (recording >= 5) & (recording < 10), recording < 5
        frames = example.log_mel(clips)
        frames = (frames - frames[train].mean((0, 1))) / frames[train].std((0, 1))
        self.train_set, self.valid_set, self.test_set = ((frames[s], labels[s]) for s in (train, valid, test))
        self.model = network()
        self.example_inputs = (frames[:1],)


class DepthwiseSeparable(nn.Module):
    """DS-CNN of "Hello Edge" (arXiv 1711.07128), medium: (n, 51 frames, 32 bands) -> (n, 10 digits).

    One convolution of 10x4, then blocks of a depthwise 3x3 and a pointwise convolution, each followed by
    BatchNorm, and the mean over time and bands. The first two convolutions halve both axes.
    """

    def __init__(self) -> None:
        super().__init__()
        first = nn.Conv2d(1, CHANNELS, (10, 4), stride=2, padding=(5, 2), bias=False)
        layers = [first, nn.BatchNorm2d(CHANNELS), nn.ReLU()]
        for block in range(BLOCKS):
            stride = 2 if block == 0 else 1
            layers += _normal(nn.Conv2d(CHANNELS, CHANNELS, 3, stride, 1, groups=CHANNELS, bias=False))
            layers += _normal(nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False))
        self.body = nn.Sequential(*layers)
        self.digit = nn.Linear(CHANNELS, 10)
        channels_last_(self)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits of standardised frames."""
        images = frames.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.digit(self.body(images).mean((2, 3)))
        return logits


def _normal(convolution: nn.Conv2d) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(CHANNELS), nn.ReLU()]


SPOKEN_GRU = Subject(
    name="spoken-digit GRU",
    goal=Goal(times_smaller=25, points_lost=0.5, against="dense_control"),
    make=lambda options: Spoken(options, example.Listener),
    dense=Dense(
        example.Listener,
        Recovery(steps=1200, learning_rate=4e-3, evaluate_every=100, distillation=Distillation(weight=0)),
    ),
    pruning=Recipe(
        sparsity=0.9,
        schedule=Gradual(end=0.5),
        recovery=Recovery(
            steps=2000, learning_rate=4e-3, evaluate_every=100, distillation=Distillation(weight=0.0)
        ),
    ),
    seeds=1,
)

SPOKEN_DS_CNN = Subject(
    name="spoken-digit DS-CNN",
    goal=Goal(times_smaller=25, points_lost=0.5, against="dense_control"),
    make=lambda options: Spoken(options, DepthwiseSeparable),
    dense=Dense(
        DepthwiseSeparable,
        Recovery(steps=800, learning_rate=2e-3, evaluate_every=100, distillation=Distillation(weight=0)),
    ),
    pruning=Recipe(
        sparsity=0.9,
        schedule=Gradual(end=0.4),
        recovery=Recovery(
            steps=800,
            learning_rate=2e-3,
            evaluate_every=100,
            distillation=Distillation(weight=0.9, temperature=4.0),
        ),
    ),
    seeds=1,
)
