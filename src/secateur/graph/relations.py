"""What does an operator say about the axes of its values: which positions belong together?

An axis is named by its value and its place, `("relu", 1)`. Rules state facts about axes, in the four words
below; `secateur.graph.coupling` draws the conclusions. An axis of size 1 has nothing to say.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from secateur.graph.naming import described
from secateur.graph.values import Values

Axis: TypeAlias = tuple[str, int]
Positions: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Same:
    """Position i of one axis is position i of the other: they stay or go together."""

    a: Axis
    b: Axis


@dataclass(frozen=True, eq=False)
class Map:
    """Position `at_a[i]` of one axis is position `at_b[i]` of the other; further positions are free."""

    a: Axis
    b: Axis
    at_a: Positions
    at_b: Positions


@dataclass(frozen=True)
class Product:
    """A flat axis is the product of factors, the last one fastest, as Reshape lays them out.

    One factor at most can lose positions, since a tensor without some of them must be a box again.
    """

    flat: Axis
    factors: tuple[Axis, ...]


@dataclass(frozen=True)
class Fixed:
    """No position can go, and why: what an operator does with the axis."""

    axis: Axis
    reason: str


@dataclass(frozen=True)
class Repeated:
    """One position is repeated as often as the code says: none goes, but for heads that go anyway."""

    axis: Axis
    reason: str


@dataclass(frozen=True)
class Heads:
    """Two activations are multiplied separately for each position: of several factors, this one goes."""

    axis: Axis


Relation: TypeAlias = Same | Map | Product | Fixed | Repeated | Heads


def axes_of(relation: Relation) -> tuple[Axis, ...]:
    """Those whose positions it speaks of."""
    if isinstance(relation, (Same, Map)):
        return relation.a, relation.b
    if isinstance(relation, Product):
        return relation.flat, *relation.factors
    return (relation.axis,) if isinstance(relation, (Fixed, Repeated)) else ()


@dataclass(frozen=True)
class Operator:
    """A node with all that is known of its values.

    Attributes:
        node: of the graph.
        values: shapes and numbers of one run.
        constant: names of the values that depend on no input of the network.
        sizes: sizes of the factors that rules make up, by axis; `factor` adds to it.
    """

    node: onnx_ir.Node
    values: Values
    constant: frozenset[str]
    sizes: dict[Axis, int]

    @property
    def inputs(self) -> list[str]:
        """Names; "" for an input that was left out."""
        return [(value.name or "") if value is not None else "" for value in self.node.inputs]

    @property
    def outputs(self) -> list[str]:
        """Names; "" for an output that no one asked for."""
        return [value.name or "" for value in self.node.outputs]

    def input(self, index: int) -> str:
        """The name, "" where it was left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a value on the example."""
        return tuple(self.values.shapes.get(name, ()))

    def attribute(self, name: str, default: Any = None) -> Any:
        """Of the node."""
        found = self.node.attributes.get(name)
        return default if found is None else found.value

    def numbers(self, index: int) -> list[int] | None:
        """The whole numbers that an input holds, None where they are not known."""
        known = self.values.numbers.get(self.input(index))
        return None if known is None else [int(n) for n in np.asarray(known).reshape(-1)]

    def factor(self, name: str, size: int) -> Axis:
        """An axis that no tensor has: one factor of a flat one."""
        axis = (f"{self._made} {name}", 0)
        self.sizes[axis] = size
        return axis

    def same(self, a: Axis, b: Axis) -> Iterator[Relation]:
        """`Same` where both have the same size, else nothing: one is broadcast."""
        if self.shape(a[0])[a[1]] == self.shape(b[0])[b[1]] > 1:
            yield Same(a, b)

    def all_same(self, a: str, b: str, but: Iterable[int] = ()) -> Iterator[Relation]:
        """Values of one shape, axis by axis."""
        left_out = set(but)
        for i in range(min(len(self.shape(a)), len(self.shape(b)))):
            if i not in left_out:
                yield from self.same((a, i), (b, i))

    def fix(self, name: str, axes: Iterable[int], does: str) -> Iterator[Relation]:
        """These axes of a value cannot lose a position; `does` follows the operator's name."""
        for i in axes:
            yield Fixed((name, i), f"{self.described()} {does}")

    def fix_all(self, does: str) -> Iterator[Relation]:
        """Nothing that goes in or out can lose a position."""
        for name in [*self.inputs, *self.outputs]:
            yield from self.fix(name, range(len(self.shape(name))), does)

    def array(self, index: int) -> NDArray[np.generic] | None:
        """What an input holds, None where it is not a constant, or large and computed."""
        value = self.node.inputs[index] if index < len(self.node.inputs) else None
        if value is None or value.const_value is None:
            return self.values.numbers.get(self.input(index))
        return value.const_value.numpy()

    def described(self) -> str:
        """For reasons: the operator and the part of the network that it is in."""
        return described(self.node, self.constant)

    @property
    def _made(self) -> str:
        """The first of its outputs, which names it in the graph."""
        return next(filter(None, self.outputs), "")


Rule: TypeAlias = Callable[[Operator], Iterable[Relation]]
"""What one operator says; of its activations and of its weights alike."""
