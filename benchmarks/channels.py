"""Does a network keep its accuracy with 2.1 times fewer multiply-adds, and is that ahead of torch-pruning?

ResNet-20 and ResNet-56 on CIFAR-10 lose whole channels: by secateur, by torch-pruning's group-norm pruner,
by chance. They and the dense network train on alike: optimizer steps, learning rates, batches, augmentation,
teacher.
"""

from functools import partial

from benchmarks.channels_rival import torch_pruned
from benchmarks.channels_table import CONTROL, Row, text
from benchmarks.channels_task import (
    TIMES_FEWER,
    Subject,
    dense,
    quick_teacher,
    recipe,
    resnet20,
    resnet56,
    unpruned,
)
from benchmarks.common import Options, Sheet, options, train

from secateur import Recipe, stages
from secateur.recovery.judge import evaluated
from secateur.stages import Stage
from secateur.trimming import structure_for


def compared(subject: Subject, asked: Recipe, seed: int) -> dict[str, Stage]:
    """What is trained, by the words of the table."""
    task = subject.task
    structure = structure_for(task, asked)
    image = task.example_inputs[0]

    def rival(name: str, everywhere: bool) -> Stage:
        start = partial(torch_pruned, task.model, image, TIMES_FEWER, subject.told, everywhere)
        return Stage(name, unpruned(asked), start)

    return {
        CONTROL: dense(task, asked),
        "secateur": stages.pruned(task, asked, structure),
        "torch-pruning, one ranking": rival("rival", everywhere=True),
        "torch-pruning, layer by layer": rival("rival_by_layer", everywhere=False),
        "random channels": stages.random_baseline(task, asked, seed, structure),
    }


def measured(subject: Subject, given: Options, sheet: Sheet) -> None:
    """Train all of them, seed after seed."""
    asked = recipe(20 if given.quick else subject.steps)
    task = subject.task
    rows = {"dense, as it came": Row(task.model, [100 * evaluated(task.evaluate, task.model).value])}
    for seed in given.seeds:
        for words, stage in compared(subject, asked, seed).items():
            trained = train(stage, quick_teacher(task), seed, given, subject.label)
            row = rows.setdefault(words, Row(trained.model))
            row.percents.append(100 * evaluated(task.evaluate, trained.model).value)
            if trained.cut is not None and trained.cut.certificate is not None:
                row.certificates.append(trained.cut.certificate)
            print(f"{subject.name}, {words}, seed {seed}: {row.percents[-1]:.2f} %", flush=True)
        sheet.put(subject.name, text(rows, task.example_inputs[0], asked, subject.origin, given))


def main() -> None:
    """Both networks."""
    with options("channels", "Does a network keep its accuracy with fewer channels?") as given:
        sheet = Sheet(given, f"CIFAR-10 (JPEG images): {TIMES_FEWER:g} times fewer multiply-adds")
        shallow = resnet20(given)
        measured(shallow, given, sheet)
        measured(resnet56(given, shallow.task), given, sheet)
        print(f"\n{sheet}")


if __name__ == "__main__":
    main()
