"""ResNet-56 with 2.1 times fewer multiply-adds: see `benchmarks.channels`."""

from collections.abc import Iterator

import torch.nn.functional as F
from benchmarks.channels import measured
from benchmarks.channels_task import Subject, recipe, resnet20
from benchmarks.cifar10_task import Batch, Cifar10, Quick
from benchmarks.common import Options, options, train
from torch import Tensor, nn

from secateur import Distillation, Metric, Recipe, Recovery
from secateur.recovery import randomness
from secateur.schedules import OneShot
from secateur.stages import Stage

DENSE_STEPS = 2000  # from scratch
STEPS = 400  # of each row


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


class HalfSize(Cifar10):
    """The same images at half the height and width: a step takes a quarter of the time."""

    def __init__(self, whole: Cifar10, model: nn.Module) -> None:
        vars(self).update(vars(whole))
        self.model = model
        self.example_inputs = (F.avg_pool2d(whole.example_inputs[0], 2),)

    def batches(self) -> Iterator[Batch]:
        """Shifted and mirrored as the whole ones."""
        for x, y in super().batches():
            yield F.avg_pool2d(x, 2), y

    def evaluate(self, model: nn.Module) -> Metric:
        """Accuracy on the 8,000 images."""
        assert isinstance(model, Quick)
        return super().evaluate(Quick(nn.Sequential(nn.AvgPool2d(2), model.net)))

    def validate(self, model: nn.Module) -> Metric:
        """Accuracy on the 2,000 images."""
        return super().validate(nn.Sequential(nn.AvgPool2d(2), model))


def resnet56(options: Options, images: Cifar10) -> Subject:
    """A network that is trained here, once per work folder."""
    steps = 20 if options.quick else DENSE_STEPS
    recovery = Recovery(
        steps=steps,
        optimizer="sgd",
        learning_rate=0.1,
        weight_decay=5e-4,
        evaluate_every=max(1, steps // 4),
        checkpoint_every=200,
        distillation=Distillation(weight=0),
    )

    def start() -> nn.Module:
        randomness.seed_everything(0)
        return Quick(Resnet56()).eval()

    task = HalfSize(images, start())
    stage = Stage("dense", Recipe(sparsity=0.0, schedule=OneShot(), recovery=recovery), start)
    task.model = train(stage, task, 0, options, "resnet56-from-scratch").model
    origin = (
        "Images of half the height and width, 16x16, so that a core trains it in minutes. Trained here from "
        f"scratch, for {steps:,} steps only ({steps * 64 / 50000:.1f} epochs); so it is far from its best. "
        "Where the shape changes its shortcuts are 1x1 convolutions, so all "
        "channels can go, those that blocks add to included."
    )
    return Subject("ResNet-56", task, ("linear",), origin)


def main() -> None:
    """Every way to choose channels, a short training."""
    with options("channels_resnet56", "Does ResNet-56 keep its accuracy with fewer channels?") as given:
        measured(
            resnet56(given, resnet20(given).task), given, recipe(STEPS, learning_rate=0.01, features=0.0)
        )


if __name__ == "__main__":
    main()
