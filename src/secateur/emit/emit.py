"""How is a saved network written as a PyTorch module that needs no secateur?"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx_ir
from safetensors.numpy import save

from secateur.emit.check import TOLERANCE, check, trials
from secateur.emit.read import load, simplify
from secateur.emit.source import write_source
from secateur.errors import OutputError
from secateur.files import write_atomically
from secateur.graph.coarse import rounding

MODULE, WEIGHTS = "model.py", "model.safetensors"


class Emitted(NamedTuple):
    """What was written.

    Attributes:
        module: the Python file.
        weights: the safetensors file.
        difference: of the module's outputs from the file's, relative to the largest output.
    """

    module: Path
    weights: Path
    difference: float


def emit_python(
    source: str | os.PathLike[str], folder: str | os.PathLike[str], *, overwrite: bool = False
) -> Emitted:
    """Write the network in a `.sct` or `.onnx` file as `model.py` and `model.safetensors`.

    `model.py` has a class `Network` of plain layers, whose parameters are called as in PyTorch's graph, and
    `load()`; it imports torch and safetensors and nothing else. Before anything is written, it is run beside
    the file on random inputs.

    Raises:
        ArtifactError: the file cannot be read.
        ExportError: the network is not made of plain layers, or the module would answer something else.
        OutputError: a file exists (and `overwrite` is not set) or cannot be written.
    """
    out = Path(folder)
    _refuse_existing(out, overwrite)
    model = load(Path(source))
    tried = trials(model.SerializeToString())
    code, state = write_source(*simplify(model))
    weights = save({name: np.ascontiguousarray(array).reshape(array.shape) for name, array in state.items()})
    difference = check(tried, code, weights, rounding(onnx_ir.from_proto(model), TOLERANCE))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be made: {error.strerror}. Name another folder.") from error
    write_atomically(out / WEIGHTS, weights)
    write_atomically(out / MODULE, code.encode())
    return Emitted(out / MODULE, out / WEIGHTS, difference)


def _refuse_existing(folder: Path, overwrite: bool) -> None:
    for name in (MODULE, WEIGHTS):
        if not overwrite and os.path.lexists(folder / name):
            raise OutputError(
                f"{folder / name} exists already. Name another folder, or say that it may be replaced "
                "(--overwrite)."
            )
