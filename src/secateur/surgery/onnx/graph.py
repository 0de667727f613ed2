"""How is a graph cut: which units go, and what follows of it?"""

from collections.abc import Iterable, Mapping

import numpy as np
import onnx_ir
from onnx_ir.passes import common
from torch import Tensor

from secateur.graph.coupling import Coupling
from secateur.graph.values import Values
from secateur.surgery.onnx.apply import apply_
from secateur.surgery.onnx.changes import Change, Narrowed, Rule
from secateur.surgery.onnx.indexing import INDEXING
from secateur.surgery.onnx.kept import Kept, kept
from secateur.surgery.onnx.numbers import numbers_after
from secateur.surgery.onnx.sizes import SIZES

OPERATORS: dict[str, Rule] = {**INDEXING, **SIZES}
"""Operators that have constants or attributes of their own for a width."""


def cut_graph(
    graph: onnx_ir.Model, values: Values, coupling: Coupling, removed: Mapping[str, Tensor]
) -> onnx_ir.Model:
    """A copy of a graph without the removed units; the graph that is passed in stays as it is.

    Weights and other constants that run along a narrower axis lose the same positions, and what operators say
    about widths follows. Names stay.

    Args:
        graph: of the network, its constants as initializers.
        values: of one run of it.
        coupling: as `couple` found it with these values.
        removed: group -> (units,) bool.

    Raises:
        SurgeryError: all units of a group would go, the coupling is that of another graph, or an operator
            cannot follow.
    """
    return narrowed(graph, kept(values, coupling, removed))


def narrowed(graph: onnx_ir.Model, left: Kept) -> onnx_ir.Model:
    """A copy of a graph in which only the kept positions of every axis are left.

    Raises:
        SurgeryError: an operator cannot follow.
    """
    cut = graph.clone()
    _slice_(cut.graph, left)
    apply_(cut.graph, list(_changes(cut, left)))
    common.RemoveUnusedNodesPass()(cut)
    return cut


def _slice_(graph: onnx_ir.Graph, left: Kept) -> None:
    """Initializers lose positions; shapes that are written beside values follow."""
    for name, value in graph.initializers.items():
        if left.loses(name):
            assert value.const_value is not None, "an initializer has a value"
            array = value.const_value.numpy()
            for axis in range(array.ndim):
                array = np.compress(left.positions(name, axis), array, axis=axis)
            value.const_value = onnx_ir.tensor(np.ascontiguousarray(array), name=name)
    made = (value for node in graph for value in node.outputs)
    for value in (*graph.inputs, *graph.initializers.values(), *made):
        name = value.name or ""
        if left.loses(name) and value.shape is not None:
            sizes = zip(value.shape, left.values.shapes[name], left.shape(name), strict=True)
            # a free size that became smaller was a multiple of the width, such as batch * heads
            value.shape = onnx_ir.Shape(
                [size if now == was else now if isinstance(size, int) else None for size, was, now in sizes]
            )


def _changes(cut: onnx_ir.Model, left: Kept) -> Iterable[tuple[onnx_ir.Node, Change]]:
    numbers, opset = numbers_after(cut, left), cut.opset_imports.get("", 1)
    for node in cut.graph:
        names = [value.name or "" for value in (*node.inputs, *node.outputs) if value is not None]
        if node.op_type in OPERATORS and not node.domain and any(map(left.loses, names)):
            op = Narrowed(node, left, numbers, opset)
            yield from ((node, change) for change in OPERATORS[node.op_type](op))
