"""Small ONNX graphs as text, what couples in them, and whether that is true."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir
import onnxruntime
from numpy.typing import NDArray

from secateur.graph.coupling import Coupling, couple
from secateur.graph.facts import facts
from secateur.graph.relations import Axis, Map, Product, Same
from secateur.graph.values import Values, look

Array = NDArray[np.generic]
COMPARISONS = {"Equal", "Greater", "Less", "Not"}  # what they answer cannot be filled with a number
Groups = dict[str, dict[Axis, list[list[int]]]]


def graph_of(body: str, /, **given: tuple[int, ...] | Array) -> onnx_ir.Model:
    """A graph with the inputs x, x2, ... and the outputs y, y2, ...; what else is given are its weights.

    Args:
        body: nodes, as `onnx.parser` reads them.
        given: arrays, or shapes of arrays of random numbers; a name has "__" for ".".
    """
    random = np.random.default_rng(0)
    arrays = {
        name: what if isinstance(what, np.ndarray) else random.uniform(0.2, 1, what).astype(np.float32)
        for name, what in given.items()
    }
    made = _made(body)
    graph = onnx.parser.parse_graph(f"g () => () {{ {body} }}")
    for name, array in arrays.items():
        if name.startswith("x"):
            kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
            graph.input.append(onnx.helper.make_tensor_value_info(name, kind, array.shape))
        else:
            graph.initializer.append(onnx.numpy_helper.from_array(array, name.replace("__", ".")))
    for node in graph.node:
        node.input[:] = [name.replace("__", ".") for name in node.input]
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in made if name.startswith("y"))
    opsets = [onnx.helper.make_opsetid("", 23), onnx.helper.make_opsetid("foreign", 1)]
    return onnx_ir.from_proto(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10))


def example_for(**given: tuple[int, ...] | Array) -> list[Array]:
    """The inputs among them, in their order; random numbers for a shape."""
    random = np.random.default_rng(1)
    return [
        what if isinstance(what, np.ndarray) else random.standard_normal(what).astype(np.float32)
        for name, what in given.items()
        if name.startswith("x")
    ]


def coupled(
    body: str, parameters: Sequence[str] | None = None, /, **given: tuple[int, ...] | Array
) -> Coupling:
    """What couples, after a check that what a unit holds touches nothing that stays."""
    graph = graph_of(body, **given)
    inputs = example_for(**given)
    values = look(graph, inputs)
    coupling = couple(graph, values, parameters)
    assert_nothing_else_changes(graph, values, coupling, inputs)
    return coupling


def groups(body: str, parameters: Sequence[str] | None = None, /, **given: tuple[int, ...] | Array) -> Groups:
    """Group -> axis of a weight -> the positions of each unit."""
    return told(coupled(body, parameters, **given))


def facts_of(node: str, shapes: Mapping[str, tuple[int, ...]]) -> set[tuple[Any, ...]]:
    """What one node says of values of these shapes, without running it; products by the factors' sizes."""
    given = {name: shape for name, shape in shapes.items() if name not in _made(node)}
    found = facts(graph_of(node, **given), Values(shapes, {}), list(given))
    said: set[tuple[Any, ...]] = set()
    for r in found.relations:
        if isinstance(r, Product):
            said.add(("product", r.flat, tuple(found.sizes[f] for f in r.factors)))
        elif isinstance(r, (Same, Map)):
            said |= {("same", r.a, r.b), ("same", r.b, r.a)}
        else:
            said.add((type(r).__name__.lower(), r.axis))
    return said


def told(coupling: Coupling) -> Groups:
    """Group -> axis of a weight -> the positions of each unit."""
    return {
        group.name: {
            (m.tensor, m.axis): m.positions.tolist() for m in group.members if m.positions is not None
        }
        for group in coupling.groups
    }


