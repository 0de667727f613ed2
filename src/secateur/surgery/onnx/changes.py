"""What can change in a node when axes lose positions, and what does an operator know to say so?

Weights and other tensors that run along an axis are cut like the axis itself. What is left are sizes, places
and counts that only the operator knows the meaning of.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from secateur.errors import SurgeryError
from secateur.surgery.onnx.kept import Kept, Stays
from secateur.surgery.onnx.numbers import Numbers


@dataclass(frozen=True, eq=False)  # arrays have no one truth value
class Entries:
    """An input holds these whole numbers; there are others in their place if nothing is changed."""

    input: int
    there: NDArray[np.int64]
    numbers: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Whole:
    """An input becomes this constant, of any shape."""

    input: int
    numbers: NDArray[np.int64]


@dataclass(frozen=True)
class Attribute:
    """An attribute gets another value; None removes it."""

    name: str
    value: int | tuple[int, ...] | None


@dataclass(frozen=True)
class Pick:
    """Of the output only these positions stay, as no stretch can say."""

    axis: int
    positions: tuple[int, ...]


Change: TypeAlias = Entries | Whole | Attribute | Pick


@dataclass(frozen=True)
class Narrowed:
    """A node, and what a cut leaves of its values.

    Attributes:
        node: of the graph.
        kept: what stays of every value.
        numbers: whole numbers by name of the value, as they are after the cut if no constant is changed.
        opset: the version of the operators.
    """

    node: onnx_ir.Node
    kept: Kept
    numbers: Numbers
    opset: int

    def input(self, index: int) -> str:
        """The name, "" where it was left out."""
        value = self.node.inputs[index] if index < len(self.node.inputs) else None
        return "" if value is None else value.name or ""

    @property
    def output(self) -> str:
        """The name of the first."""
        return self.node.outputs[0].name or ""

    def before(self, name: str) -> tuple[int, ...]:
        """The shape of a value before the cut."""
        return self.kept.values.shapes[name]

    def after(self, name: str) -> tuple[int, ...]:
        """The shape of a value after the cut."""
        return self.kept.shape(name)

    def stays(self, name: str, axis: int) -> Stays:
        """(size,) whether each position of an axis does."""
        return self.kept.positions(name, axis)

    def held(self, index: int) -> list[int]:
        """The whole numbers of an input before the cut."""
        return self._numbers(index, self.kept.values.numbers)

    def holds(self, index: int) -> list[int]:
        """The whole numbers of an input after the cut, if no constant is changed."""
        return self._numbers(index, self.numbers)

    def attribute(self, name: str, default: Any = None) -> Any:
        """Of the node."""
        found = self.node.attributes.get(name)
        return default if found is None else found.value

    def refused(self, why: str) -> SurgeryError:
        """The error where a node cannot follow."""
        return SurgeryError(
            f"{self.node.op_type} ({self.output}) cannot follow the cut: {why}. Skip the layers around "
            "it, or export the network with fixed shapes."
        )

    def _numbers(self, index: int, numbers: Numbers) -> list[int]:
        name = self.input(index)
        constant = self.node.inputs[index].const_value if name else None  # type: ignore[union-attr]
        if name not in numbers and constant is None:
            raise self.refused(f"which numbers {name!r} holds is not known")
        found = numbers[name] if name in numbers or constant is None else constant.numpy()
        return [int(n) for n in np.asarray(found).reshape(-1)]


Rule: TypeAlias = Callable[[Narrowed], Iterable[Change]]
"""What has to change in a node of one operator."""


def entries(op: Narrowed, index: int, wanted: Sequence[int]) -> Iterator[Change]:
    """Write the wanted numbers where an input holds others."""
    there = op.holds(index)
    if there != list(wanted):
        yield Entries(index, np.array(there), np.array(wanted))


def attribute(op: Narrowed, name: str, wanted: int) -> Iterator[Change]:
    """Write the wanted number where an attribute has another."""
    if op.attribute(name) != wanted:
        yield Attribute(name, wanted)
