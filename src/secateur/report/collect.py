"""What are the numbers of a run? Every one is read from a file, a clock or an evaluation."""

from collections.abc import Callable, Sequence

import onnx_ir
import torch

from secateur.core.task import Metric
from secateur.errors import SecateurError
from secateur.graph.weights import prunable
from secateur.measure.latency import Timing, time_calls
from secateur.measure.runtimes import onnx_call
from secateur.recipe import Recipe
from secateur.report.candidates import Candidate, onnx_bytes
from secateur.report.schema import (
    CompressionStep,
    CurvePoint,
    Entry,
    HistoryPoint,
    Latency,
    Missing,
    Ratios,
    is_missing,
)
from secateur.stages import Trained

THREADS = 1  # one thread is what a phone or a server under load gives one request


def latencies(candidates: Sequence[Candidate]) -> dict[str, Latency | Missing]:
    """Milliseconds of each network in ONNX Runtime, measured in turn so that drift hits all alike."""
    batch = _batch(candidates[0].graph)
    calls: dict[str, Callable[[], object]] = {}
    answers: dict[str, Latency | Missing] = {}
    for candidate in candidates:
        try:
            calls[candidate.name] = onnx_call(onnx_bytes(candidate.graph), threads=THREADS, batch=batch)
        except SecateurError as error:
            answers[candidate.name] = Missing(missing=str(error))
    for name, timing in time_calls(calls).items():
        answers[name] = latency_of(timing, "onnxruntime", batch)
    return answers


def latency_of(timing: Timing, runtime: str, batch: int) -> Latency:
    """A timing with what was timed."""
    return Latency(
        runtime=runtime,
        threads=THREADS,
        batch=batch,
        median=timing.median,
        p10=timing.p10,
        p90=timing.p90,
        runs=timing.runs,
    )


def entry(candidate: Candidate, recipe: Recipe, latency: Latency | Missing) -> Entry:
    """How good, how large on disk, how fast."""
    parameters = list(candidate.model.parameters())
    return Entry(
        value=candidate.metric.value,
        n=candidate.metric.n,
        ci95=interval(candidate.metric),
        parameters=sum(p.numel() for p in parameters),
        nonzero=nonzero(parameters),
        sparsity=_sparsity(candidate, recipe),
        file_bytes=candidate.file.stat().st_size,
        file_format=candidate.format,
        latency_ms=latency,
        steps=candidate.steps,
    )


def interval(metric: Metric) -> list[float] | Missing:
    """The 95 % interval, or why there is none."""
    bounds = metric.ci95
    if bounds is None:
        return Missing(missing="evaluate() gave no standard deviation: Metric(..., std=...)")
    return list(bounds)


def ratios(dense: Entry, final: Entry, dense_sct_bytes: int) -> Ratios:
    """Dense over what model.sct holds."""
    before, after = dense["latency_ms"], final["latency_ms"]
    latency: float | Missing
    if is_missing(before):
        latency = before
    elif is_missing(after):
        latency = after
    else:
        latency = before["median"] / after["median"]
    return Ratios(
        bytes=dense["file_bytes"] / final["file_bytes"],
        bytes_without_pruning=dense["file_bytes"] / dense_sct_bytes,
        parameters=dense["parameters"] / max(1, final["nonzero"]),
        latency=latency,
    )


def step(name: str, candidate: Candidate) -> CompressionStep:
    """One step on the way to the file."""
    return CompressionStep(
        name=name,
        value=candidate.metric.value,
        ci95=interval(candidate.metric),
        file_bytes=candidate.file.stat().st_size,
        file_format=candidate.format,
    )


def history(trained: Trained) -> list[HistoryPoint]:
    """The evaluations along a training."""
    return [
        HistoryPoint(
            step=point.step,
            sparsity=point.sparsity,
            loss=Missing(missing="no step was taken yet") if point.loss is None else point.loss,
            value=point.value,
        )
        for point in trained.training.history
    ]


def curve_point(candidate: Candidate) -> CurvePoint:
    """One point of the trade-off curve."""
    sparsity = candidate.cut.sparsity if candidate.cut is not None else candidate.masks.sparsity
    return CurvePoint(
        factor=1 / (1 - sparsity),
        sparsity=sparsity,
        value=candidate.metric.value,
        ci95=interval(candidate.metric),
        file_bytes=candidate.file.stat().st_size,
    )


def _batch(graph: onnx_ir.Model) -> int:
    """1 where the graph leaves the first axis open, else its size."""
    shape = graph.graph.inputs[0].shape
    return shape[0] if shape is not None and len(shape) and isinstance(shape[0], int) else 1


def nonzero(parameters: Sequence[torch.Tensor]) -> int:
    """Elements of all these tensors that are not zero."""
    return sum(int(torch.count_nonzero(p)) for p in parameters)


def _sparsity(candidate: Candidate, recipe: Recipe) -> float:
    """What was removed of what the recipe counts; weights that were zero all along do not count."""
    if candidate.cut is not None:
        return candidate.cut.sparsity
    counted = dict(candidate.model.named_parameters())
    if recipe.measure == "weights" and candidate.masks.total:
        counted = dict(prunable(candidate.model, recipe.only, recipe.skip))
    masks = (mask for name, mask in candidate.masks.tensors.items() if name in counted)
    return sum(int((~mask).sum()) for mask in masks) / sum(p.numel() for p in counted.values())
