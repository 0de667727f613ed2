"""What do `demo` and `prune` have in common: progress, Ctrl-C, and what is printed at the end?"""

from pathlib import Path

import click

from secateur.core.task import Task
from secateur.errors import Interrupted
from secateur.job import CURVE, prune
from secateur.recipe import Recipe
from secateur.report import text
from secateur.run_folder import read_identity


def run(
    task: Task,
    recipe: Recipe,
    out: Path,
    *,
    seed: int | None,
    resume: bool,
    overwrite: bool,
    curve: bool,
    again: str,
) -> None:
    """Do the job with a progress display, then print the report.

    Args:
        task: the user's.
        recipe: the user's.
        out: folder of the run.
        seed: None takes that of the run to be resumed, or 0.
        resume: go on with an interrupted run.
        overwrite: delete an earlier run first.
        curve: also measure the trade-off curve.
        again: the command that goes on after Ctrl-C.
    """
    from rich.console import Console

    from secateur.cli.display import Display

    if seed is None:
        found = read_identity(out) if resume else None
        seed = int(found["seed"]) if found else 0
    console = Console()
    try:
        with Display(console) as display:
            result = prune(
                task,
                recipe,
                out=out,
                seed=seed,
                resume=resume,
                overwrite=overwrite,
                curve=CURVE if curve else (),
                progress=display,
            )
    except Interrupted as stopped:
        raise Interrupted(f"{stopped} A checkpoint was left. Go on with:\n\n  {again}") from stopped
    console.print(text.render(result.report))
    click.echo(f"\nReport: {(out / 'report.html').resolve()}")
