"""Does the emitted module answer what the file does?"""

import importlib.util
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import torch
from torch.utils._pytree import tree_leaves

from secateur.emit.attributes import Array
from secateur.errors import ArtifactError, ExportError

TOLERANCE = 1e-4  # of the largest output
BATCHES = (1, 3)
OTHERS = (16, 64, 224)  # sizes of the other free axes, until the file takes one
TYPES = {"tensor(float)": "float32", "tensor(double)": "float64"}

OURS = "This is an error of secateur: please report it with the file, which itself runs in ONNX Runtime."


class Trial(NamedTuple):
    """Random inputs, and what ONNX Runtime answers to them."""

    inputs: list[Array]
    outputs: list[Array]


def trials(model: bytes) -> list[Trial]:
    """Run an ONNX model on random inputs, on one and on three of them where the batch is free.

    Raises:
        ArtifactError: ONNX Runtime cannot open it.
        ExportError: ONNX Runtime cannot run it on random inputs.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised; their log says nothing more
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no public base
        raise ArtifactError(f"ONNX Runtime cannot open the model: {error}.") from error
    free = any(value.shape and not isinstance(value.shape[0], int) for value in session.get_inputs())
    return [_trial(session, batch) for batch in (BATCHES if free else BATCHES[:1])]


def check(tried: Sequence[Trial], source: str, weights: bytes, tolerance: float = TOLERANCE) -> float:
    """Import the emitted module and run it on the same inputs.

    Args:
        tried: on the model.
        source: of the module.
        weights: its safetensors file.
        tolerance: of the largest output.

    Returns:
        The largest difference of an output, relative to the largest output.

    Raises:
        ExportError: the module does not run, or answers something else.
    """
    network = _loaded(source, weights)
    return max(_difference(trial.outputs, _answers(network, trial.inputs), tolerance) for trial in tried)


def _loaded(source: str, weights: bytes) -> Any:
    """The network, as a user gets it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.py")
        file.write_text(source, encoding="utf-8")
        file.with_suffix(".safetensors").write_bytes(weights)
        spec = importlib.util.spec_from_file_location("secateur_emitted", file)
        assert spec is not None, "a path that ends in .py has a loader"
        assert spec.loader is not None, "a path that ends in .py has a loader"
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
            return module.load()
        except Exception as error:
            raise _broken("cannot be loaded", error) from error


def _answers(network: Any, inputs: list[Array]) -> list[Array]:
    try:
        with torch.no_grad():
            answers = tree_leaves(network(*map(torch.from_numpy, inputs)))
    except Exception as error:
        raise _broken("does not run", error) from error
    return [answer.numpy() for answer in answers]


def _trial(session: Any, batch: int) -> Trial:
    failed: Exception | None = None
    for other in OTHERS:
        random = np.random.default_rng(batch)
        inputs = [_random(value, batch, other, random) for value in session.get_inputs()]
        names = [value.name for value in session.get_inputs()]
        try:
            return Trial(inputs, session.run(None, dict(zip(names, inputs, strict=True))))
        except Exception as error:  # ONNX Runtime's exceptions have no public base
            failed = error
    shapes = ", ".join(str(array.shape) for array in inputs)
    raise ExportError(
        f"ONNX Runtime cannot run the model on random inputs of shape {shapes}, so what would be written "
        f"cannot be checked: {failed}. Fix the sizes of its inputs that are free, but for the batch."
    ) from failed


def _random(value: Any, batch: int, other: int, random: np.random.Generator) -> Array:
    """Normal floats; 0 or 1 for integers, which are valid indices of any table with two rows."""
    sizes = [
        size if isinstance(size, int) else other if axis else batch for axis, size in enumerate(value.shape)
    ]
    dtype = np.dtype(TYPES.get(value.type) or value.type.removeprefix("tensor(").removesuffix(")"))
    if dtype.kind == "f":
        return random.standard_normal(sizes).astype(dtype)
    return random.integers(0, 2, sizes).astype(dtype)


def _difference(expected: list[Array], answers: list[Array], tolerance: float) -> float:
    """The largest relative difference; equal infinities and NaNs do not differ."""
    shapes = [[(array.shape, array.dtype.name) for array in arrays] for arrays in (expected, answers)]
    if shapes[0] != shapes[1]:
        raise _different(f"outputs {shapes[1]} where the file has {shapes[0]}")
    worst = 0.0
    for wanted, got in zip(expected, answers, strict=True):
        wide, other = wanted.astype(np.float64), got.astype(np.float64)
        known = np.isfinite(wide)
        if wide.size and not known.any():
            raise _different("outputs that are infinite or not numbers, which cannot be compared")
        scale = float(np.abs(wide[known]).max(initial=0)) or 1.0
        if not np.array_equal(wide[~known], other[~known], equal_nan=True):
            raise _different("other infinite outputs")
        worst = max(worst, float(np.abs(wide[known] - other[known]).max(initial=0)) / scale)
    if not worst <= tolerance:
        raise _different(
            f"outputs that differ by {worst:.3g} of the largest; at most {tolerance:g} is rounding"
        )
    return worst


def _broken(what: str, error: Exception) -> ExportError:
    return ExportError(
        f"The PyTorch module that was written for this network {what}: {type(error).__name__}: {error}. "
        f"Nothing was saved. {OURS}"
    )


def _different(what: str) -> ExportError:
    return ExportError(
        f"The PyTorch module that was written for this network has {what}. Nothing was saved. {OURS}"
    )
