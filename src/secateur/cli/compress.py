"""Share or quantise the weights of a trained network."""

from pathlib import Path

import click

from secateur.cli.run_options import run_options, task_option


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path), metavar="[MODEL]")
@task_option
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Its [compress] table is used.  [default: codebooks of 16 values]",
)
@click.option("--method", metavar="NAME", help="codebook, int8, weights or half, with its defaults.")
@run_options
def command(
    model: Path | None,
    spec: str,
    recipe_file: Path | None,
    method: str | None,
    out: Path,
    resume: bool,
    overwrite: bool,
    seed: int | None,
) -> None:
    """Share or quantise the weights of a trained network, train it on, save it small, and prove it.

    Nothing is pruned, and weights that are zero stay zero. MODEL (.sct, .onnx or .safetensors) holds weights
    for the task's network; without it the task's own are taken.
    """
    from secateur.cli.run import Options, run
    from secateur.core.task import Task
    from secateur.errors import RecipeError
    from secateur.recipe import Recipe
    from secateur.recipe.parse import from_dict
    from secateur.recipe.toml import read
    from secateur.tasks import load_task
    from secateur.weights_file import load_weights_

    if recipe_file and method:
        raise RecipeError("--recipe and --method both say how to compress. Give one of them.")
    table = {} if method is None else {"method": method}
    options = read(recipe_file).compress if recipe_file else from_dict({"compress": table}).compress
    if options is None:
        raise RecipeError(f"{recipe_file} has no table [compress]. Add one, or leave --recipe out.")
    recipe = Recipe.without_pruning(options)

    def load() -> Task:
        task = load_task(spec)
        if model is not None:
            load_weights_(task.model, model)
        return task

    given = {"--recipe": recipe_file, "--method": method}
    words = [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
    again = ["compress", *([str(model)] if model else []), "--task", spec, *words]
    run(load, recipe, out, Options(seed, resume, overwrite, curve=False), again)