def reasons(coupling: Coupling) -> dict[Axis, str]:
    """Axis of a weight -> why it cannot go."""
    return {(width.tensor, width.axis): width.reason for width in coupling.fixed}


def assert_nothing_else_changes(
    graph: onnx_ir.Model, values: Values, coupling: Coupling, inputs: Sequence[Array]
) -> None:
    """Every other unit of each group is masked; then whatever its positions hold on the way, outputs agree.

    Weights are zero there, as a mask makes them; in every value that is computed from the inputs a number
    takes the place of what stands there. What may hold any number may as well not be there.
    """
    gone = _gone(coupling)
    masked = onnx_ir.to_proto(graph)
    for tensor in masked.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        where = _where(tensor.name, array.shape, gone)
        if where is not None:
            tensor.CopyFrom(
                onnx.numpy_helper.from_array(np.where(where, 0, array).astype(array.dtype), tensor.name)
            )
    filled = onnx.ModelProto()
    filled.CopyFrom(masked)
    _fill(filled.graph, values, gone, {value.name or "" for value in graph.graph.inputs})
    for one, other in zip(_run(masked, inputs), _run(filled, inputs), strict=True):
        assert np.allclose(one, other, rtol=1e-5, atol=1e-6, equal_nan=False), "a unit touches what stays"


def _made(body: str) -> list[str]:
    """Names of what the nodes answer, in order."""
    return [word for line in body.splitlines() for word in line.partition("=")[0].replace(",", " ").split()]


def _gone(coupling: Coupling) -> dict[Axis, NDArray[np.bool_]]:
    """Axis -> which of its positions are of every other unit."""
    units: set[int] = set()
    for group in coupling.groups:
        first = next(m for m in group.members if m.positions is not None)
        assert first.positions is not None
        label = coupling.labels[first.tensor, first.axis]
        units |= set(label[first.positions[1::2, 0].numpy()].tolist())
    found = {axis: np.isin(label, sorted(units)) for axis, label in coupling.labels.items()}
    return {axis: where for axis, where in found.items() if where.any()}


def _where(
    name: str, shape: Sequence[int], gone: Mapping[Axis, NDArray[np.bool_]]
) -> NDArray[np.bool_] | None:
    """Which elements of a value are of a unit that goes."""
    found = None
    for i in range(len(shape)):
        if (name, i) in gone:
            own = gone[name, i].reshape([-1 if j == i else 1 for j in range(len(shape))])
            found = own if found is None else found | own
    return None if found is None else np.broadcast_to(found, shape)


def _fill(
    graph: onnx.GraphProto, values: Values, gone: Mapping[Axis, NDArray[np.bool_]], of_data: set[str]
) -> None:
    """Put a number of its own into each value that is computed from the inputs, where units go."""
    outputs = {value.name for value in graph.output}
    random = np.random.default_rng(2)
    for node in list(graph.node):
        if not of_data & set(node.input):
            continue
        of_data |= set(node.output)
        for i, name in enumerate(node.output):
            where = _where(name, values.shapes.get(name, ()), gone)
            if where is None or name in outputs or node.op_type in COMPARISONS:
                continue
            node.output[i] = f"{name}.before"
            number = random.uniform(0.1, 1, where.shape).astype(np.float32)
            graph.initializer.append(onnx.numpy_helper.from_array(where.copy(), f"{name}.where"))
            graph.initializer.append(onnx.numpy_helper.from_array(number, f"{name}.number"))
            like = onnx.helper.make_node("CastLike", [f"{name}.number", f"{name}.before"], [f"{name}.cast"])
            fill = onnx.helper.make_node("Where", [f"{name}.where", f"{name}.cast", f"{name}.before"], [name])
            at = list(graph.node).index(node) + 1
            graph.node.insert(at, fill)
            graph.node.insert(at, like)


def _run(model: onnx.ModelProto, inputs: Sequence[Array]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in model.graph.input]
    return list(session.run(None, dict(zip(names, inputs, strict=True))))
