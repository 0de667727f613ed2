"""What does a rule see of the node that it writes?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

import numpy as np
import onnx_ir

from secateur.emit.attributes import Array, Attributes, Weight
from secateur.emit.expressions import Expr, Held, Variable, call, literal, local
from secateur.emit.identifiers import computed
from secateur.emit.sizes import Items, Size, Sizes
from secateur.errors import ExportError

DEVICE = Variable("device", "device")
"""The variable for the device that the inputs are on."""


Targets: TypeAlias = "Variable | tuple[Targets, ...]"
"""What is assigned to, as it comes apart."""


@dataclass(frozen=True)
class Several:
    """Code that answers several values of the graph."""

    code: Expr
    targets: Targets


@dataclass(frozen=True)
class Book:
    """What all rules write into or look up.

    Attributes:
        attributes: of the network.
        sizes: of the graph's values.
        origins: name of a value -> the name in the file of the node that computes it.
    """

    attributes: Attributes
    sizes: Sizes
    origins: Mapping[str, str]


@dataclass(frozen=True)
class Site:
    """One node, and the book."""

    node: onnx_ir.Node
    book: Book

    def value(self, index: int) -> onnx_ir.Value | None:
        """An input; None where the node does not have it."""
        return self.node.inputs[index] if index < len(self.node.inputs) else None

    def array(self, index: int) -> Array | None:
        """The numbers of an input that is an initializer."""
        value = self.value(index)
        return None if value is None else self.array_of(value)

    def array_of(self, value: onnx_ir.Value) -> Array | None:
        """The numbers of an initializer."""
        return self.book.attributes.initializers.get(value.name or "")

    def operand(self, index: int) -> Expr:
        """An input as code: a number where it is a single one, which broadcasts like a tensor."""
        value, array, items = self._given(index), self.array(index), self.book.sizes.of(self.value(index))
        if array is not None and array.size == 1 and computed(value.name or "") and self._spreads(array.ndim):
            return literal(array.reshape(-1)[0].item() if array.dtype.kind in "bi" else array.reshape(-1)[0])
        if items is not None and len(items) == 1 and array is None:
            return literal(items[0])
        return self.tensor(index)

    def tensor(self, index: int) -> Expr:
        """An input as code that gives a tensor."""
        value, items = self._given(index), self.book.sizes.of(self.value(index))
        if self.array(index) is not None:
            return Expr((Held(value.name or ""),))
        if items is not None:
            scalar = value.shape is not None and len(value.shape) == 0
            return call("torch.tensor", items[0] if scalar else list(items), device=local(DEVICE))
        return local(value.name or "")

    def optional(self, index: int) -> Expr | None:
        """Likewise; None where the node does not have this input."""
        return None if self.value(index) is None else self.tensor(index)

    def weight(self, index: int) -> Weight | None:
        """An input that is an initializer, as what a layer's tensor is filled with."""
        array, value = self.array(index), self.value(index)
        return None if array is None or value is None else Weight(array, value.name)

    def items(self, index: int, attribute: str = "") -> Items | None:
        """A list of whole numbers: an input, or an attribute in older graphs; None where there is neither."""
        if self.value(index) is None:
            given = self.node.attributes.get_ints(attribute, None) if attribute else None
            return None if given is None else tuple(int(item) for item in given)
        items = self.book.sizes.of(self.value(index))
        return self.refuse(f"its input {index} is computed from data") if items is None else items

    def ints(self, index: int, attribute: str = "") -> tuple[int, ...] | None:
        """Likewise, of numbers that are known."""
        items = self.items(index, attribute)
        known = [item for item in items or () if isinstance(item, int)]
        if items is not None and len(known) < len(items):
            self.refuse(f"its input {index} depends on the shapes of the network's inputs")
        return None if items is None else tuple(known)

    def shape(self, index: int = 0) -> Items | None:
        """The shape of an input; None where not even its rank is known."""
        return self.book.sizes.shape(self._given(index))

    def rank(self, index: int = 0) -> int:
        """The number of axes of an input."""
        shape = self.shape(index)
        return self.refuse(f"the rank of its input {index} is not known") if shape is None else len(shape)

    def size(self, index: int, axis: int) -> Size | None:
        """One size of an input; None where it is not known."""
        shape = self.shape(index)
        return shape[axis] if shape is not None and -len(shape) <= axis < len(shape) else None

    def axis(self, default: int, name: str = "axis") -> int:
        """The attribute `axis`."""
        return self.node.attributes.get_int(name, default)

    def number(self, name: str, default: float) -> np.float32:
        """A real attribute, in the precision it is stored with."""
        return np.float32(self.node.attributes.get_float(name, default))

    def refuse(self, reason: str) -> NoReturn:
        """Raise the error for a node that has no plain form."""
        output = self.node.outputs[0].name or ""
        operator = self.node.attributes.get_string("kind", self.node.op_type)  # Recurrent is of some kind
        name = self.book.origins.get(output)
        node = f"node {name!r}, which" if name else "the one that"
        raise ExportError(
            f"The operator {operator} ({node} computes {output!r}) cannot be written "
            f"as plain PyTorch: {reason}. emit-python writes networks of plain layers in floating point. Run "
            "the file itself, or replace the operation in the network."
        )

    def _spreads(self, rank: int) -> bool:
        """Whether another input has so many axes, so that a number instead of a tensor changes no shape."""
        others = [value for value in self.node.inputs if value is not None and value.const_value is None]
        return rank == 0 or any(value.shape is None or len(value.shape) >= rank for value in others)

    def _given(self, index: int) -> onnx_ir.Value:
        value = self.value(index)
        return self.refuse(f"its input {index} is missing") if value is None else value
