"""What does a graph compute, once every shape is known?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from secateur.errors import CompileError

T = TypeVar("T")
C_TYPES = {"float32": "float", "int64": "int64_t", "int32": "int32_t", "bool": "uint8_t", "uint8": "uint8_t"}
"""NumPy's name of a type -> the C type of its elements."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value of the program.

    Attributes:
        name: in the graph.
        shape: all sizes known.
        dtype: of its elements.
        array: its elements, of a constant.
        pitch: elements from one channel's plane of an image to the next, where planes are padded; None where
            all elements lie one after the other.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    array: NDArray[Any] | None = None
    pitch: int | None = None

    @property
    def size(self) -> int:
        """Number of elements, without the padding."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def plane(self) -> int:
        """Elements from one channel of an image (N, C, ...) to the next."""
        return self.pitch or int(np.prod(self.shape[2:], dtype=np.int64))

    @property
    def stored(self) -> int:
        """Number of elements, with the padding."""
        return self.size if self.pitch is None else self.shape[0] * self.shape[1] * self.pitch

    @property
    def c_type(self) -> str:
        """Of its elements.

        Raises:
            CompileError: there is none, of a constant.
        """
        if self.dtype.name not in C_TYPES:
            raise wrong_type(self.name, self.dtype)
        return C_TYPES[self.dtype.name]

    @property
    def nbytes(self) -> int:
        """In memory."""
        return self.stored * self.dtype.itemsize


@dataclass(frozen=True, eq=False)
class Op:
    """One operator, all of whose shapes are known.

    Attributes:
        name: of the node, for messages.
        kind: of the operator, as `KERNELS` knows it.
        inputs: an optional one that is not there is None.
        outputs: likewise.
        attributes: plain Python values.
    """

    name: str
    kind: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor | None, ...]
    attributes: Mapping[str, Any]

    def input(self, index: int) -> Tensor:
        """An input that the operator cannot do without."""
        found = self.optional(index)
        if found is None:
            raise self.refused(f"has no input {index}")
        return found

    def optional(self, index: int) -> Tensor | None:
        """An input, or None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def constant(self, index: int) -> NDArray[Any]:
        """An input that must be known when the network is compiled."""
        array = self.input(index).array
        if array is None:
            raise self.refused(f"computes its input {index} ({self.input(index).name!r}) from the data")
        return array

    @property
    def output(self) -> Tensor:
        """The first output."""
        output = self.outputs[0]
        assert output is not None, "operators have a first output"
        return output

    def get(self, name: str, default: T) -> T:
        """An attribute of numbers, or what ONNX takes where it is left out.

        Raises:
            CompileError: it is a text, which `choice` reads.
        """
        value: T = self.attributes.get(name, default)
        if isinstance(value, str):
            raise self.refused(f"has the {name} {value!r}")
        return value

    def choice(self, name: str, choices: Mapping[str, T], default: str) -> T:
        """What an attribute of text stands for. The text itself is anyone's, and never a part of the C.

        Raises:
            CompileError: it is none of the choices.
        """
        text = self.attributes.get(name, default)
        if text not in choices:
            raise self.refused(f"has the {name} {text!r}")
        return choices[text]

    def refused(self, why: str) -> CompileError:
        """An error that names the operator and its node."""
        return CompileError(
            f"The operator {self.kind} (node {self.name!r}) {why}, which secateur does not compile. "
            "`docs/operators.md` lists what it does; write the network with those, or run it in ONNX Runtime."
        )


@dataclass(frozen=True, eq=False)
class Program:
    """Operators in the order in which they run."""

    ops: tuple[Op, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def lower(graph: onnx_ir.Model, pitches: Mapping[str, int]) -> Program:
    """Read a graph whose shapes are static.

    Args:
        graph: after all passes.
        pitches: value -> `Tensor.pitch`.

    Raises:
        CompileError: a shape is not known, or a type has no C type.
    """
    known: dict[str, Tensor] = {}

    def tensor(value: onnx_ir.Value | None) -> Tensor | None:
        if value is None or not value.name:
            return None
        if value.name not in known:
            known[value.name] = _tensor(value, pitches.get(value.name))
        return known[value.name]

    ops = tuple(
        Op(
            node.name or node.op_type,
            node.op_type,
            tuple(tensor(value) for value in node.inputs),
            tuple(
                tensor(value) if value.uses() or value.is_graph_output() else None for value in node.outputs
            ),
            {name: _plain(attribute) for name, attribute in node.attributes.items()},
        )
        for node in graph.graph
    )
    ends = [
        tuple(t for v in values if (t := tensor(v))) for values in (graph.graph.inputs, graph.graph.outputs)
    ]
    return Program(ops, ends[0], ends[1])


def _tensor(value: onnx_ir.Value, pitch: int | None) -> Tensor:
    name = value.name or ""
    if value.const_value is not None:
        array = np.asarray(value.const_value.numpy(), order="C")
        return Tensor(name, array.shape, array.dtype, array)
    shape = [None] if value.shape is None else value.shape
    sizes = [size if isinstance(size, int) else None for size in shape]
    if value.shape is None or None in sizes:
        maker = value.producer()
        by = f" of the operator {maker.op_type} (node {maker.name!r})" if maker else ""
        raise CompileError(
            f"The shape of {name!r}{by} is {value.shape or 'unknown'} until the network runs. Expected a "
            "network whose shapes follow from those of its inputs: export it for one size, without operators "
            "whose output's size depends on the data."
        )
    dtype = np.dtype((value.dtype or onnx_ir.DataType.FLOAT).numpy())
    if dtype.name not in C_TYPES:
        raise wrong_type(name, dtype)
    return Tensor(name, tuple(size for size in sizes if size is not None), dtype, None, pitch)


def wrong_type(name: str, dtype: np.dtype[Any]) -> CompileError:
    """An error that says which types there are."""
    return CompileError(
        f"{name!r} has elements of type {dtype.name}. Expected {', '.join(C_TYPES)}: export the network "
        "in single precision (model.float())."
    )


def _plain(attribute: onnx_ir.Attr) -> Any:
    value = attribute.value
    if isinstance(value, onnx_ir.TensorProtocol):
        return value.numpy()
    return tuple(value) if isinstance(value, list | tuple) else value
