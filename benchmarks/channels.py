"""Does a network keep its accuracy with 2.1 times fewer multiply-adds, and is that ahead of torch-pruning?

ResNet-20 and ResNet-56 on CIFAR-10 lose whole channels: by secateur, by torch-pruning's group-norm pruner, by
chance. They and the dense network train on alike: optimizer steps, learning rates, batches, augmentation, teacher.
"""

from collections.abc import Callable
from functools import partial

from benchmarks.channels_rival import fixed_streams, torch_pruned
from benchmarks.channels_table import Row, text
from benchmarks.channels_task import TIMES_FEWER, Subject, recipe, resnet56
from benchmarks.cifar10_task import Cifar10
from benchmarks.common import Options, Sheet, options, train
from torch import nn

from secateur import Recipe, stages
from secateur.core.task import Task
from secateur.recovery.judge import evaluated
from secateur.stages import Stage
from secateur.trimming import structure_for


def compared(subject: Subject, asked: Recipe, seed: int) -> dict[str, Stage]:
    """What is trained, by the words of the table."""
    task: Task = subject.task
    structure = structure_for(task, asked)

    def rival(name: str, everywhere: bool) -> Stage:
        start: Callable[[], nn.Module] = partial(
            torch_pruned, task.model, task.example_inputs[0], TIMES_FEWER, subject.told, everywhere
        )
        return Stage(name, asked, start)

    return {
        "dense, trained on": stages.dense_control(task, asked),
        "secateur": stages.pruned(task, asked, structure),
        "torch-pruning, one ranking": rival("rival", everywhere=True),
        "torch-pruning, layer by layer": rival("rival_by_layer", everywhere=False),
        "random channels": stages.random_baseline(task, asked, seed, structure),
    }


def measured(subject: Subject, given: Options, sheet: Sheet) -> None:
    """Train all of them, seed after seed."""
    asked = recipe(20 if given.quick else subject.steps)
    evaluate = subject.task.evaluate
    rows = {"dense, as it came": Row(subject.task.model, [100 * evaluated(evaluate, subject.task.model).value])}
    for seed in given.seeds:
        for words, stage in compared(subject, asked, seed).items():
            trained = train(stage, subject.with_quick_teacher, seed, given, subject.label)
            percent = 100 * evaluated(evaluate, trained.model).value
            print(f"{subject.name} {words} seed {seed}: {percent:.2f} % in {trained.seconds:.0f} s", flush=True)
            row = rows.setdefault(words, Row(trained.model))
            row.percents.append(percent)
            row.certificate = trained.cut.certificate if trained.cut else row.certificate
        sheet.put(subject.name, f"{subject.origin}\n\n{text(rows, asked, subject.task, given)}")


def subjects(given: Options) -> list[Subject]:
    """The shallow one first."""
    twenty = Cifar10(given)
    padded = fixed_streams(twenty.model)
    return [
        Subject("ResNet-20", twenty, 1000, padded, "From the project's data folder; its shortcuts pad with zeros."),
        resnet56(given, twenty, 400),
    ]


def main() -> None:
    """Both networks."""
    with options("channels", "Does a network keep its accuracy with fewer channels?") as given:
        sheet = Sheet(given, f"CIFAR-10 (JPEG images): {TIMES_FEWER:g} times fewer multiply-adds")
        for subject in subjects(given):
            measured(subject, given, sheet)
        print(f"\n{sheet}")


if __name__ == "__main__":
    main()
