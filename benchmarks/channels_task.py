"""Which networks lose channels in the benchmark, and how are they trained?"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from benchmarks.channels_rival import fixed_streams
from benchmarks.cifar10_task import Bfloat16, Cifar10
from benchmarks.common import Options, channels_last_, train
from torch import Tensor, nn

from secateur import Channels, Distillation, Recipe, Recovery, find_masks
from secateur.allocation import GlobalRank
from secateur.core.task import Calibration
from secateur.criteria import LAMP
from secateur.export import state_hash
from secateur.graph.structure import Structure
from secateur.recovery import randomness
from secateur.schedules import OneShot
from secateur.stages import Stage
from secateur.surgery import Certificate, cut

TIMES_FEWER = 2.1  # multiply-adds
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
        steps: of each training.
        told: modules that torch-pruning must be told to leave alone.
        origin: what is to be known of the network.
    """

    name: str
    task: Cifar10
    steps: int
    told: tuple[str, ...]
    origin: str

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


def recipe(steps: int) -> Recipe:
    """Whole channels, as many as it takes; chosen in short trials of ResNet-20 on validation images."""
    recovery = Recovery(
        steps=steps,
        optimizer="sgd",
        learning_rate=0.02,
        weight_decay=1e-4,
        evaluate_every=max(1, steps // 5),
        distillation=Distillation(weight=0.5, temperature=4.0),
    )
    return Recipe(
        sparsity=1 - 1 / TIMES_FEWER,
        criterion=LAMP(),
        pattern=Channels(pool="sum", relative=False, round_to=1),
        allocation=GlobalRank(per_cost=True),
        schedule=OneShot(),
        measure="multiply_adds",
        recovery=recovery,
    )


def unpruned(asked: Recipe) -> Recipe:
    """The same training of a network that loses nothing on the way."""
    return Recipe(sparsity=0.0, schedule=OneShot(), recovery=asked.recovery)


@dataclass(frozen=True)
class Narrow:
    """A network to start from, its name in the work folder, and how well secateur's cut held."""

    name: str
    model: nn.Module
    certificate: Certificate | None = None


def narrowed(task: Cifar10, structure: Structure, asked: Recipe, seed: int) -> Narrow:
    """A copy without the channels that the recipe removes."""
    model = copy.deepcopy(task.model)
    randomness.seed_everything(seed)
    masks = find_masks(model, asked, data=Calibration(task.batches, task.loss), structure=structure)
    done = cut(model, masks, structure.groups, example_inputs=task.example_inputs)
    return Narrow(f"secateur-{asked.fingerprint}", model, done.certificate)


def resnet20(options: Options) -> Subject:
    """The network of the data folder."""
    task = Cifar10(options)
    assert isinstance(task.model, Bfloat16)
    told = tuple(fixed_streams(task.model.net))
    origin = (
        "The network of the data folder, trained for a long time. Its shortcuts pad with zeros, so the "
        "channels that blocks add to stay. torch-pruning fails on these shortcuts unless it is told which "
        f"modules to leave alone, here {len(told)}."
    )
    return Subject("ResNet-20", task, 2000, told, origin)


def resnet56(options: Options, images: Cifar10) -> Subject:
    """A network that is trained here, once per work folder, with ResNet-20 as its teacher."""
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
    task = copy.copy(images)
    task.model = train(stage, quick_teacher(images), 0, options, "resnet56-from-scratch").model.eval()
    origin = (
        f"Trained here from scratch, for {steps:,} steps only ({steps * 64 / 50000:.1f} epochs), with "
        "ResNet-20 as its teacher; so it is far from its best, and training on helps every row. Where the "
        "shape changes its shortcuts are 1x1 convolutions, so all channels can go, those that blocks add to "
        "included."
    )
    return Subject("ResNet-56", task, 400, ("linear",), origin)
