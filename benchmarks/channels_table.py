"""What does the table of one network with fewer channels say?"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

import onnx_ir
from benchmarks.cifar10_task import Quick
from benchmarks.common import Options, spread, table
from torch import Tensor, nn

from secateur import Recipe
from secateur.export import write_graph
from secateur.graph.cost import multiply_adds, parameters
from secateur.graph.trace import trace
from secateur.graph.values import look
from secateur.measure.latency import time_calls
from secateur.measure.runtimes import onnx_call
from secateur.surgery import Certificate

CONTROL = "dense, trained on"
ALLOWED = 0.3  # points below the control, the goal


@dataclass
class Row:
    """One row.

    Attributes:
        model: of the first seed.
        percents: test accuracy of each seed.
        certificates: of each cut.
        ways: of each seed, the steps and accuracies (%) of the looks that chose a checkpoint.
    """

    model: nn.Module
    percents: list[float] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    ways: list[list[tuple[int, float]]] = field(default_factory=list)


@dataclass(frozen=True)
class Figures:
    """What a network costs: in arithmetic, in parameters, in bytes of its `.sct`; and its graph."""

    multiply_adds: int
    parameters: int
    stored: int
    onnx: bytes


def figures(model: nn.Module, image: Tensor) -> Figures:
    """Of the plain network, as it is shipped."""
    assert isinstance(model, Quick)
    graph = trace(model.net, (image,))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.sct")
        write_graph(graph, path, {})
        size = path.stat().st_size
    work = multiply_adds(graph, look(graph, [image.contiguous().numpy()]))
    return Figures(work, parameters(graph), size, onnx_ir.to_proto(graph).SerializeToString())


def comparable(rows: Mapping[str, Row]) -> bool:
    """Are the control, secateur and a rival there, whom the table compares?"""
    return {CONTROL, "secateur"} <= rows.keys() and any("torch-pruning" in words for words in rows)


def text(rows: Mapping[str, Row], image: Tensor, asked: Recipe, origin: str, given: Options) -> str:
    """What the network is, the table, and what is to be said of it."""
    costs = {words: figures(row.model, image) for words, row in rows.items()}
    calls = {words: onnx_call(cost.onnx, threads=1, batch=1) for words, cost in costs.items()}
    took = time_calls(calls, runs=5 if given.quick else 200, budget_s=30)
    whole = next(iter(costs.values()))
    control = rows[CONTROL].percents
    cells = []
    for words, row in rows.items():
        cost, timing = costs[words], took[words]
        against = mean(row.percents) - mean(control[: len(row.percents)])
        cells.append(
            [
                words,
                spread(row.percents),
                f"{against:+.2f}",
                f"{cost.multiply_adds / 1e6:.2f}",
                f"{whole.multiply_adds / cost.multiply_adds:.2f}",
                f"{cost.parameters:,}",
                f"{cost.stored:,}",
                f"{timing.median:.3f} ({timing.p10:.3f} to {timing.p90:.3f})",
            ]
        )
    header = ["network", "test accuracy, %", "against the control, points", "multiply-adds, millions"]
    header += ["times fewer", "parameters", ".sct, bytes", "ms, ONNX Runtime"]
    seeds, steps, teacher = len(control), asked.recovery.steps, asked.recovery.distillation
    blocks = f", and its blocks with {teacher.features:g}" if teacher.features else ""
    return (
        f"{origin}\n\n{table(header, cells)}\n\n{_verdict(rows)}\n\n{_on_the_way(rows)}\n\n"
        f"{seeds} seed{'s' if seeds > 1 else ''}; {steps:,} steps of 64 images, "
        f"{steps * 64 / 50000:.2f} epochs, learning rate {asked.recovery.learning_rate:g}. The dense network "
        f"teaches all of them with weight {teacher.weight:g}{blocks}. secateur's "
        f"channels are chosen by {asked.criterion} per multiply-add, chance's by chance; in both, layers are "
        f"fitted again on {asked.recovery.refit_batches} batches before the first step. {_certified(rows)}"
    )


def _on_the_way(rows: Mapping[str, Row]) -> str:
    """Accuracy while they train; the first look is at the network right after the cut."""
    steps = [step for step, _ in rows[CONTROL].ways[0]]
    cells = [
        [words, *(f"{mean(way[look][1] for way in row.ways):.2f}" for look in range(len(steps)))]
        for words, row in rows.items()
        if row.ways
    ]
    return table(["on the images that choose checkpoints, % after", *(f"{s} steps" for s in steps)], cells)


def _verdict(rows: Mapping[str, Row]) -> str:
    """Were the goals reached?"""
    means = {words: mean(row.percents) for words, row in rows.items()}
    lost = means[CONTROL] - means["secateur"]
    rival = max((words for words in rows if "torch-pruning" in words), key=lambda words: means[words])
    ahead = means["secateur"] - means[rival]
    return (
        f"Within {ALLOWED} points of the control: {_word(lost <= ALLOWED)} ({-lost:+.2f}). Ahead of "
        f"torch-pruning: {_word(ahead > 0)} ({ahead:+.2f} points against the better of its two, {rival!r})."
    )


def _word(reached: bool) -> str:
    return "reached" if reached else "missed"


def _certified(rows: Mapping[str, Row]) -> str:
    """The worst certificate of all cuts."""
    every = [certificate for row in rows.values() for certificate in row.certificates]
    if not every:
        return "No cut held."
    worst = max(certificate.relative for certificate in every)
    return (
        f"Cuts: {len(every)}; masked and cut networks differ by {worst:.1e} at most, relative to the output."
    )
