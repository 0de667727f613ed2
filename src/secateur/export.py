"""How does a trained network become a file?"""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from secateur.artifact import container, network
from secateur.artifact.pack import pack
from secateur.core.modes import evaluation_mode
from secateur.errors import ArtifactError, ExportError, SecateurError
from secateur.files import write_atomically
from secateur.graph.trace import trace

TOLERANCE = 1e-3  # relative to the largest number of an output; fp32 kernels differ by about 1e-6
NEAR_ZERO = 1e-3  # outputs below count as this large: what cancelled in them may have been of order 1


def save(
    model: nn.Module,
    path: str | Path,
    *,
    example_inputs: tuple[Tensor, ...],
    metadata: Mapping[str, Any] | None = None,
) -> float:
    """Write a network as `.sct`: its ONNX graph and its weights, small, checked, without pickle.

    Args:
        model: any network that `torch.onnx.export(dynamo=True)` accepts.
        path: of the file, by custom ending in `.sct`.
        example_inputs: positional inputs of one forward call; the first axis of each is the batch.
        metadata: anything that JSON can hold, for instance the recipe.

    Returns:
        The largest difference between the network's outputs and the saved file's on the example.

    Raises:
        ExportError: the network cannot be exported, or the file answers something else.
        OutputError: the file cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        unchecked, graph = Path(folder) / "unchecked.sct", trace(model, example_inputs)
        write_graph(graph, unchecked, metadata or {})
        try:
            diff = max_abs_diff(model, network.load(unchecked), example_inputs)
        except ArtifactError as error:
            raise _refused(graph.graph, error) from None
        write_atomically(path, unchecked.read_bytes())
    return diff


def write_graph(
    graph: onnx_ir.Model,
    path: Path,
    metadata: Mapping[str, Any],
    scales: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a graph with its weights as `.sct`; `scales` tell which weights are on a grid, and which."""
    packed = pack(graph)
    grids = {name: scale.cpu().numpy() for name, scale in (scales or {}).items()}
    container.write(path, packed.graph, packed.tensors, metadata, scales=grids)


def _refused(graph: onnx_ir.Graph, error: ArtifactError) -> SecateurError:
    """Why ONNX Runtime has no kernels for a graph that was just exported, where that is known."""
    values = [*graph.initializers.values(), *graph.inputs]
    found = next((value.name for value in values if value.dtype == onnx_ir.DataType.BFLOAT16), None)
    if found is None:
        return error
    return ExportError(
        f"{found} is bfloat16, in which ONNX Runtime does not compute on CPUs. Save a float32 copy: "
        "copy.deepcopy(model).float(), with example inputs to match."
    )


def save_state(model: nn.Module, path: Path) -> None:
    """Write all parameters and buffers as safetensors: the file that a dense network is shipped as."""
    from safetensors.torch import save as to_bytes

    state = {
        name: t.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, t in _unshared(model).items()
    }
    write_atomically(path, to_bytes(state))


def state_hash(model: nn.Module) -> str:
    """SHA-256 of all parameters and buffers, with their names."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def max_abs_diff(
    model: nn.Module, saved: network.Network, inputs: tuple[Tensor, ...], tolerance: float = TOLERANCE
) -> float:
    """Largest difference between the network's outputs and the saved file's.

    Raises:
        ExportError: it is more than rounding explains, so the file is not this network.
    """
    with evaluation_mode(model), torch.no_grad():
        expected = torch.utils._pytree.tree_leaves(model(*inputs))
    answers = saved(*[x.detach().cpu().numpy() for x in inputs])
    answers = answers if isinstance(answers, tuple) else (answers,)
    wanted = [x.detach().cpu().numpy() for x in expected if isinstance(x, Tensor)]
    if len(wanted) != len(answers):
        raise ExportError(
            f"The network answers {len(wanted)} tensors, its exported graph {len(answers)}. Return each "
            "tensor once, and nothing but tensors."
        )
    diffs = [_diff(a, b) for a, b in zip(wanted, answers, strict=True)]
    for number, (a, diff) in enumerate(zip(wanted, diffs, strict=True)):
        scale = float(np.abs(a[np.isfinite(a)]).max(initial=0))
        if not diff <= tolerance * max(scale, NEAR_ZERO):
            which = f"output {number}" if len(wanted) > 1 else "outputs"
            raise ExportError(
                f"The exported network answers differently from PyTorch: by {diff:.3g} on {which} of up to "
                f"{scale:.3g}. Expected at most {tolerance:g} of that. Look for operations that depend on "
                "training mode, on random numbers or on Python state in forward()."
            )
    return max(diffs, default=0.0)


def _diff(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Largest difference; equal infinities (masked logits) do not differ."""
    wide, other = a.astype(np.float64), b.astype(np.float64)
    differs = wide != other
    return float(np.abs(wide[differs] - other[differs]).max(initial=0))


def _unshared(model: nn.Module) -> dict[str, Tensor]:
    """The state with tied tensors once, under their first name; safetensors refuses shared memory."""
    seen: set[tuple[object, ...]] = set()
    state: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        key = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)
        if tensor.numel() == 0 or key not in seen:
            state[name] = tensor
            seen.add(key)
    return state
