"""On which inputs is a graph tried that came without any?"""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from secateur.errors import ArtifactError, did_you_mean
from secateur.network_file.run import Arrays

NO_ARCHIVE = (ValueError, TypeError, EOFError, zipfile.BadZipFile)  # TypeError: a single array
Sizes = Mapping[str, Sequence[int]]


def example_inputs(graph: onnx_ir.Model, sizes: Sizes, seed: int = 0) -> Arrays:
    """Normal numbers; 0 and 1 for whole numbers, which any table takes; ones for masks.

    Args:
        graph: a free first axis, the batch, becomes 1.
        sizes: input -> all its sizes.
        seed: of what is drawn.

    Raises:
        ArtifactError: an input has other free sizes and is not in `sizes`, or these do not fit.
    """
    random = np.random.default_rng(seed)
    shapes = input_shapes(graph, sizes)
    return [_drawn(value, shape, random) for value, shape in zip(graph.graph.inputs, shapes, strict=True)]


def input_shapes(graph: onnx_ir.Model, sizes: Sizes) -> list[tuple[int, ...]]:
    """Of all inputs; a free first axis, the batch, is 1, and other free ones are in `sizes`.

    Raises:
        ArtifactError: they are not, or do not fit.
    """
    known = [value.name or "" for value in graph.graph.inputs]
    for name in sizes:
        if name not in known:
            raise ArtifactError(
                f"There is no input {name!r}.{did_you_mean(name, known)} The network has: {', '.join(known)}."
            )
    return [_shape(value, sizes) for value in graph.graph.inputs]


def read_inputs(graph: onnx_ir.Model, path: Path) -> Arrays:
    """Those in a `.npz` file, one array for each input, by its name.

    Raises:
        ArtifactError: the file cannot be read, or an input is missing or has another rank.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in file.files}
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from error
    except NO_ARCHIVE as error:  # whose words, NumPy's, advise to trust the file
        raise ArtifactError(
            f"{path} is no archive of plain arrays. Expected a file of numpy.savez(path, **arrays)."
        ) from error
    inputs = []
    for value in graph.graph.inputs:
        name = value.name or ""
        if name not in arrays:
            raise ArtifactError(
                f"{path} has no {name!r}.{did_you_mean(name, arrays)} "
                f"It has: {', '.join(arrays) or 'nothing'}."
            )
        _check(value, arrays[name].shape, f"{path}: ")
        inputs.append(arrays[name].astype(_dtype(value)))
    return inputs


def described(graph: onnx_ir.Model, inputs: Arrays) -> str:
    """For people: `input=1,3,224,224`, as `sizes` are given."""
    named = zip(graph.graph.inputs, inputs, strict=True)
    return " ".join(f"{value.name}={','.join(map(str, array.shape))}" for value, array in named)


def _shape(value: onnx_ir.Value, sizes: Sizes) -> tuple[int, ...]:
    name = value.name or ""
    if name in sizes:
        _check(value, sizes[name], "")
        return tuple(sizes[name])
    if value.shape is None:
        raise ArtifactError(
            f"The shape of the input {name!r} is not known. Give its sizes: --shape {name}=..."
        )
    declared = [size if isinstance(size, int) else None for size in value.shape]
    declared[:1] = [size or 1 for size in declared[:1]]
    free = [axis for axis, size in enumerate(declared) if size is None]
    if free:
        example = ",".join(str(size or 224) for size in declared)
        raise ArtifactError(
            f"The input {name!r} has the shape {_shown(value)}, where more sizes are free than the batch: "
            f"{len(free)}. Give all of its sizes, for example --shape {name}={example}"
        )
    return tuple(size or 1 for size in declared)


def _check(value: onnx_ir.Value, shape: Sequence[int], where: str) -> None:
    fixed = list(value.shape) if value.shape is not None else [None] * len(shape)
    fits = len(fixed) == len(shape) and all(
        size == got for size, got in zip(fixed, shape, strict=False) if isinstance(size, int)
    )
    if not fits:
        raise ArtifactError(
            f"{where}the input {value.name!r} would have the shape {list(shape)}. Expected {_shown(value)}, "
            "where a name is free."
        )


def _shown(value: onnx_ir.Value) -> str:
    return f"[{', '.join(str(size) for size in value.shape or ())}]"


def _dtype(value: onnx_ir.Value) -> np.dtype[np.generic]:
    return np.dtype((value.dtype or onnx_ir.DataType.FLOAT).numpy())


def _drawn(value: onnx_ir.Value, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.generic]:
    dtype = _dtype(value)
    if np.issubdtype(dtype, np.floating):
        return random.standard_normal(shape).astype(dtype)
    masks = dtype == np.bool_ or "mask" in (value.name or "").lower()
    return (np.ones(shape) if masks else random.integers(0, 2, shape)).astype(dtype)
