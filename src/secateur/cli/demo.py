"""Prune a small network on handwritten digits, from start to proof."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default="demo-run", show_default=True, help="Of the run."
)
@click.option("--sparsity", type=float, help="Fraction to remove.  [default: 0.9]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--curve", is_flag=True, help="Also prune 2, 4, 8, 16 and 32 times, for the trade-off curve.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
@click.option("--overwrite", is_flag=True, help="Delete an earlier run in the folder first.")
def command(out: Path, sparsity: float | None, seed: int, curve: bool, resume: bool, overwrite: bool) -> None:
    """Train a small convolutional network on scikit-learn's digits, prune it, recover it, prove it.

    Task and recipe are those that `secateur init` writes.
    """
    from importlib.util import find_spec

    import torch

    from secateur.cli.init import TEMPLATES
    from secateur.cli.run import run
    from secateur.errors import TaskError
    from secateur.recipe.toml import read
    from secateur.tasks import import_file

    if find_spec("sklearn") is None:
        raise TaskError("The demo's digits ship with scikit-learn: pip install 'secateur[demo]'.")
    recipe = read(TEMPLATES / "recipe.toml")
    if sparsity is not None:
        recipe = recipe.with_sparsity(sparsity)
    torch.set_num_threads(
        1
    )  # a network this small gains nothing from two, and waits for them on a busy machine
    click.echo("Training the dense network on 1,007 handwritten digits ...")
    task = import_file(TEMPLATES / "task.py").Digits(seed=seed)
    again = f"secateur demo --out {out} --seed {seed} --resume"
    again += f" --sparsity {sparsity}" if sparsity is not None else ""
    run(task, recipe, out, seed=seed, resume=resume, overwrite=overwrite, curve=curve, again=again)
