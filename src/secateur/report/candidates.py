"""What are the networks that are compared, as files and as programs?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx_ir
import torch
from torch import nn

from secateur.artifact.network import load
from secateur.compressed import compressed_graph
from secateur.core.masks import Masks
from secateur.core.task import Metric, Task
from secateur.export import max_abs_diff, save_state, write_graph
from secateur.graph.trace import trace, with_weights_of
from secateur.graph.weights import names_among
from secateur.in_runtime import Inputs, in_runtime
from secateur.recipe import Recipe
from secateur.recovery.judge import evaluated
from secateur.run_folder import RunFolder
from secateur.stages import Trained
from secateur.trimming import Outcome

DENSE_SCT = "dense.sct"


@dataclass(frozen=True)
class Candidate:
    """One network with its graph, its real file and its value on the task.

    The masks are those of the training; where the network was cut since, they have the shapes from before.
    """

    name: str
    model: nn.Module
    graph: onnx_ir.Model
    file: Path
    metric: Metric
    masks: Masks
    steps: int
    cut: Outcome | None = None

    @property
    def format(self) -> str:
        """The file's format, "sct" or "safetensors"."""
        return self.file.suffix.removeprefix(".")


def dense(task: Task, folder: RunFolder) -> Candidate:
    """The network as the user brought it, saved as a dense network is shipped.

    It is also saved as `.sct` and run from there, so that what cannot be exported is known before hours of
    training, not after.
    """
    graph = trace(task.model, task.example_inputs)
    compressed = folder.work / DENSE_SCT
    write_graph(graph, compressed, {})
    max_abs_diff(task.model, load(compressed), task.example_inputs)
    file = folder.file("dense.safetensors")
    save_state(task.model, file)
    return Candidate("dense", task.model, graph, file, evaluated(task.evaluate, task.model), Masks(), 0)


def of_stage(trained: Trained, task: Task, original: Candidate, file: Path) -> Candidate:
    """A trained stage as a file: `.sct` or safetensors, by the file's ending."""
    model, recipe = trained.model, trained.stage.recipe
    if _shapes(model) == _shapes(original.model):
        graph = with_weights_of(original.graph, model)
    else:
        graph = trace(model, task.example_inputs)
    metric = evaluated(task.evaluate, model)
    if file.suffix == ".sct":
        write_graph(graph, file, _metadata(task, recipe, metric))
    else:
        save_state(model, file)
    steps = recipe.recovery.steps
    masks = trained.training.masks
    return Candidate(trained.stage.name, model, graph, file, metric, masks, steps, trained.cut)


def compressed(
    trained: Trained,
    task: Task,
    recipe: Recipe,
    pruned: Candidate,
    file: Path,
    calibration: Sequence[Inputs],
) -> Candidate:
    """A pruned network, shared or quantised, as a `.sct`; its metric is that of the file in ONNX Runtime."""
    model = trained.model
    assert recipe.compress is not None, "only a recipe that compresses has such a stage"
    graph = with_weights_of(pruned.graph, model)
    grids = trained.training.grids.renamed(names_among(model, graph.graph.initializers))
    graph = compressed_graph(
        graph,
        model,
        recipe.compress,
        scales=grids.scales,
        ranges=grids.ranges,
        calibration=calibration,
    )
    write_graph(graph, file, {}, scales=grids.scales)
    metric = evaluated(task.evaluate, in_file(file, model, task))
    write_graph(graph, file, _metadata(task, recipe, metric), scales=grids.scales)
    steps = recipe.recovery.steps + trained.stage.recipe.recovery.steps
    masks = trained.training.masks
    return Candidate(trained.stage.name, model, graph, file, metric, masks, steps, pruned.cut)


def in_file(file: Path, model: nn.Module, task: Task) -> nn.Module:
    """The network as its file computes it."""
    return in_runtime(model, load(file), task.example_inputs)


def dense_sct_bytes(folder: RunFolder) -> int:
    """Bytes of the dense network as `.sct`: what compression gives without pruning."""
    return (folder.work / DENSE_SCT).stat().st_size


def onnx_bytes(graph: onnx_ir.Model) -> bytes:
    """The graph as a plain ONNX file."""
    data: bytes = onnx_ir.to_proto(graph).SerializeToString()
    return data


def _metadata(task: Task, recipe: Recipe, metric: Metric) -> dict[str, Any]:
    """What a file says of itself: how it was made, how good it is, and what the task adds."""
    texts = {name: getattr(task, name, None) for name in ("license", "model_card")}
    return {
        "recipe": recipe.to_dict(),
        "recipe_fingerprint": recipe.fingerprint,
        "metric": {"name": metric.name, "value": metric.value, "n": metric.n},
        **{name: text for name, text in texts.items() if isinstance(text, str)},
    }


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in model.state_dict().items()}
