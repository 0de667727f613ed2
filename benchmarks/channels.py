"""Does a network keep its accuracy with 2.1 times fewer multiply-adds, and is that ahead of torch-pruning?

A network loses whole channels: by secateur, by torch-pruning's group-norm pruner, by chance. Then they and
the dense network train on alike: steps, learning rates, batches, augmentation, teacher. `channels_resnet20`,
`channels_resnet56` and `channels_longer` run it.
"""

import copy
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

from benchmarks.channels_rival import torch_pruned
from benchmarks.channels_table import CONTROL, Row, comparable, text
from benchmarks.channels_task import (
    TIMES_FEWER,
    Narrow,
    Subject,
    narrowed,
    unpruned,
)
from benchmarks.common import Options, Sheet, train

from secateur import Recipe
from secateur.criteria import Random
from secateur.graph.structure import Structure
from secateur.recovery.judge import evaluated
from secateur.stages import Stage
from secateur.surgery import cuttable


def compared(
    subject: Subject, structure: Structure, asked: Recipe, seed: int
) -> dict[str, Callable[[], Narrow]]:
    """What makes the network that each training starts with, by the words of the table."""
    task, image = subject.task, subject.task.example_inputs[0]

    def rival(everywhere: bool) -> Narrow:
        name = "rival" if everywhere else "rival_by_layer"
        return Narrow(name, torch_pruned(task.model, image, TIMES_FEWER, subject.told, everywhere))

    starts: dict[str, Callable[[], Narrow]] = {
        CONTROL: partial(Narrow, "dense", task.model),
        "secateur": partial(narrowed, task, structure, asked, seed),
        "torch-pruning, one ranking": partial(rival, everywhere=True),
        "random channels": partial(narrowed, task, structure, replace(asked, criterion=Random(seed)), seed),
    }
    if seed == 0:
        starts["torch-pruning, layer by layer (one seed)"] = partial(rival, everywhere=False)
    return starts


def measured(
    subject: Subject,
    given: Options,
    asked: Recipe,
    *,
    only: Collection[str] = (),
    title: str = f"{TIMES_FEWER:g} times fewer multiply-adds",
) -> None:
    """Train all of them, or only those that the table calls so, seed after seed, and keep the sheet."""
    task, sheet = subject.task, Sheet(given, f"CIFAR-10 (JPEG images): {title}")
    if given.quick:
        asked = replace(asked, recovery=replace(asked.recovery, steps=20, evaluate_every=6))
    structure = cuttable(task.model, task.example_inputs)
    rows = {"dense, as it came": Row(task.model, [100 * evaluated(task.evaluate, task.model).value])}
    for seed in given.seeds:
        for words, begin in compared(subject, structure, asked, seed).items():
            if only and words not in only:
                continue
            start = begin()
            stage = Stage(start.name, unpruned(asked), partial(copy.deepcopy, start.model))
            trained = train(stage, task, seed, given, subject.label)
            row = rows.setdefault(words, Row(trained.model))
            row.percents.append(100 * evaluated(task.evaluate, trained.model).value)
            row.ways.append([(point.step, 100 * point.value) for point in trained.training.history])
            row.certificates += [start.certificate] if start.certificate else []
            print(f"{subject.name}, {words}, seed {seed}: {row.percents[-1]:.2f} %", flush=True)
        if comparable(rows):
            sheet.put(subject.name, text(rows, task.example_inputs[0], asked, subject.origin, given))
    print(f"\n{sheet}")
