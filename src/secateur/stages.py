"""Which networks does a run train, so that the pruned one can be judged fairly?

pruned                the job itself
dense_control         the dense network, trained on for as many steps
random_baseline       the same recipe, but chance decides what goes
small_dense_baseline  a narrower dense network of about the same bytes, from scratch
curve_<factor>x       the job at another sparsity, for the trade-off curve
"""

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from torch import nn

from secateur.core.masks import Masks
from secateur.core.task import Task
from secateur.criteria import Random
from secateur.errors import TaskError
from secateur.recipe import Recipe
from secateur.recovery import checkpoint, randomness
from secateur.recovery.loop import train
from secateur.recovery.progress import Progress
from secateur.recovery.run import Point, Training


@dataclass(frozen=True)
class Stage:
    """One training: where it starts, by which recipe, and whether weights are removed."""

    name: str
    recipe: Recipe
    prune: bool
    start: Callable[[], nn.Module]


@dataclass(frozen=True)
class Trained:
    """What a stage left."""

    stage: Stage
    model: nn.Module
    training: Training
    seconds: float


def pruned(task: Task, recipe: Recipe) -> Stage:
    """The job itself."""
    return Stage("pruned", recipe, True, lambda: copy.deepcopy(task.model))


def dense_control(task: Task, recipe: Recipe) -> Stage:
    """The dense network with the same extra steps, teacher included."""
    return Stage("dense_control", recipe, False, lambda: copy.deepcopy(task.model))


def random_baseline(task: Task, recipe: Recipe, seed: int) -> Stage:
    """The same recipe with random scores."""
    chance = replace(recipe, criterion=Random(seed))
    return Stage("random_baseline", chance, True, lambda: copy.deepcopy(task.model))


def curve_point(task: Task, recipe: Recipe, factor: float) -> Stage:
    """The job with `factor` times fewer weights."""
    there = recipe.with_sparsity(1 - 1 / factor)
    return Stage(f"curve_{factor:g}x", there, True, lambda: copy.deepcopy(task.model))


def small_dense_baseline(task: Task, recipe: Recipe, file_bytes: int, seed: int) -> Stage | None:
    """A dense network of about `file_bytes`, None where the task gives no width or no step to train it.

    It gets the steps that the dense network was trained for, where the task says them, and those of
    recovery, with the dense original as its teacher.
    """
    narrow = getattr(task, "narrow", None)
    steps = recipe.recovery.steps + int(getattr(task, "training_steps", 0))
    if narrow is None or not steps:
        return None
    width = _width_for(narrow, file_bytes)
    longer = replace(recipe, recovery=replace(recipe.recovery, steps=steps))

    def start() -> nn.Module:
        randomness.seed_everything(seed)
        device = next(task.model.parameters()).device
        return cast(nn.Module, narrow(width)).to(device)

    return Stage("small_dense_baseline", longer, False, start)


def run(stage: Stage, task: Task, seed: int, work: Path, progress: Progress) -> Trained:
    """Train the stage, or go on with it, or read what it left when it was finished before."""
    model = stage.start()
    finished = work / f"{stage.name}.pt"
    unfinished = work / f"{stage.name}.checkpoint.pt"
    if finished.exists():
        state = checkpoint.load(finished)
        model.load_state_dict(state["model"])
        return Trained(stage, model.eval(), _training(state), state["seconds"])
    started = time.perf_counter()
    training = train(
        model,
        task,
        stage.recipe,
        prune=stage.prune,
        teacher=task.model,
        seed=seed,
        name=stage.name,
        path=unfinished,
        progress=progress,
    )
    seconds = time.perf_counter() - started
    checkpoint.save(finished, _state(model, training, seconds))
    unfinished.unlink(missing_ok=True)
    return Trained(stage, model, training, seconds)


def _width_for(narrow: Callable[[float], Any], file_bytes: int) -> float:
    """The width in (0, 1] whose parameters come nearest to `file_bytes` from below, by bisection."""

    def size(width: float) -> int:
        with randomness.preserved():
            model = narrow(width)
        if not isinstance(model, nn.Module):
            raise TaskError(f"narrow({width:g}) answered {type(model).__name__}. Expected an nn.Module.")
        return sum(p.numel() * p.element_size() for p in model.parameters())

    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if size(middle) <= file_bytes else (low, middle)
    return low or high


def _state(model: nn.Module, training: Training, seconds: float) -> dict[str, Any]:
    return {
        "model": model.state_dict(),
        "masks": dict(training.masks.tensors),
        "history": [asdict(point) for point in training.history],
        "taught": training.taught,
        "seconds": seconds,
    }


def _training(state: dict[str, Any]) -> Training:
    history = [Point(**point) for point in state["history"]]
    return Training(history, Masks(state["masks"]), state["taught"])
