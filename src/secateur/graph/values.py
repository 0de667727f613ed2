"""Which shape has every value of a graph, and which numbers do its shape computations give?

Most shapes follow from those of the inputs without a run. What an exporter leaves open, sizes that are
computed on the way, is known from one run, not guessed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from secateur.graph.one_run import Arrays, shapes_and_numbers

KNOWN_SIZE = 64
"""Whole numbers of at most this many elements are kept as numbers, not only as shapes."""
SEQUENCES = {"SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SplitToSequence"}
SIZES = {"Shape", "Size"}
WHOLE = {onnx_ir.DataType.INT64, onnx_ir.DataType.INT32, onnx_ir.DataType.BOOL}


@dataclass(frozen=True)
class Values:
    """What is known of all values for inputs of one shape.

    Attributes:
        shapes: name of a value -> its shape, inputs and initializers included.
        numbers: name of a value -> its content, for small tensors of whole numbers that are the same for all
            inputs of this shape.
    """

    shapes: Mapping[str, tuple[int, ...]]
    numbers: Mapping[str, NDArray[np.generic]]


def look(graph: onnx_ir.Model, inputs: Sequence[NDArray[np.generic]]) -> Values:
    """Note the shape of every value for `inputs`, in the order of the graph's; run it where that takes a run.

    Raises:
        ExportError: ONNX Runtime cannot run the graph on these inputs.
    """
    feeds = {value.name or "": array for value, array in zip(graph.graph.inputs, inputs, strict=True)}
    shapes = {name: array.shape for name, array in feeds.items()}
    numbers: dict[str, NDArray[np.generic]] = {}
    for name, value in graph.graph.initializers.items():
        assert value.const_value is not None, "an initializer has a value"
        shapes.setdefault(name, tuple(value.const_value.shape.numpy()))
        if value.dtype in WHOLE and value.const_value.size <= KNOWN_SIZE and name not in feeds:
            numbers[name] = value.const_value.numpy()
    made = list(_made(graph))
    sizes = _sizes(graph, feeds)
    inferred = {value.name or "": _shape(value, sizes) for value in made}
    shapes |= {name: shape for name, shape in inferred.items() if shape is not None}
    open_ = [name for name, shape in inferred.items() if shape is None]
    computed = list(_computed(made, _of_data(graph), shapes))
    if open_ or computed:
        ran, told = shapes_and_numbers(graph, feeds, open_, computed)
        shapes |= ran
        numbers |= {name: array for name, array in told.items() if array.size <= KNOWN_SIZE}
    return Values(shapes, numbers)


def _made(graph: onnx_ir.Model) -> Iterator[onnx_ir.Value]:
    """What the nodes make, but for sequences, which have no shape."""
    for node in graph.graph:
        if node.op_type not in SEQUENCES:
            yield from (value for value in node.outputs if value.name)


def _sizes(graph: onnx_ir.Model, feeds: Arrays) -> dict[str, int]:
    """The free sizes of the inputs, by name; one that two inputs give differently stays free."""
    found: dict[str, set[int]] = {}
    for value in graph.graph.inputs:
        for size, n in zip(value.shape or (), feeds[value.name or ""].shape, strict=False):
            if isinstance(size, onnx_ir.SymbolicDim) and size.value:
                found.setdefault(size.value, set()).add(n)
    return {name: sizes.pop() for name, sizes in found.items() if len(sizes) == 1}


def _shape(value: onnx_ir.Value, sizes: Mapping[str, int]) -> tuple[int, ...] | None:
    """As it was inferred, with the free sizes; None where something is open."""
    if value.shape is None:
        return None
    known = [size if isinstance(size, int) else sizes.get(size.value or "") for size in value.shape]
    return None if None in known else tuple(size for size in known if size is not None)


def _of_data(graph: onnx_ir.Model) -> set[str]:
    """Names of the values that may depend on more of the inputs than their shapes."""
    found = {value.name or "" for value in graph.graph.inputs}
    for node in graph.graph:
        hidden = any(a.type == onnx_ir.AttributeType.GRAPH for a in node.attributes.values())
        reads = any(value is not None and value.name in found for value in node.inputs)
        if hidden or (reads and node.op_type not in SIZES):
            found |= {value.name or "" for value in node.outputs}
    return found


def _computed(
    made: Sequence[onnx_ir.Value], of_data: set[str], shapes: Mapping[str, tuple[int, ...]]
) -> Iterator[str]:
    """Small whole numbers that only shapes decide."""
    for value in made:
        name = value.name or ""
        small = name not in shapes or np.prod(shapes[name]) <= KNOWN_SIZE
        if small and value.dtype in WHOLE and name not in of_data:
            yield name
