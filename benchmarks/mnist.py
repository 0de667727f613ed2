"""How many of LeNet's weights can go before MNIST notices?

First at 12 times fewer weights, beside the dense network on the same budget and random pruning; then ever
further; then other ways to the furthest point that others published.
"""

from dataclasses import replace

import torch
from benchmarks.common import Options, Sheet, accuracy, options, run, smaller, table
from benchmarks.mnist_subjects import PATIENT, SUBJECTS, TAYLOR, Subject
from benchmarks.mnist_tables import ladder, twelve_times
from benchmarks.mnist_task import VALIDATION, Mnist
from torch import nn

from secateur import Distillation, Recipe, Taylor, stages
from secateur.stages import Stage


def main() -> None:
    """Measure both networks: what matters most first."""
    with options("mnist", "How many of LeNet's weights can go before MNIST notices?") as given:
        sheet = Sheet(given, "MNIST: LeNet-300-100 and LeNet-5")
        studies = [Study(subject, given, sheet) for subject in SUBJECTS]
        for part in (Study.twelve, Study.ladder, Study.other_ways, Study.learnt_by_heart):
            for study in studies:
                part(study)
        print(f"\n{sheet}")


class Study:
    """One network's trainings, and the sections they fill."""

    def __init__(self, subject: Subject, given: Options, sheet: Sheet) -> None:
        self.subject, self.given, self.sheet = subject, given, sheet
        self.tasks = {seed: Mnist(given, subject.make) for seed in given.seeds}
        self.recipe = subject.recipe(given).with_sparsity(1 - 1 / 12)
        self.percents: dict[str, list[float]] = {}  # stage -> test accuracy of each seed

    def twelve(self) -> None:
        """12 times fewer weights, beside all comparisons."""
        for seed, task in self.tasks.items():
            task.model = self._train(seed, self.subject.untrained(self.given, seed))
            self._train(seed, stages.dense_control(task, self.recipe))
            pruned = self._train(seed, stages.pruned(task, self.recipe))
            self._train(seed, stages.random_baseline(task, self.recipe, seed))
            ratio = smaller(task.model, pruned, task.example_inputs)
            text = twelve_times(self.subject, self.recipe, self.percents, ratio)
            self.sheet.put(f"{self.subject.name}, 12 times fewer weights", text)

    def ladder(self) -> None:
        """Ever further."""
        for factor in self.subject.ladder[: 1 if self.given.quick else None]:
            for seed, task in self.tasks.items():
                self._train(seed, stages.curve_point(task, self.recipe, factor))
            self.sheet.put(f"{self.subject.name}, ever further", ladder(self.subject, self.percents))

    def other_ways(self) -> None:
        """What might get further, with all seeds."""
        recipes = ways(self.recipe)
        for factor, way in self.subject.tries[: 1 if self.given.quick else None]:
            for seed, task in self.tasks.items():
                self._train(seed, stages.curve_point(task, recipes[way], factor), f"{factor}x, {way}")
            self.sheet.put(f"{self.subject.name}, ever further", ladder(self.subject, self.percents))

    def learnt_by_heart(self) -> None:
        """Where training and test accuracy are near each other, weights are what is missing; seed 0."""
        far, task = self.subject.far, self.tasks[0]
        rows = [["dense, for comparison", *_both(task, task.model, self.percents["dense"][0])]]
        for words, recipe in ways(self.recipe).items():
            stage = stages.curve_point(task, recipe, far)
            rows.append([words, *_both(task, *run(stage, task, 0, self.given, self.subject.name))])
            text = table(["seed 0", "test accuracy, %", "training accuracy, %"], rows)
            self.sheet.put(f"{self.subject.name}, does it learn by heart at {far} times fewer weights?", text)

    def _train(self, seed: int, stage: Stage, words: str | None = None) -> nn.Module:
        model, percent = run(stage, self.tasks[seed], seed, self.given, self.subject.name)
        self.percents.setdefault(words or stage.name, []).append(percent)
        return model


def longer(recipe: Recipe) -> Recipe:
    """The recipe with 4 times the steps."""
    steps = 4 * recipe.recovery.steps
    return replace(recipe, recovery=replace(recipe.recovery, steps=steps, evaluate_every=max(1, steps // 10)))


def ways(recipe: Recipe) -> dict[str, Recipe]:
    """The recipe, and others that might get further."""
    untaught = replace(recipe.recovery, distillation=Distillation(weight=0))
    return {
        "as above": recipe,
        TAYLOR: replace(recipe, criterion=Taylor()),
        "no teacher": replace(recipe, recovery=untaught),
        PATIENT: longer(recipe),
    }


def _both(task: Mnist, model: nn.Module, percent: float) -> tuple[str, str]:
    """Accuracy on the test set and on 5,000 training images: far apart, it learns by heart."""
    images, labels = task.train_set
    with torch.no_grad():
        seen = accuracy(model, images[:VALIDATION], labels[:VALIDATION]).value
    return f"{percent:.2f}", f"{100 * seen:.2f}"


if __name__ == "__main__":
    main()
