"""Which ResNet-56 loses channels, and how was it trained?"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch.nn.functional as F
from benchmarks.channels_task import Subject, taught
from benchmarks.cifar10_task import Batch, Cifar10, Quick
from benchmarks.common import Options, train
from torch import Tensor, nn

from secateur import Distillation, Metric, Recipe, Recovery
from secateur.recovery import randomness
from secateur.schedules import OneShot
from secateur.stages import Stage

SMALL_STEPS = 2000  # on images of half the height and width, a quarter of the price
DENSE_STEPS = 400  # on whole images, with ResNet-20 as the teacher
STEPS = 150  # of each row


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
class HalfSize:
    """The same images at half the height and width, to begin with."""

    whole: Cifar10

    @property
    def model(self) -> nn.Module:
        """The other network of these images."""
        return self.whole.model

    @property
    def example_inputs(self) -> tuple[Tensor, ...]:
        """One image."""
        return tuple(F.avg_pool2d(x, 2) for x in self.whole.example_inputs)

    def batches(self) -> Iterator[Batch]:
        """Shifted and mirrored as the whole ones."""
        for x, y in self.whole.batches():
            yield F.avg_pool2d(x, 2), y

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy."""
        return self.whole.loss(model, batch)

    def evaluate(self, model: nn.Module) -> Metric:
        """Accuracy on the images that choose checkpoints."""
        return self.whole.validate(nn.Sequential(nn.AvgPool2d(2), model))


def _training(steps: int, rate: float, taught_by: float) -> Recipe:
    recovery = Recovery(
        steps=steps,
        optimizer="sgd",
        learning_rate=rate,
        weight_decay=5e-4,
        evaluate_every=max(1, steps // 4),
        checkpoint_every=200,
        distillation=Distillation(weight=taught_by, temperature=4.0),
    )
    return Recipe(sparsity=0.0, schedule=OneShot(), recovery=recovery)


def resnet56(options: Options, images: Cifar10) -> Subject:
    """Trained here, once per work folder: first on small images, then on whole ones."""
    small, whole = (20, 20) if options.quick else (SMALL_STEPS, DENSE_STEPS)

    def start() -> nn.Module:
        randomness.seed_everything(0)
        return Quick(Resnet56())

    first = Stage("small_images", _training(small, 0.1, 0.0), start)
    begun = train(first, HalfSize(images), 0, options, "resnet56-from-scratch").model
    second = Stage("whole_images", _training(whole, 0.05, 0.5), lambda: copy.deepcopy(begun))
    task = copy.copy(images)
    task.model = train(second, taught(images), 0, options, "resnet56-from-scratch").model.eval()
    origin = (
        f"Trained here from scratch: {small:,} steps of 64 images at half their height and width, then "
        f"{whole:,} of whole ones with ResNet-20 as the teacher "
        f"({(small + whole) * 64 / 50000:.1f} epochs); so it is far from its best, and training "
        "on helps every row. Where the shape changes its shortcuts are "
        "1x1 convolutions, so all channels can go, those that blocks add to included."
    )
    return Subject("ResNet-56", task, STEPS, ("linear",), origin)
