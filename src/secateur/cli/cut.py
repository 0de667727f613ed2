"""What is left of a saved network when its least important channels go?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from secateur.cli.shapes import shape_option

if TYPE_CHECKING:
    from secateur.recipe import Recipe
    from secateur.surgery.onnx.network import GraphCut

OF_TRAINING = ("schedule", "recovery", "compress")
"""Parts of a recipe that a cut does not follow."""


@click.command("cut")
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.onnx|MODEL.sct")
@click.option("--sparsity", type=float, metavar="FRACTION", help="Of the weights; 0.5 removes half of them.")
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Instead of --sparsity; its pattern is channels or heads. Nothing is trained.",
)
@click.option(
    "--skip", multiple=True, metavar="PATTERN", help="Weights whose channels stay, such as 'head.*'."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE.onnx|FILE.sct")
@shape_option
@click.option(
    "--inputs",
    "inputs_file",
    type=click.Path(path_type=Path),
    metavar="FILE.npz",
    help="Real inputs, to compare answers on as well.",
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="For the timing.")
@click.option("--overwrite", is_flag=True, help="Replace the file where it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    model: Path,
    sparsity: float | None,
    recipe_file: Path | None,
    skip: tuple[str, ...],
    out: Path,
    sizes: dict[str, list[int]],
    inputs_file: Path | None,
    threads: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Remove the least important channels and heads of a saved network, and prove that nothing else changed.

    The file is all that is needed, no Python code. The network becomes narrower in every runtime. It is not
    trained.
    """
    if (sparsity is None) == (recipe_file is None):
        raise click.UsageError("Give either --sparsity FRACTION or --recipe FILE.toml.")
    _check_out(out, overwrite)

    from secateur.cli.cut_report import show
    from secateur.files import write_atomically
    from secateur.network_file.example import described, example_inputs, read_inputs
    from secateur.network_file.read import read_graph
    from secateur.surgery.onnx.network import cut_onnx
    from secateur.surgery.onnx.write import file_bytes

    recipe = _recipe(sparsity, recipe_file, skip)
    graph = read_graph(model)
    real = [read_inputs(graph, inputs_file)] if inputs_file else []
    inputs = real if real and not sizes else [example_inputs(graph, sizes), *real]
    done = cut_onnx(graph, recipe, inputs)
    used = {key: value for key, value in recipe.to_dict().items() if key not in OF_TRAINING}
    certificate = {
        "max_abs_diff": done.certificate.max_abs_diff,
        "relative": done.certificate.relative,
        "inputs": done.certificate.inputs,
    }
    metadata = {"recipe": used, "certificate": certificate}
    data = file_bytes(done.graph, out.suffix, metadata)
    before = _bytes_before(model, out, len(file_bytes(done.structure.graph, out.suffix, {})))
    milliseconds = _times(done, inputs[0], threads)
    write_atomically(out, data)
    found = {
        "inputs": described(graph, inputs[0]),
        "figures": {**_figures(done), "bytes": [before, len(data)], "milliseconds": milliseconds},
        "groups": _channels(done),
        "certificate": certificate,
    }
    show(found, out, as_json)


def _recipe(sparsity: float | None, recipe_file: Path | None, skip: tuple[str, ...]) -> "Recipe":
    """From the options or the file; what only training would use is refused."""
    from dataclasses import replace

    from secateur.errors import RecipeError
    from secateur.patterns import Channels
    from secateur.recipe import Recipe
    from secateur.recipe.toml import read

    if sparsity is not None:
        return Recipe(sparsity=sparsity, pattern=Channels(), skip=skip)
    assert recipe_file is not None, "one of both is given"
    recipe = read(recipe_file)
    if recipe.compress is not None:
        raise RecipeError(
            f"{recipe_file} has a table [compress], which needs the task that the network was trained for: "
            "secateur compress. Leave it out here."
        )
    return replace(recipe, skip=(*recipe.skip, *skip))


def _check_out(out: Path, overwrite: bool) -> None:
    """Before minutes of work."""
    from secateur.errors import OutputError

    if out.suffix not in (".onnx", ".sct"):
        raise OutputError(f"{out}: expected a name that ends in .onnx or .sct.")
    if not out.parent.is_dir():
        raise OutputError(f"{out}: there is no folder {out.parent}. Make it first, or check the spelling.")
    if not overwrite and (out.exists() or out.is_symlink()):
        raise OutputError(
            f"{out} exists already. Name another file, or say that it may be replaced (--overwrite)."
        )


def _bytes_before(model: Path, out: Path, written: int) -> int:
    """Of the file that was given, unless it is of another kind or keeps its weights elsewhere."""
    given = model.stat().st_size
    return given if model.suffix == out.suffix and given > written // 2 else written


def _channels(done: "GraphCut") -> dict[str, list[int]]:
    """Group -> channels or heads that there were, and that are left."""
    from secateur.patterns.channels import channels_of

    each = {group.name: channels_of(group) for group in done.structure.groups}
    return {name: [each[name] * whole, each[name] * left] for name, (left, whole) in done.left.items()}


def _figures(done: "GraphCut") -> dict[str, list[int]]:
    """Before and after."""
    from secateur.graph.cost import multiply_adds
    from secateur.surgery.onnx.weights import count

    graphs = ((done.structure.graph, done.structure.values), (done.graph, done.values))
    return {
        "parameters": [count(graph) for graph, _ in graphs],
        "multiply_adds": [multiply_adds(graph, values) for graph, values in graphs],
    }


def _times(done: "GraphCut", example: Any, threads: int) -> list[float]:
    """Median milliseconds of one call before and after, interleaved."""
    from secateur.measure.latency import time_calls
    from secateur.network_file.run import caller

    before, after = caller(done.structure.graph, threads), caller(done.graph, threads)
    timed = time_calls({"before": lambda: before(example), "after": lambda: after(example)})
    return [timed[name].median for name in ("before", "after")]
