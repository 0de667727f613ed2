"""What do `demo` and `prune` have in common: progress, Ctrl-C, and what is printed at the end?"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from secateur.cli.display import Display
from secateur.core.task import Task
from secateur.errors import Interrupted
from secateur.job import CURVE, prune
from secateur.recipe import Recipe
from secateur.report import text
from secateur.run_folder import check_free, read_identity


@dataclass(frozen=True)
class Options:
    """What both commands take beside the task and the recipe.

    Attributes:
        seed: None takes that of the run to be resumed, or 0.
        resume: go on with an interrupted run.
        overwrite: delete an earlier run first.
        curve: also measure the trade-off curve.
    """

    seed: int | None
    resume: bool
    overwrite: bool
    curve: bool


def run(load: Callable[[], Task], recipe: Recipe, out: Path, options: Options, again: Sequence[str]) -> None:
    """Do the job with a progress display, then print the report.

    Args:
        load: makes the task; a dense network may be trained there, so it comes after the first checks.
        recipe: the user's.
        out: folder of the run.
        options: the user's.
        again: the command that was given, without what `options` and `out` say.
    """
    check_free(out, resume=options.resume, overwrite=options.overwrite)
    found = read_identity(out) if options.resume else None
    seed = options.seed
    if seed is None:
        seed = int(found["seed"]) if found else 0
    console = Console()
    if options.resume and found is None:
        console.print(f"There is no run in {out} to go on with: a new one begins.", markup=False)
    console.print("Loading the task; a network that is trained there takes its time ...")
    task = load()
    try:
        with Display(console) as display:
            result = prune(
                task,
                recipe,
                out=out,
                seed=seed,
                resume=options.resume,
                overwrite=options.overwrite,
                curve=CURVE if options.curve else (),
                progress=display,
            )
    except (Interrupted, KeyboardInterrupt) as stopped:
        more = ["--out", str(out), "--seed", str(seed), *(["--curve"] if options.curve else []), "--resume"]
        command = shlex.join(["secateur", *again, *more])
        reason = str(stopped) or "Stopped at once; the last checkpoint stays."
        raise Interrupted(f"{reason} Go on with:\n\n  {command}") from stopped
    console.print(text.render(result.report))
    click.echo(f"\nReport: {(out / 'report.html').resolve()}")
