"""How does a `.sct` file run on NumPy arrays?"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from secateur.artifact.checks import about
from secateur.artifact.container import read
from secateur.artifact.dtypes import Array
from secateur.artifact.plain import onnx_bytes
from secateur.core.exact_int8 import exact_session
from secateur.errors import ArtifactError, did_you_mean

if TYPE_CHECKING:
    import onnxruntime

RUNTIME_TYPES = {"float": "float32", "double": "float64"}  # where ONNX Runtime and NumPy disagree


@dataclass(frozen=True)
class Value:
    """An input or output: NumPy's name of its dtype, and its shape; a name is a free size."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name}: {self.dtype} ({sizes})"


class Network:
    """A network that runs on NumPy arrays, in ONNX Runtime, on the processor.

    Attributes:
        inputs: what it takes, in order.
        outputs: what it answers, in order.
        metadata: what the file says beside graph and tensors: recipe, version and the like.
    """

    def __init__(self, session: "onnxruntime.InferenceSession", metadata: Mapping[str, Any]) -> None:
        self._session = session
        self.inputs = tuple(_value(node) for node in session.get_inputs())
        self.outputs = tuple(_value(node) for node in session.get_outputs())
        self.metadata = metadata

    def __call__(self, *inputs: Array) -> Array | tuple[Array, ...]:
        """The output of these inputs, in order; a tuple where the network has several outputs."""
        if len(inputs) != len(self.inputs):
            raise ArtifactError(
                f"The network got {len(inputs)} inputs. Expected {len(self.inputs)}: {self._takes()}."
            )
        names = (value.name for value in self.inputs)
        outputs = tuple(self.run(dict(zip(names, inputs, strict=True))).values())
        return outputs[0] if len(outputs) == 1 else outputs

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name, from inputs by name."""
        self._check(inputs)
        names = [value.name for value in self.outputs]
        try:
            return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))
        except Exception as error:  # ONNX Runtime's exceptions have no public base
            raise ArtifactError(
                f"ONNX Runtime could not run the network on these inputs: {error}."
            ) from error

    def _check(self, inputs: Mapping[str, Array]) -> None:
        known = {value.name: value for value in self.inputs}
        for name in inputs:
            if name not in known:
                hint = did_you_mean(name, known)
                raise ArtifactError(f"The network has no input {name!r}, but {self._takes()}.{hint}")
        for name, value in known.items():
            if name not in inputs:
                raise ArtifactError(f"The input {name!r} is missing. Expected {self._takes()}.")
            _check(value, inputs[name])

    def _takes(self) -> str:
        return "; ".join(map(str, self.inputs)) or "none"


def load(path: str | os.PathLike[str], *, threads: int = 1) -> Network:
    """The network in a `.sct` file, ready to run; neither torch nor the original class is needed.

    Args:
        path: the file.
        threads: processor threads for each run; 0 leaves it to ONNX Runtime.

    Raises:
        ArtifactError: the file is damaged, foreign or too new, or its graph does not run.
    """
    import onnxruntime

    container = read(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # fatal: errors are raised, and their log says nothing more
    with about(str(path)):
        model = onnx_bytes(container)
        try:
            session = exact_session(model, options)
        except Exception as error:  # ONNX Runtime's exceptions have no public base
            raise ArtifactError(f"ONNX Runtime refuses its graph: {error}.") from error
    return Network(session, container.metadata)


def _value(node: "onnxruntime.NodeArg") -> Value:
    kind = node.type.removeprefix("tensor(").removesuffix(")")
    return Value(node.name, RUNTIME_TYPES.get(kind, kind), tuple(node.shape))


def _check(value: Value, array: Array) -> None:
    """Refuse an input of the wrong kind, which ONNX Runtime would refuse in its own words."""
    if not isinstance(array, np.ndarray):
        raise ArtifactError(
            f"The input {value.name!r} is of type {type(array).__name__}. Expected a NumPy array ({value}), "
            f"for example numpy.asarray(x, dtype={value.dtype!r})."
        )
    if array.dtype.name != value.dtype or not array.dtype.isnative:
        raise ArtifactError(
            f"The input {value.name!r} has dtype {array.dtype}. Expected {value}. "
            f"Convert it with x.astype({value.dtype!r})."
        )
    sizes = zip(array.shape, value.shape, strict=False)
    if array.ndim != len(value.shape) or any(isinstance(want, int) and got != want for got, want in sizes):
        raise ArtifactError(
            f"The input {value.name!r} has shape {array.shape}. Expected {value}; "
            "a size that is a name is free."
        )
