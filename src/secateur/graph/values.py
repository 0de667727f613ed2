"""Which shape has every value of a graph, and which numbers do its shape computations give?

The graph is run once: what an exporter leaves open (sizes computed on the way) is then known, not guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir
from numpy.typing import NDArray

from secateur.errors import ExportError

KNOWN_SIZE = 64
"""Whole numbers of at most this many elements are kept as numbers, not only as shapes."""
SEQUENCES = {"SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SplitToSequence"}
WHOLE = {onnx_ir.DataType.INT64, onnx_ir.DataType.INT32, onnx_ir.DataType.BOOL}


@dataclass(frozen=True)
class Values:
    """What one run told.

    Attributes:
        shapes: name of a value -> its shape, inputs and initializers included.
        numbers: name of a value -> its content, for small tensors of whole numbers.
    """

    shapes: Mapping[str, tuple[int, ...]]
    numbers: Mapping[str, NDArray[np.generic]]


def look(graph: onnx_ir.Model, inputs: Sequence[NDArray[np.generic]]) -> Values:
    """Run the graph once on `inputs`, in the order of the graph's, and note every shape.

    Raises:
        ExportError: ONNX Runtime cannot run the graph on these inputs.
    """
    feeds = {value.name or "": array for value, array in zip(graph.graph.inputs, inputs, strict=True)}
    shapes = {name: array.shape for name, array in feeds.items()}
    numbers: dict[str, NDArray[np.generic]] = {}
    for name, value in graph.graph.initializers.items():
        assert value.const_value is not None, "an initializer has a value"
        shapes[name] = tuple(value.const_value.shape.numpy())
        if value.dtype in WHOLE and value.const_value.size <= KNOWN_SIZE:
            numbers[name] = value.const_value.numpy()
    model, asked = _asking(graph)
    for question, answer in zip(asked, _run(model, list(asked), feeds), strict=True):
        if asked[question] != question:
            shapes[asked[question]] = tuple(int(size) for size in answer)
        elif answer.size <= KNOWN_SIZE:
            numbers[question] = answer
    return Values(shapes, numbers)


def example_of(graph: onnx_ir.Model) -> list[NDArray[np.generic]]:
    """Inputs to try a graph on that came without any: normal numbers, whole zeros; free sizes are 1."""
    random = np.random.default_rng(0)
    arrays = []
    for value in graph.graph.inputs:
        shape = [size if isinstance(size, int) else 1 for size in value.shape or ()]
        dtype = (value.dtype or onnx_ir.DataType.FLOAT).numpy()
        real = np.issubdtype(dtype, np.floating)
        arrays.append((random.standard_normal(shape) if real else np.zeros(shape)).astype(dtype))
    return arrays


def _asking(graph: onnx_ir.Model) -> tuple[bytes, dict[str, str]]:
    """The graph with questions as its outputs, and question -> the value it is about."""
    proto = onnx_ir.to_proto(graph)
    del proto.graph.output[:]
    asked: dict[str, str] = {}
    for index, node in enumerate(list(graph.graph)):
        for value in node.outputs:
            if not value.name or node.op_type in SEQUENCES:
                continue
            question = f"secateur.shape.{index}.{value.name}"
            proto.graph.node.append(onnx.helper.make_node("Shape", [value.name], [question]))
            asked[question] = value.name
            if value.dtype in WHOLE:
                asked[value.name] = value.name
    proto.graph.output.extend(onnx.ValueInfoProto(name=question) for question in asked)
    return proto.SerializeToString(), asked


def _run(
    model: bytes, asked: list[str], feeds: Mapping[str, NDArray[np.generic]]
) -> list[NDArray[np.generic]]:
    """Without optimisation, which would remove the values that are asked about."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        answers: list[NDArray[np.generic]] = session.run(asked, dict(feeds))
    except Exception as error:  # ONNX Runtime has exceptions of its own
        raise ExportError(f"ONNX Runtime cannot run the graph on the example inputs: {error}") from error
    return answers
