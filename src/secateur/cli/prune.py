"""Prune a network of your own."""

from pathlib import Path

import click

from secateur.cli.run_options import run_options, task_option


@click.command()
@task_option
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="What to remove and how to recover.  [default: 90 % by magnitude]",
)
@run_options
@click.option("--curve", is_flag=True, help="Also prune 2, 4, 8, 16 and 32 times, for the trade-off curve.")
def command(
    spec: str,
    recipe_file: Path | None,
    out: Path,
    resume: bool,
    overwrite: bool,
    seed: int | None,
    curve: bool,
) -> None:
    """Prune the network of a task, recover it, save it small, and prove it.

    `secateur init DIR` writes a task and a recipe to start from. Ctrl-C leaves a checkpoint; the same
    command with --resume goes on from it.
    """
    from secateur.cli.run import Options, run
    from secateur.recipe import Recipe
    from secateur.recipe.toml import read
    from secateur.tasks import load_task

    recipe = read(recipe_file) if recipe_file else Recipe()
    again = ["prune", "--task", spec, *(["--recipe", str(recipe_file)] if recipe_file else [])]
    run(lambda: load_task(spec), recipe, out, Options(seed, resume, overwrite, curve), again)
