"""How long does one call of a saved network take?"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from secateur.cli.shapes import shape_option
from secateur.version import VERSION

if TYPE_CHECKING:
    from secateur.measure.latency import Timing
    from secateur.measure.machine import Machine

Sizes: TypeAlias = dict[str, list[int]]
WARMUP = 10  # calls


@click.command("bench")
@click.argument(
    "model", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="MODEL.sct|MODEL.onnx"
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="For one operator.")
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Examples in a call.")
@click.option(
    "--runtime",
    type=click.Choice(["onnxruntime", "compiled", "torch"]),
    default="onnxruntime",
    show_default=True,
    help="What runs the network.",
)
@click.option(
    "--task",
    metavar="FILE.py:NAME",
    help="Only with --runtime torch: the task with the network's class, which a saved file does not hold.",
)
@shape_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    model: Path,
    threads: int,
    batch: int,
    runtime: str,
    task: str | None,
    sizes: dict[str, list[int]],
    as_json: bool,
) -> None:
    """Measure how long one call takes: median, 10th and 90th percentile.

    Inputs are random, the weights are those of the file.
    """
    if (runtime == "torch") != (task is not None):
        raise click.UsageError(
            "--runtime torch and --task FILE.py:NAME belong together: PyTorch needs the network's class, "
            "and the others do not."
        )
    if task and sizes:
        raise click.UsageError("--shape is of a file's inputs; with --task they are its example_inputs.")
    from secateur.measure.latency import time_calls
    from secateur.measure.machine import describe

    calls = {"onnxruntime": _onnx, "compiled": _compiled}
    call = _torch(model, task, threads, batch) if task else calls[runtime](model, threads, batch, sizes)
    timing = time_calls({"call": call}, warmup=WARMUP)["call"]
    setting = {"runtime": runtime, "threads": threads, "batch": batch}
    if as_json:
        click.echo(json.dumps(_facts(model, setting, timing, describe()), indent=2))
    else:
        click.echo("\n".join(_lines(model, setting, timing, describe())))


def _onnx(model: Path, threads: int, batch: int, sizes: Sizes) -> Callable[[], object]:
    from secateur.measure.runtimes import onnx_call

    return onnx_call(_source(model), threads=threads, batch=batch, sizes=sizes)


def _compiled(model: Path, threads: int, batch: int, sizes: Sizes) -> Callable[[], object]:
    from secateur.compiler import compile as compile_
    from secateur.measure.runtimes import batch_shapes
    from secateur.network_file.example import example_inputs
    from secateur.network_file.read import read_graph

    graph = read_graph(model)
    declared = {
        value.name or "": [size if isinstance(size, int) else str(size) for size in value.shape]
        for value in graph.graph.inputs
        if value.shape is not None
    }
    shapes = batch_shapes(declared, batch, sizes)
    compiled = compile_(model, shapes=shapes, threads=threads)
    inputs = example_inputs(graph, shapes)
    return lambda: compiled(*inputs)


def _torch(model: Path, task: str, threads: int, batch: int) -> Callable[[], object]:
    from secateur.measure.runtimes import load_weights, torch_call
    from secateur.tasks import load_task

    found = load_task(task)
    load_weights(found.model, _source(model))
    return torch_call(found.model, found.example_inputs, threads=threads, batch=batch)


def _source(model: Path) -> bytes | Path:
    """A plain ONNX model: the file itself, or what a .sct file holds."""
    from secateur.artifact import onnx_bytes

    return model if model.suffix == ".onnx" else onnx_bytes(model)


def _facts(model: Path, setting: dict[str, Any], timing: "Timing", machine: "Machine") -> dict[str, Any]:
    latency = setting | {"median": timing.median, "p10": timing.p10, "p90": timing.p90, "runs": timing.runs}
    return {"model": str(model), "latency_ms": latency, "warmup": WARMUP, "machine": machine}


def _lines(model: Path, setting: dict[str, Any], timing: "Timing", machine: "Machine") -> list[str]:
    from secateur.report.words import number

    runtime = setting["runtime"]
    version = {"onnxruntime": machine["onnxruntime"], "torch": machine["torch"], "compiled": VERSION}[runtime]
    return [
        f"{model} in {runtime} {version}, threads {setting['threads']}, batch {setting['batch']}",
        f"machine   {machine['processor']}, {machine['cores']} cores, {machine['system']}",
        f"warm-up   {WARMUP} calls",
        f"runs      {timing.runs}",
        f"median    {number(timing.median)} ms",
        f"p10       {number(timing.p10)} ms",
        f"p90       {number(timing.p90)} ms",
    ]
