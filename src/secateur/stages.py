"""Which networks does a run train, so that the pruned one can be judged fairly?

pruned                the job itself
shared                the pruned network by the compression method, without training ("quantised", "rounded")
compressed            the same, trained on
dense_control         the dense network, trained on for as many steps
random_baseline       the same recipe, but chance decides what goes
small_dense_baseline  a narrower dense network, the largest whose file is no larger, from scratch
curve_<factor>x       the job at another sparsity, for the trade-off curve
"""

import copy
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from secateur.core.masks import Masks
from secateur.core.task import Task
from secateur.criteria import Random
from secateur.errors import TaskError
from secateur.export import save_state
from secateur.graph.structure import Structure
from secateur.recipe import Recipe
from secateur.recovery import checkpoint, randomness
from secateur.recovery.coarse import coarse
from secateur.recovery.constraint import Grids, Hold, free, pruning
from secateur.recovery.loop import train
from secateur.recovery.progress import Progress
from secateur.recovery.run import Point, Training
from secateur.trimming import Outcome, cut_off


@dataclass(frozen=True)
class Stage:
    """One training: where it starts, by which recipe, and what must hold of the weights.

    Where a structure is given, what the training removed is cut off afterwards.
    """

    name: str
    recipe: Recipe
    start: Callable[[], nn.Module]
    hold: Hold = free
    structure: Structure | None = None

    @classmethod
    def pruning(
        cls, name: str, recipe: Recipe, model: nn.Module, structure: Structure | None = None
    ) -> "Stage":
        """A copy of the model loses weights or channels by the recipe."""
        return cls(
            name, recipe, lambda: copy.deepcopy(model), partial(pruning, structure=structure), structure
        )


@dataclass(frozen=True)
class Trained:
    """What a stage left; the model is cut where the stage has a structure and the cut held."""

    stage: Stage
    model: nn.Module
    training: Training
    seconds: float
    cut: Outcome | None = None


def pruned(task: Task, recipe: Recipe, structure: Structure | None = None) -> Stage:
    """The job itself."""
    return Stage.pruning("pruned", recipe, task.model, structure)


def dense_control(task: Task, recipe: Recipe) -> Stage:
    """The dense network with the same extra steps, teacher included, those of compression too."""
    longer = replace(recipe, recovery=replace(recipe.recovery, steps=recipe.steps))
    return Stage("dense_control", longer, lambda: copy.deepcopy(task.model))


def compressed(recipe: Recipe, source: nn.Module) -> Stage:
    """A trained network, shared or quantised as the recipe says, and trained on."""
    return Stage("compressed", recipe.for_compression(), lambda: copy.deepcopy(source), coarse)


def untrained(stage: Stage, name: str) -> Stage:
    """The same stage without a step of training: what a method costs before recovery."""
    recovery = replace(stage.recipe.recovery, steps=0)
    return replace(stage, name=name, recipe=replace(stage.recipe, recovery=recovery))


def random_baseline(task: Task, recipe: Recipe, seed: int, structure: Structure | None = None) -> Stage:
    """The same recipe with random scores."""
    return Stage.pruning("random_baseline", replace(recipe, criterion=Random(seed)), task.model, structure)


def curve_point(task: Task, recipe: Recipe, factor: float, structure: Structure | None = None) -> Stage:
    """The job with `factor` times fewer of what the recipe counts."""
    there = recipe.with_sparsity(1 - 1 / factor)
    return Stage.pruning(f"curve_{factor:g}x", there, task.model, structure)


def small_dense_baseline(task: Task, recipe: Recipe, file_bytes: int, seed: int) -> Stage | None:
    """The largest dense network whose file has at most `file_bytes`, the narrowest where none has.

    None where the task gives no width or no step to train it.

    It gets the steps that the dense network was trained for, where the task says them, and those of
    recovery, with the dense original as its teacher.
    """
    narrow = getattr(task, "narrow", None)
    steps = recipe.steps + int(getattr(task, "training_steps", 0))
    if narrow is None or not steps:
        return None
    width = _width_for(narrow, file_bytes)
    longer = replace(recipe, recovery=replace(recipe.recovery, steps=steps))

    def start() -> nn.Module:
        randomness.seed_everything(seed)
        device = next(task.model.parameters()).device
        return cast(nn.Module, narrow(width)).to(device)

    return Stage("small_dense_baseline", longer, start)


def run(stage: Stage, task: Task, seed: int, work: Path, progress: Progress) -> Trained:
    """Train the stage, or go on with it, or read what it left when it was finished before."""
    model = stage.start()
    finished = work / f"{stage.name}.pt"
    unfinished = work / f"{stage.name}.checkpoint.pt"
    if finished.exists():
        state = checkpoint.load(finished)
        model.load_state_dict(state["model"])
        device = next(model.parameters()).device
        return _cut(Trained(stage, model.eval(), _training(state, device), state["seconds"]), task)
    started = time.perf_counter()
    training = train(
        model,
        task,
        stage.recipe,
        hold=stage.hold,
        teacher=task.model,
        seed=seed,
        name=stage.name,
        path=unfinished,
        progress=progress,
    )
    seconds = time.perf_counter() - started
    checkpoint.save(finished, _state(model, training, seconds))
    unfinished.unlink(missing_ok=True)
    return _cut(Trained(stage, model, training, seconds), task)


def _cut(trained: Trained, task: Task) -> Trained:
    """Without the channels that the stage removed; the file in the work folder keeps them, as zeros."""
    if trained.stage.structure is None:
        return trained
    started = time.perf_counter()
    model, outcome = cut_off(
        trained.model, trained.training.masks, trained.stage.recipe, trained.stage.structure, task
    )
    seconds = trained.seconds + time.perf_counter() - started
    return replace(trained, model=model, seconds=seconds, cut=outcome)


def _width_for(narrow: Callable[[float], Any], file_bytes: int) -> float:
    """The width in (0, 1] whose safetensors file comes nearest to `file_bytes` from below, by bisection."""

    def size(width: float) -> int:
        with randomness.preserved():
            model = narrow(width)
        if not isinstance(model, nn.Module):
            raise TaskError(f"narrow({width:g}) answered {type(model).__name__}. Expected an nn.Module.")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "narrow.safetensors"
            save_state(model, file)
            return file.stat().st_size

    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if size(middle) <= file_bytes else (low, middle)
    return low or high


def _state(model: nn.Module, training: Training, seconds: float) -> dict[str, Any]:
    return {
        "model": model.state_dict(),
        "masks": dict(training.masks.tensors),
        "scales": dict(training.grids.scales),
        "ranges": dict(training.grids.ranges),
        "history": [asdict(point) for point in training.history],
        "taught": training.taught,
        "seconds": seconds,
    }


def _training(state: dict[str, Any], device: torch.device) -> Training:
    """Beside the network, wherever it was when the stage was trained."""
    history = [Point(**point) for point in state["history"]]
    masks, scales = ({n: t.to(device) for n, t in state[key].items()} for key in ("masks", "scales"))
    return Training(history, Masks(masks), Grids(scales, state["ranges"]), state["taught"])
