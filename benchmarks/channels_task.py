"""Which networks lose channels in the benchmark, and how are they trained?"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from benchmarks.cifar10_task import Bfloat16, Cifar10
from benchmarks.common import Options, channels_last_, train
from torch import Tensor, nn

from secateur import Distillation, Recipe, Recovery
from secateur.allocation import Uniform
from secateur.export import state_hash
from secateur.recovery import randomness
from secateur.schedules import OneShot
from secateur.stages import Stage

DENSE_STEPS = 2500  # of ResNet-56, from scratch, with ResNet-20 as its teacher


class Halved(Bfloat16):
    """A teacher, in bfloat16 like those it teaches."""

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images."""
        with torch.autocast("cpu", torch.bfloat16):
            logits: Tensor = self.net(x)
        return logits.float()


class Block(nn.Module):
    """Two 3x3 convolutions; a 1x1 convolution as the shortcut where the shape changes (arXiv 1512.03385)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        projection = [nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)]
        self.shortcut = nn.Sequential(*([] if same else projection))

    def forward(self, x: Tensor) -> Tensor:
        """Features of the next block."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class Resnet56(nn.Module):
    """27 blocks of 16, 32 and 64 channels, whose residual streams can be narrowed too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        blocks = []
        width = 16
        for outputs in (16, 32, 64):
            for index in range(9):
                blocks.append(Block(width, outputs, 2 if outputs > 16 and index == 0 else 1))
                width = outputs
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        x = self.blocks(F.relu(self.bn1(self.conv1(x))))
        logits: Tensor = self.linear(x.mean((2, 3)))
        return logits


@dataclass(frozen=True)
class Subject:
    """One network of the benchmark.

    Attributes:
        name: for people.
        task: its data and yardstick; `task.model` is the trained network.
        origin: how it was trained.
        steps: of each training after that.
    """

    name: str
    task: Cifar10
    origin: str
    steps: int

    @property
    def label(self) -> str:
        """Names what is trained from these very weights in the work folder."""
        return f"{self.name.lower()}-{state_hash(self.task.model)[:8]}"


def quick_teacher(task: Cifar10) -> Cifar10:
    """The same, where whoever asks for a teacher gets one that computes in bfloat16."""
    assert isinstance(task.model, Bfloat16)
    other = copy.copy(task)
    other.model = Halved(task.model.net).eval()
    return other


def resnet56(options: Options, task: Cifar10) -> Cifar10:
    """The same images for a ResNet-56 that is trained here, once per work folder."""
    steps = 20 if options.quick else DENSE_STEPS
    recovery = Recovery(
        steps=steps,
        optimizer="sgd",
        learning_rate=0.1,
        weight_decay=5e-4,
        evaluate_every=max(1, steps // 4),
        checkpoint_every=200,
        distillation=Distillation(weight=0.5, temperature=4.0),
    )

    def start() -> nn.Module:
        randomness.seed_everything(0)
        return Bfloat16(channels_last_(Resnet56()))

    stage = Stage("dense", Recipe(sparsity=0.0, schedule=OneShot(), recovery=recovery), start)
    trained = train(stage, quick_teacher(task), 0, options, "resnet56-from-scratch")
    deeper = copy.copy(task)
    deeper.model = trained.model.eval()
    return deeper
