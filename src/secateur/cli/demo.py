"""Prune a small network on handwritten digits, from start to proof."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default="demo-run", show_default=True, help="Of the run."
)
@click.option(
    "--pattern",
    type=click.Choice(["elements", "channels"]),
    default="elements",
    show_default=True,
    help="Remove single weights, or whole channels: these make every runtime faster.",
)
@click.option("--sparsity", type=float, help="Fraction to remove.  [default: 0.9]")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option("--curve", is_flag=True, help="Also prune 2, 4, 8, 16 and 32 times, for the trade-off curve.")
@click.option("--compress", is_flag=True, help="Share the weights that are left: 16 values for each layer.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
@click.option("--overwrite", is_flag=True, help="Delete an earlier run in the folder first.")
def command(
    out: Path,
    pattern: str,
    sparsity: float | None,
    seed: int,
    curve: bool,
    compress: bool,
    resume: bool,
    overwrite: bool,
) -> None:
    """Train a small convolutional network on scikit-learn's digits, prune it, recover it, prove it.

    Task and recipe are those that `secateur init` writes.
    """
    from dataclasses import replace
    from importlib.util import find_spec

    import torch

    from secateur.cli.init import TEMPLATES
    from secateur.cli.run import Options, run
    from secateur.criteria import Taylor
    from secateur.errors import TaskError
    from secateur.patterns import Channels
    from secateur.recipe import Compression
    from secateur.recipe.toml import read
    from secateur.tasks import import_file

    if find_spec("sklearn") is None:
        raise TaskError("The demo's digits ship with scikit-learn: pip install 'secateur[demo]'.")
    recipe = read(TEMPLATES / "recipe.toml")
    if sparsity is not None:
        recipe = recipe.with_sparsity(sparsity)
    if pattern == "channels":
        recipe = replace(recipe, pattern=Channels(), criterion=Taylor())
    if compress:
        recipe = replace(recipe, compress=Compression(recovery=replace(recipe.recovery, steps=200)))
    # A network this small gains nothing from two threads, and on a busy machine they wait for one another.
    torch.set_num_threads(1)
    digits = import_file(TEMPLATES / "task.py").Digits
    again = ["demo", *(["--sparsity", str(sparsity)] if sparsity is not None else [])]
    again += ["--pattern", pattern] if pattern != "elements" else []
    again += ["--compress"] if compress else []
    run(lambda: digits(seed=seed), recipe, out, Options(seed, resume, overwrite, curve), again)
