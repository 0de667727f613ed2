"""How is a network trained for the recipe's recovery steps, under a constraint where there is one?"""

from pathlib import Path

from torch import nn

from secateur.core.task import Task
from secateur.errors import Interrupted
from secateur.recipe import Recipe
from secateur.recovery import checkpoint
from secateur.recovery.constraint import Hold, free
from secateur.recovery.progress import Progress, Silent
from secateur.recovery.run import Run, Training


def train(
    model: nn.Module,
    task: Task,
    recipe: Recipe,
    *,
    hold: Hold = free,
    teacher: nn.Module | None = None,
    seed: int = 0,
    name: str = "recovery",
    path: Path | None = None,
    progress: Progress | None = None,
) -> Training:
    """Train `model` in place, and leave it at its best evaluation with the whole goal removed.

    The best is chosen by `task.validate` where it exists, else by `task.evaluate`. At the end BatchNorm
    statistics are estimated anew, and kept where that is no worse.

    Args:
        model: the network; starts from the weights it has.
        task: data, loss and yardstick.
        recipe: its schedule and recovery options, and what `hold` asks of it.
        hold: what must hold of the weights: `free`, `pruning` or `coarse`.
        teacher: the dense original, or None for no distillation.
        seed: of the batches and of everything drawn in training.
        name: of the stage, for the progress display.
        path: where checkpoints are kept; an existing one is gone on from. None: no checkpoints.
        progress: is told what happens, and can stop the run.

    Raises:
        Interrupted: `progress` asked to stop; a checkpoint was left at `path`.
        NumericalError: weights, scores or loss are NaN or infinite.
    """
    options = recipe.recovery
    run = Run(model, task, recipe, hold, seed, progress or Silent())
    try:
        run.begin(teacher)
        if path is not None and path.exists():
            run.load_state_dict(checkpoint.load(path))
        run.progress.stage(name, options.steps, run.step)
        while run.step < options.steps:
            stop = run.progress.stop_requested()
            if path is not None and (stop or (run.step and run.step % options.checkpoint_every == 0)):
                checkpoint.save(path, run.state_dict())
            if stop:
                left = "A checkpoint was left." if path is not None else "Nothing was left on disk."
                raise Interrupted(f"Stopped in {name} after step {run.step} of {options.steps}. {left}")
            run.advance()
        return run.finish()
    finally:
        run.close()
