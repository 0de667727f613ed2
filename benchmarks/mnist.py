"""How many of LeNet's weights can go before MNIST notices?

LeNet-300-100 and LeNet-5, in the form that Han et al. (arXiv 1506.02626) and Dynamic Network Surgery
(arXiv 1608.04493) pruned: Caffe's, with 431,080 parameters, for images of 28x28. First at 12 times fewer
weights, beside the dense network on the same budget and random pruning; then ever further.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import mean

import numpy as np
import torch
import torch.nn.functional as F
from benchmarks.common import (
    Options,
    Sheet,
    accuracy,
    channels_last_,
    need,
    options,
    run,
    smaller,
    spread,
    table,
)
from torch import Tensor, nn

from secateur import Distillation, ErdosRenyi, Gradual, Metric, Recipe, Recovery, Taylor, stages
from secateur.recovery import randomness
from secateur.stages import Stage

Batch = tuple[Tensor, Tensor]
VALIDATION = 5000
LOSS = 0.1  # points that the furthest network may lose


def lenet_300_100() -> nn.Module:
    """Two hidden layers, 266,610 parameters."""
    layers = {
        "flat": nn.Flatten(),
        "fc1": nn.Linear(784, 300),
        "relu1": nn.ReLU(),
        "fc2": nn.Linear(300, 100),
        "relu2": nn.ReLU(),
        "fc3": nn.Linear(100, 10),
    }
    return nn.Sequential(OrderedDict(layers))


def lenet_5() -> nn.Module:
    """Caffe's LeNet-5, 431,080 parameters; channels last, which trains twice as fast on a CPU."""
    layers = {
        "conv1": nn.Conv2d(1, 20, 5),
        "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(20, 50, 5),
        "pool2": nn.MaxPool2d(2),
        "flat": nn.Flatten(),
        "fc1": nn.Linear(800, 500),
        "relu": nn.ReLU(),
        "fc2": nn.Linear(500, 10),
    }
    return channels_last_(nn.Sequential(OrderedDict(layers)))


class Mnist:
    """One network and the digits; 5,000 training images are kept to choose checkpoints."""

    def __init__(self, options: Options, make: Callable[[], nn.Module]) -> None:
        with np.load(need(options.data / "data" / "mnist.npz")) as arrays:
            x, test_x = (
                torch.from_numpy(arrays[k]).float().unsqueeze(1) / 255 for k in ("train_x", "test_x")
            )
            y, test_y = (torch.from_numpy(arrays[k]).long() for k in ("train_y", "test_y"))
        few = 256 if options.quick else None
        self.train_set = x[:-VALIDATION], y[:-VALIDATION]
        self.valid_set = x[-VALIDATION:][:few], y[-VALIDATION:][:few]
        self.test_set = test_x[:few], test_y[:few]
        self.model = make()
        self.example_inputs = (x[:1],)

    def batches(self) -> Iterator[Batch]:
        """64 images at a time, without augmentation."""
        x, y = self.train_set
        for rows in torch.split(torch.randperm(len(y)), 64):
            yield x[rows], y[rows]

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy."""
        x, y = batch
        return F.cross_entropy(model(x), y)

    def evaluate(self, model: nn.Module) -> Metric:
        """Accuracy on the test set."""
        return accuracy(model, *self.test_set)

    def validate(self, model: nn.Module) -> Metric:
        """Accuracy on the images kept from training."""
        return accuracy(model, *self.valid_set)


@dataclass(frozen=True)
class Subject:
    """A network, how it is pruned, and what others reached with it."""

    name: str
    make: Callable[[], nn.Module]
    steps: int  # of the dense network's training, and of each recovery
    ladder: tuple[int, ...]  # times fewer weights
    han: str  # error at 12 times fewer weights, arXiv 1506.02626
    surgery: int  # times fewer weights without loss, arXiv 1608.04493

    def recipe(self, options: Options) -> Recipe:
        """Gradual magnitude with distillation; chosen on the validation images."""
        steps = 20 if options.quick else self.steps
        recovery = Recovery(
            steps=steps,
            learning_rate=4e-3,
            evaluate_every=max(1, steps // 10),
            distillation=Distillation(weight=0.5, temperature=1.0),
        )
        return Recipe(schedule=Gradual(end=0.5), floor=0.002, recovery=recovery)

    def untrained(self, options: Options, seed: int) -> Stage:
        """The dense network's own training: no teacher, and a quarter of the learning rate."""
        recipe = self.recipe(options)
        alone = replace(recipe.recovery, learning_rate=1e-3, distillation=Distillation(weight=0))

        def start() -> nn.Module:
            randomness.seed_everything(seed)
            return self.make()

        return Stage("dense", replace(recipe, recovery=alone), False, start)


SUBJECTS = (
    Subject("LeNet-300-100", lenet_300_100, 4000, (16, 24, 32, 40, 56), "1.64 -> 1.59 %", 56),
    Subject("LeNet-5", lenet_5, 2500, (32, 64, 96, 108), "0.80 -> 0.77 %", 108),
)


