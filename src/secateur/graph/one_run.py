"""What does one run of a graph tell about its values: shapes, and the content of some?"""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnx_ir
from numpy.typing import NDArray

from secateur.errors import ExportError

Arrays = Mapping[str, NDArray[np.generic]]
FED = 1024
"""Initializers of more elements are fed to the run as they lie in memory, not written into its graph."""


def shapes_and_numbers(
    graph: onnx_ir.Model, feeds: Arrays, shapes_of: Sequence[str], numbers_of: Sequence[str]
) -> tuple[dict[str, tuple[int, ...]], dict[str, NDArray[np.generic]]]:
    """Run the graph once.

    Args:
        graph: whose values are asked about.
        feeds: its inputs, by name.
        shapes_of: names of values.
        numbers_of: names of values.

    Raises:
        ExportError: ONNX Runtime cannot run the graph on these inputs.
    """
    questions = {f"secateur.shape.{index}": name for index, name in enumerate(shapes_of)}
    weights = _weights(graph)
    model = _asking(graph, weights, questions, numbers_of)
    answers = _run(model, [*questions, *numbers_of], {**feeds, **weights})
    shapes = {name: tuple(int(size) for size in answers[question]) for question, name in questions.items()}
    return shapes, {name: answers[name] for name in numbers_of}


def _weights(graph: onnx_ir.Model) -> Arrays:
    """The large initializers."""
    return {
        name: value.const_value.numpy()
        for name, value in graph.graph.initializers.items()
        if value.const_value is not None and value.const_value.size > FED and not value.is_graph_input()
    }


def _asking(
    graph: onnx_ir.Model, weights: Arrays, questions: Mapping[str, str], numbers_of: Sequence[str]
) -> bytes:
    """The graph with questions as its outputs, and weights as further inputs."""
    proto = onnx.ModelProto(ir_version=graph.ir_version)
    proto.graph.name = "asked"
    proto.graph.input.extend(onnx_ir.to_proto(value) for value in graph.graph.inputs)
    for name, value in graph.graph.initializers.items():
        if name not in weights and value.const_value is not None:
            proto.graph.initializer.append(onnx_ir.to_proto(value.const_value))
            proto.graph.initializer[-1].name = name
    proto.graph.node.extend(onnx_ir.to_proto(node) for node in graph.graph)
    proto.opset_import.extend(
        onnx.helper.make_opsetid(domain, version) for domain, version in graph.opset_imports.items()
    )
    proto.functions.extend(onnx_ir.to_proto(function) for function in graph.functions.values())
    for name, array in weights.items():
        kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        proto.graph.input.append(onnx.helper.make_tensor_value_info(name, kind, array.shape))
    proto.graph.node.extend(
        onnx.helper.make_node("Shape", [name], [question]) for question, name in questions.items()
    )
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in (*questions, *numbers_of))
    answer: bytes = proto.SerializeToString()
    return answer


def _run(model: bytes, asked: Sequence[str], feeds: Arrays) -> dict[str, NDArray[np.generic]]:
    """Without optimisation, which would remove the values that are asked about."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return dict(zip(asked, session.run(list(asked), dict(feeds)), strict=True))
    except Exception as error:  # ONNX Runtime has exceptions of its own
        raise ExportError(f"ONNX Runtime cannot run the graph on the example inputs: {error}") from error
