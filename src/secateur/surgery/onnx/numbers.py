"""What do the whole numbers that operators read as shapes become when axes lose positions?

Most are constants. Where sizes are free, exporters compute them when the network runs, from the shapes of
other values. Such numbers follow a cut where they are read from a shape, and do not where the code has them
as constants: which it is, computing them for the shapes after the cut tells.
"""

from collections.abc import Mapping
from math import prod

import numpy as np
import onnx
import onnx_ir
from numpy.typing import NDArray

from secateur.graph.values import KNOWN_SIZE
from secateur.surgery.onnx.kept import Kept

Numbers = Mapping[str, NDArray[np.generic]]


def numbers_after(graph: onnx_ir.Model, kept: Kept) -> dict[str, NDArray[np.generic]]:
    """Name of a value -> the numbers that it has after the cut if no constant is changed.

    Those that are computed from the network's inputs are as in the run that `kept` knows.
    """
    program: list[onnx_ir.Node] = []
    shapes: dict[str, NDArray[np.generic]] = {}
    computed: set[str] = set()
    constants = _constants(graph)
    for node in graph.graph:
        inputs = [value.name or "" for value in node.inputs if value is not None]
        if node.op_type in ("Shape", "Size") and not node.domain:
            shapes[node.outputs[0].name or ""] = _of_shape(node, kept.shape(inputs[0]))
        elif not computed.isdisjoint(inputs) or not shapes.keys().isdisjoint(inputs):
            known = all(name in computed or name in shapes or name in constants for name in inputs)
            if known and _small(node, kept):
                program.append(node)
                computed |= {value.name or "" for value in node.outputs}
    read = {value.name for node in program for value in node.inputs if value is not None}
    fed = [onnx.numpy_helper.from_array(np.asarray(shapes[n]), n) for n in shapes if n in read]
    fed += [onnx.numpy_helper.from_array(array, name) for name, array in constants.items() if name in read]
    answers = _run(graph, program, fed, sorted(computed & set(kept.values.numbers)))
    return {**kept.values.numbers, **shapes, **answers}


def _constants(graph: onnx_ir.Model) -> dict[str, NDArray[np.generic]]:
    """The small ones."""
    tensors = {name: value.const_value for name, value in graph.graph.initializers.items()}
    return {name: t.numpy() for name, t in tensors.items() if t is not None and t.size <= KNOWN_SIZE}


def _of_shape(node: onnx_ir.Node, shape: tuple[int, ...]) -> NDArray[np.generic]:
    if node.op_type == "Size":
        return np.array(prod(shape), np.int64)
    start, end = node.attributes.get_int("start", 0), node.attributes.get("end")
    return np.array(shape[start : None if end is None else end.as_int()], np.int64)


def _small(node: onnx_ir.Node, kept: Kept) -> bool:
    """Whether it only computes numbers: small tensors, and nothing that holds a graph of its own."""
    graphs = any(a.type == onnx_ir.AttributeType.GRAPH for a in node.attributes.values())
    sizes = (prod(kept.values.shapes.get(value.name or "", (KNOWN_SIZE + 1,))) for value in node.outputs)
    return not graphs and all(size <= KNOWN_SIZE for size in sizes)


def _run(
    graph: onnx_ir.Model, program: list[onnx_ir.Node], fed: list[onnx.TensorProto], asked: list[str]
) -> dict[str, NDArray[np.generic]]:
    """Compute the numbers from those that are known."""
    if not asked:
        return {}
    import onnxruntime

    nodes = [onnx_ir.to_proto(node) for node in program]
    body = onnx.helper.make_graph(nodes, "numbers", [], [onnx.ValueInfoProto(name=n) for n in asked], fed)
    opsets = [onnx.helper.make_opsetid(domain, version) for domain, version in graph.opset_imports.items()]
    model = onnx.helper.make_model(body, opset_imports=opsets, ir_version=graph.ir_version)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return dict(zip(asked, session.run(asked, {}), strict=True))