def main() -> None:
    """Measure both networks."""
    with options("mnist", "How many of LeNet's weights can go before MNIST notices?") as given:
        sheet = Sheet(given, "MNIST: LeNet-300-100 and LeNet-5")
        for subject in SUBJECTS:
            measure(subject, given, sheet)
        print(f"\n{sheet}")


def measure(subject: Subject, given: Options, sheet: Sheet) -> None:
    """12 times fewer weights with all comparisons, then the ladder."""
    tasks = {seed: Mnist(given, subject.make) for seed in given.seeds}
    percents: dict[str, list[float]] = {}

    def train(seed: int, stage: Stage) -> nn.Module:
        model, percent = run(stage, tasks[seed], seed, given, subject.name)
        percents.setdefault(stage.name, []).append(percent)
        return model

    twelve = subject.recipe(given).with_sparsity(1 - 1 / 12)
    for seed, task in tasks.items():
        task.model = train(seed, subject.untrained(given, seed))
        train(seed, stages.dense_control(task, twelve))
        pruned = train(seed, stages.pruned(task, twelve))
        train(seed, stages.random_baseline(task, twelve, seed))
        ratio = smaller(task.model, pruned, task.example_inputs)
    sheet.put(f"{subject.name}, 12 times fewer weights", _twelve(subject, percents, ratio))
    for factor in subject.ladder[: 1 if given.quick else None]:
        for seed, task in tasks.items():
            train(seed, stages.curve_point(task, twelve, factor))
        sheet.put(f"{subject.name}, ever further", _ladder(subject, percents))
    task = tasks[0]
    rows = [["dense, for comparison", *_both(task, task.model, percents["dense"][0])]]
    for words, recipe in ways(twelve.with_sparsity(1 - 1 / subject.surgery)).items():
        stage = stages.pruned(task, recipe)
        rows.append([words, *_both(task, *run(stage, task, 0, given, subject.name))])
        heading = f"{subject.name}, what bounds it at {subject.surgery} times fewer weights"
        sheet.put(heading, table(["seed 0", "test accuracy, %", "training accuracy, %"], rows))


def ways(recipe: Recipe) -> dict[str, Recipe]:
    """The recipe, and others that might get further."""
    recovery = recipe.recovery
    steps = 4 * recovery.steps
    longer = replace(recipe, recovery=replace(recovery, steps=steps, evaluate_every=max(1, steps // 10)))
    return {
        "as above": recipe,
        "Taylor instead of magnitude": replace(recipe, criterion=Taylor()),
        "Erdos-Renyi instead of global": replace(recipe, allocation=ErdosRenyi()),
        "no teacher": replace(recipe, recovery=replace(recovery, distillation=Distillation(weight=0))),
        "4 times the steps": longer,
        "4 times the steps, Taylor": replace(longer, criterion=Taylor()),
    }


def _both(task: Mnist, model: nn.Module, percent: float) -> tuple[str, str]:
    """Accuracy on the test set and on 5,000 training images: far apart, it learns by heart."""
    images, labels = task.train_set
    with torch.no_grad():
        seen = accuracy(model, images[:VALIDATION], labels[:VALIDATION]).value
    return f"{percent:.2f}", f"{100 * seen:.2f}"


def _twelve(subject: Subject, percents: dict[str, list[float]], ratio: float) -> str:
    names = {
        "dense": "dense",
        "dense_control": "dense, trained on for as many steps with the same teacher",
        "pruned": "secateur, 12 times fewer weights",
        "random_baseline": "random pruning, 12 times fewer weights",
    }
    rows = [[words, spread(percents[name])] for name, words in names.items()]
    gain = mean(percents["pruned"]) - mean(percents["dense"])
    return (
        f"{table(['network', 'test accuracy, %'], rows)}\n\n"
        f"Pruned against dense: {gain:+.2f} points; goal, no loss: {'reached' if gain >= 0 else 'missed'}. "
        f"The `.sct` is {ratio:.1f} times smaller than the dense safetensors file. Han et al., error at 12 "
        f"times: {subject.han}. {_training(subject)}"
    )


def _training(subject: Subject) -> str:
    return (
        f"{subject.steps:,} optimizer steps of 64 images for the dense network, and again for each of the "
        "others."
    )


def _ladder(subject: Subject, percents: dict[str, list[float]]) -> str:
    dense = mean(percents["dense"])
    gains = {
        factor: mean(percents[f"curve_{factor}x"]) - dense
        for factor in subject.ladder
        if f"curve_{factor}x" in percents
    }
    rows = [
        [f"{factor}x", spread(percents[f"curve_{factor}x"]), f"{gain:+.2f}"] for factor, gain in gains.items()
    ]
    held = [factor for factor, gain in gains.items() if gain >= -LOSS]
    furthest = f"{max(held)}x" if held else f"none of {', '.join(f'{f}x' for f in gains)}"
    return (
        f"{table(['fewer weights', 'test accuracy, %', 'against dense, points'], rows)}\n\n"
        f"Furthest with at most {LOSS} points lost against dense ({dense:.2f} %): {furthest}. "
        f"Dynamic Network Surgery: {subject.surgery}x."
    )


if __name__ == "__main__":
    main()
