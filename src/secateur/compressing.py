"""What does sharing or quantising come to, and is it kept?"""

from collections.abc import Callable
from dataclasses import dataclass

from secateur import stages
from secateur.core.task import Metric, Task
from secateur.files import write_atomically
from secateur.in_runtime import Inputs
from secateur.quantize import Int8
from secateur.recipe import Recipe
from secateur.recipe.tables import to_dict
from secateur.recovery.inputs import seen_inputs
from secateur.recovery.judge import choose
from secateur.report import candidates, collect
from secateur.report.candidates import Candidate
from secateur.report.schema import CompressionInfo
from secateur.run_folder import RunFolder
from secateur.stages import Stage, Trained

TRAINED_ON = "trained on"


@dataclass(frozen=True)
class Outcome:
    """What was made of the pruned network.

    Attributes:
        compressed: the shared or quantised network.
        kept: whether it is what model.sct holds; otherwise that is the pruned network.
        info: how it came to that, for the report.
    """

    compressed: Candidate
    kept: bool
    info: CompressionInfo


def attempt(
    train: Callable[[Stage], Trained],
    task: Task,
    recipe: Recipe,
    seed: int,
    folder: RunFolder,
    dense: Candidate,
    pruned: Candidate,
) -> Outcome:
    """Share or quantise the pruned network, train it on, and write the better of the two as model.sct.

    It is kept where the yardstick that chooses checkpoints, computed by the file itself, gets worse by at
    most `recipe.compress.max_drop`.
    """
    options = recipe.compress
    assert options is not None, "only a recipe that compresses comes here"
    stage = stages.compressed(recipe, pruned.model)
    calibration: list[Inputs] = []
    if isinstance(options.method, Int8):
        calibration = seen_inputs(pruned.model, task, options.method.batches, seed)

    def made(step: Stage) -> Candidate:
        path = folder.work / f"{step.name}.sct"
        return candidates.compressed(train(step), task, recipe, pruned, path, calibration)

    untrained = made(stages.untrained(stage, options.method.noun))
    compressed = made(stage)
    before = choose(task, pruned.model)
    after = choose(task, candidates.in_file(compressed.file, compressed.model, task))
    drop = _drop(before, after)
    kept = drop <= options.max_drop
    write_atomically(folder.file("model.sct"), (compressed if kept else pruned).file.read_bytes())
    steps = {
        "dense": dense,
        "pruned" if recipe.sparsity else "lossless": pruned,
        untrained.name: untrained,
        TRAINED_ON: compressed,
    }
    info = CompressionInfo(
        method=to_dict(options)["method"],
        steps=[collect.step(name, candidate) for name, candidate in steps.items()],
        kept=kept,
        drop=drop,
        max_drop=options.max_drop,
    )
    return Outcome(compressed, kept, info)


def _drop(before: Metric, after: Metric) -> float:
    """How much worse the yardstick got; negative where it got better."""
    lost = before.value - after.value
    return lost if before.higher_is_better else -lost
