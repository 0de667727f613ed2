"""How are changes of nodes written into a graph?"""

from collections.abc import Sequence

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from secateur.errors import SurgeryError
from secateur.surgery.onnx.changes import Attribute, Change, Entries, Pick, Whole

Write = tuple[onnx_ir.Node, int, NDArray[np.generic]]
"""A constant for an input of a node."""


def apply_(graph: onnx_ir.Graph, changes: Sequence[tuple[onnx_ir.Node, Change]]) -> None:
    """Write them; a constant that other nodes read too stays as it is for them."""
    constants: dict[onnx_ir.Value, list[Write]] = {}
    for node, change in changes:
        if isinstance(change, Attribute):
            _set(node, change)
        elif isinstance(change, Pick):
            _pick(graph, node, change)
        else:
            value = node.inputs[change.input] if change.input < len(node.inputs) else None
            if isinstance(change, Entries) and (value is None or value.const_value is None):
                _scale(graph, node, change)
            elif value is None or value.const_value is None:
                _give(graph, node, change.input, f"{node.outputs[0].name}.{change.input}", change.numbers)
            else:
                dtype = value.const_value.numpy().dtype
                numbers = np.reshape(change.numbers, _shape(value, change)).astype(dtype)
                constants.setdefault(value, []).append((node, change.input, numbers))
    for value, writes in constants.items():
        _write(graph, value, writes)


def _shape(value: onnx_ir.Value, change: Entries | Whole) -> tuple[int, ...]:
    """Entries lie as they did."""
    assert value.const_value is not None, "only constants are written anew"
    return value.const_value.numpy().shape if isinstance(change, Entries) else change.numbers.shape


def _set(node: onnx_ir.Node, change: Attribute) -> None:
    node.attributes.pop(change.name, None)
    if isinstance(change.value, int):
        node.attributes[change.name] = onnx_ir.AttrInt64(change.name, change.value)
    elif change.value is not None:
        node.attributes[change.name] = onnx_ir.AttrInt64s(change.name, change.value)


def _pick(graph: onnx_ir.Graph, node: onnx_ir.Node, change: Pick) -> None:
    """Behind the node; its own output is then wider, and goes by another name."""
    whole = node.outputs[0]
    name = whole.name or ""
    place = onnx_ir.val(
        f"{name}.places.{change.axis}", const_value=onnx_ir.tensor(np.array(change.positions))
    )
    graph.register_initializer(place)
    gather = onnx_ir.node("Gather", [whole, place], {"axis": change.axis})
    picked = gather.outputs[0]
    picked.shape, picked.type = whole.shape, whole.type
    for user, index in list(whole.uses()):
        if user is not gather:
            user.replace_input_with(index, picked)
    whole.name, whole.shape, picked.name = f"{name}.whole.{change.axis}", None, name
    node.append(gather)


def _scale(graph: onnx_ir.Graph, node: onnx_ir.Node, change: Entries) -> None:
    """Numbers that are computed when the network runs are multiplied, since a free size may be in them."""
    computed = node.inputs[change.input]
    other = change.numbers != change.there
    if not change.there[other].all():
        raise SurgeryError(
            f"{node.op_type} ({node.outputs[0].name}) computes {change.there.tolist()} when it runs, and "
            f"would have to compute {change.numbers.tolist()} after the cut, which no factor makes of it. "
            "Export the network with fixed shapes, or skip the layers around it."
        )
    for op_type, numbers in (("Mul", change.numbers), ("Div", change.there)):
        factor = onnx_ir.val(
            f"{node.outputs[0].name}.{change.input}.{op_type}",
            const_value=onnx_ir.tensor(np.where(other, numbers, 1).astype(change.there.dtype)),
        )
        graph.register_initializer(factor)
        step = onnx_ir.node(op_type, [computed, factor])
        step.outputs[0].name = f"{factor.name}.output"
        node.prepend(step)
        computed = step.outputs[0]
    node.replace_input_with(change.input, computed)


def _write(graph: onnx_ir.Graph, value: onnx_ir.Value, writes: Sequence[Write]) -> None:
    """In place where all nodes that read it agree, else each gets one of its own."""
    first = writes[0][2]
    agree = all(np.array_equal(numbers, first) for *_, numbers in writes)
    if agree and {(node, index) for node, index, _ in writes} == set(value.uses()):
        value.const_value = onnx_ir.tensor(first, name=value.name)
        value.shape = None if value.type is None else onnx_ir.Shape(first.shape)
        return
    for node, index, numbers in writes:
        _give(graph, node, index, f"{value.name}.{node.outputs[0].name}.{index}", numbers)


def _give(
    graph: onnx_ir.Graph, node: onnx_ir.Node, index: int, name: str, numbers: NDArray[np.generic]
) -> None:
    """A constant of its own."""
    constant = onnx_ir.val(name, const_value=onnx_ir.tensor(numbers, name=name))
    graph.register_initializer(constant)
    if index >= len(node.inputs):
        node.resize_inputs(index + 1)
    node.replace_input_with(index, constant)
