"""Which whole numbers does a graph compute of the shapes of its values?

A size is an int where it is known, else an expression, such as `x.shape[0]`. Exporters compute shapes with a
dozen nodes where Python needs a word; nothing is left of these nodes in the emitted source.
"""

import operator
from collections.abc import Callable, Mapping
from itertools import cycle
from typing import TypeAlias

import onnx_ir

from secateur.emit.expressions import Expr, Variable, attribute, infix, literal, local, subscript

Size: TypeAlias = int | Expr
Items: TypeAlias = tuple[Size, ...]

WHOLE = {onnx_ir.DataType.INT64, onnx_ir.DataType.INT32}
LONGEST = 64  # items of a value that may be a shape
SAME = {"Squeeze", "Unsqueeze", "Reshape", "Identity", "Cast"}
ARITHMETIC: Mapping[str, tuple[str, Callable[[int, int], int]]] = {
    "Add": ("+", operator.add),
    "Sub": ("-", operator.sub),
    "Mul": ("*", operator.mul),
    "Div": ("//", operator.floordiv),
    "Mod": ("%", operator.mod),
}


class Sizes:
    """The sizes in a graph, by the values that hold them.

    Attributes:
        free: name of a free size -> the input and the axis that have it.
    """

    def __init__(self, graph: onnx_ir.Graph) -> None:
        self.free: dict[str, tuple[str, int]] = {}
        for value in graph.inputs:
            for axis, size in enumerate(value.shape or ()):
                if isinstance(size, onnx_ir.SymbolicDim) and size.value is not None:
                    self.free.setdefault(str(size.value), (value.name or "", axis))
        self._items: dict[str, Items] = {}
        for name, value in graph.initializers.items():
            tensor = value.const_value
            if (
                tensor is not None
                and tensor.dtype in WHOLE
                and tensor.size <= LONGEST
                and tensor.shape.rank() < 2
            ):
                self._items[name] = tuple(int(item) for item in tensor.numpy().reshape(-1))
        for node in graph:
            items = self._computed(node)
            if items is not None and node.outputs[0].name:
                self._items[node.outputs[0].name] = items

    def of(self, value: onnx_ir.Value | None) -> Items | None:
        """The sizes that a value holds; None where it is no list of sizes."""
        return None if value is None else self._items.get(value.name or "")

    def shape(self, value: onnx_ir.Value) -> Items | None:
        """The shape of a value; None where not even its rank is known."""
        if value.shape is None:
            return None
        return tuple(self._size(value, axis, size) for axis, size in enumerate(value.shape))

    def _size(self, value: onnx_ir.Value, axis: int, size: int | onnx_ir.SymbolicDim) -> Size:
        if isinstance(size, int):
            return size
        if str(size.value) in self.free:
            return local(Variable(str(size.value), "size"))
        return subscript(attribute(local(value.name or ""), "shape"), axis)

    def _computed(self, node: onnx_ir.Node) -> Items | None:
        """What a node makes of sizes; None where it is about something else."""
        if node.domain or not node.inputs or node.inputs[0] is None or len(node.outputs) != 1:
            return None
        if node.op_type == "Shape":
            shape = self.shape(node.inputs[0])
            start, end = node.attributes.get_int("start", 0), node.attributes.get_int("end", None)
            return None if shape is None else shape[start:end]
        given = [self.of(value) for value in node.inputs]
        if node.outputs[0].dtype not in WHOLE or any(items is None for items in given):
            return None
        return _result(node, [items for items in given if items is not None])


def _result(node: onnx_ir.Node, given: list[Items]) -> Items | None:
    """One list of sizes from some; all inputs of the node are such lists."""
    if node.op_type == "Concat":
        return tuple(item for items in given for item in items)
    if node.op_type in SAME:
        return given[0]
    if node.op_type == "Gather":
        return _picked(given[0], given[1])
    if node.op_type == "Slice":
        return _sliced(given[0], [items[0] for items in given[1:] if len(items) == 1])
    if node.op_type in ARITHMETIC:
        return _together(*ARITHMETIC[node.op_type], *given)
    return None


def _picked(items: Items, at: Items) -> Items | None:
    known = [index for index in at if isinstance(index, int) and -len(items) <= index < len(items)]
    return tuple(items[index] for index in known) if len(known) == len(at) else None


def _sliced(items: Items, bounds: list[Size]) -> Items | None:
    """From start to end; an axis follows, which can only be the first, and a step."""
    known = [bound for bound in bounds if isinstance(bound, int)]
    if len(known) != len(bounds) or not 2 <= len(known) <= 4:
        return None
    return items[known[0] : known[1] : known[3] if len(known) == 4 else 1]


def _together(sign: str, compute: Callable[[int, int], int], left: Items, right: Items) -> Items:
    """Item by item; a single item goes with each of the others."""
    longest = max(len(left), len(right))
    pairs = zip(cycle(left), cycle(right), range(longest), strict=False)
    return tuple(_one(sign, compute, a, b) for a, b, _ in pairs)


def _one(sign: str, compute: Callable[[int, int], int], a: Size, b: Size) -> Size:
    if isinstance(a, int) and isinstance(b, int) and (b > 0 or sign not in ("//", "%")):
        return compute(a, b)
    return infix(literal(a), sign, literal(b))
