"""What are the networks that are compared, as files and as programs?"""

from dataclasses import dataclass
from pathlib import Path

import onnx_ir
import torch
from torch import nn

from secateur.artifact.network import load
from secateur.core.masks import Masks
from secateur.core.task import Metric, Task
from secateur.export import max_abs_diff, save_state, write_graph
from secateur.graph.trace import trace, with_weights_of
from secateur.recovery.judge import evaluated
from secateur.run_folder import RunFolder
from secateur.stages import Trained

DENSE_SCT = "dense.sct"


@dataclass(frozen=True)
class Candidate:
    """One network with its graph, its real file and its value on the task."""

    name: str
    model: nn.Module
    graph: onnx_ir.Model
    file: Path
    metric: Metric
    masks: Masks
    steps: int

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
    if file.suffix == ".sct":
        metadata = {"recipe": recipe.to_dict(), "recipe_fingerprint": recipe.fingerprint}
        write_graph(graph, file, metadata)
    else:
        save_state(model, file)
    metric = evaluated(task.evaluate, model)
    steps = recipe.recovery.steps
    return Candidate(trained.stage.name, model, graph, file, metric, trained.training.masks, steps)


def dense_sct_bytes(folder: RunFolder) -> int:
    """Bytes of the dense network as `.sct`: what compression gives without pruning."""
    return (folder.work / DENSE_SCT).stat().st_size


def onnx_bytes(graph: onnx_ir.Model) -> bytes:
    """The graph as a plain ONNX file."""
    data: bytes = onnx_ir.to_proto(graph).SerializeToString()
    return data


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in model.state_dict().items()}
