"""Prune a network of your own."""

from pathlib import Path

import click


@click.command()
@click.option("--task", "spec", required=True, metavar="FILE.py:NAME", help="Your network and data.")
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="What to remove and how to recover.  [default: 90 % by magnitude]",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Of the run.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run in DIR.")
@click.option("--overwrite", is_flag=True, help="Delete an earlier run in DIR first.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of everything that is drawn.  [default: 0]")
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
