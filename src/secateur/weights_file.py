"""How do the weights in a file get into the user's network?"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from secateur.artifact.plain import onnx_bytes
from secateur.errors import ArtifactError, TaskError, did_you_mean

READERS = (".sct", ".onnx", ".safetensors")


def load_weights_(model: nn.Module, path: Path) -> None:
    """Put the weights of a `.sct`, `.onnx` or `.safetensors` file into the network they belong to.

    Raises:
        ArtifactError: the file is none of these, or cannot be read.
        TaskError: it lacks something of the network, or has it in another shape.
    """
    arrays = _read(path)
    state = dict(model.state_dict(keep_vars=True))
    shared = {id(tensor) for name, tensor in state.items() if name in arrays}
    for name, tensor in state.items():
        if name in arrays and tuple(arrays[name].shape) != tuple(tensor.shape):
            raise TaskError(
                f"{path} has {name!r} of shape {list(arrays[name].shape)}, the task's network "
                f"{list(tensor.shape)}. Expected the network that the file was made from, as wide as in the "
                "file: where channels were cut, `secateur emit-python` writes a module of that width, and "
                "[compress] in the recipe of `secateur prune` does both in one run."
            )
        # What torch counts along with BatchNorm's statistics no graph needs; tied weights have one name.
        if name not in arrays and id(tensor) not in shared and tensor.is_floating_point():
            raise TaskError(
                f"{path} has no {name!r}, which the task's network has.{did_you_mean(name, arrays)} Expected "
                "the network that the file was made from, not compressed yet (compression folds BatchNorm)."
            )
    with torch.no_grad():
        for name, tensor in state.items():
            if name in arrays:
                tensor.copy_(torch.from_numpy(_known_to_torch(arrays[name])))


def _known_to_torch(array: np.ndarray) -> np.ndarray:
    """A copy, in float32 where torch knows no such array: bfloat16 and float8, all of whose values it has."""
    return array.astype(np.float32) if array.dtype.isbuiltin == 2 else np.array(array)


def _read(path: Path) -> dict[str, np.ndarray]:
    if path.suffix not in READERS:
        raise ArtifactError(f"{path}: expected a file that ends in {', '.join(READERS)}.")
    if not path.is_file():
        raise ArtifactError(f"{path} is not there, or not a file. Check the path.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            return dict(load_file(path))
        return _initializers(path)
    except ArtifactError:
        raise
    except Exception as error:  # safetensors and protobuf have exceptions of their own
        raise ArtifactError(
            f"{path} cannot be read: {error}. Expected a valid {path.suffix} file."
        ) from error


def _initializers(path: Path) -> dict[str, np.ndarray]:
    """Of a `.sct`, or of an `.onnx` with those that lie in files beside it."""
    import onnx

    model = onnx.load_from_string(onnx_bytes(path)) if path.suffix == ".sct" else onnx.load(path)
    return {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
