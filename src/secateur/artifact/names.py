"""Which names in an ONNX graph does nobody outside need?

An exporter's names of nodes and of values between them are a quarter of a traced ResNet-20's compressed
graph. Inputs, outputs and weights keep theirs.
"""

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def shorten_names_(graph: "onnx.GraphProto") -> None:
    """Clear the names of nodes in place, and give values between nodes short ones.

    Values of subgraphs keep their names, and so do those that a subgraph has a namesake of.
    """
    inner = [subgraph for node in graph.node for subgraph in _subgraphs(node)]
    kept = set(_interface(graph)).union(*map(_defined, inner))
    short = (name for name in map("{:x}".format, count()) if name not in kept)
    new = {name: next(short) for node in graph.node for name in node.output if name and name not in kept}
    for node in graph.node:
        node.output[:] = [new.get(name, name) for name in node.output]
    for scope in (graph, *inner):
        for node in scope.node:
            node.name = ""
            node.input[:] = [new.get(name, name) for name in node.input]


def _subgraphs(node: "onnx.NodeProto") -> Iterator["onnx.GraphProto"]:
    """The graphs in the node's attributes, and those in their nodes'."""
    for attribute in node.attribute:
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield graph
            for child in graph.node:
                yield from _subgraphs(child)


def _interface(graph: "onnx.GraphProto") -> Iterator[str]:
    """Names that mean something outside the nodes."""
    yield from (value.name for value in (*graph.input, *graph.output, *graph.initializer))
    yield from (tensor.values.name for tensor in graph.sparse_initializer)
    for note in graph.quantization_annotation:
        yield note.tensor_name
        yield from (entry.value for entry in note.quant_parameter_tensor_names)


def _defined(graph: "onnx.GraphProto") -> set[str]:
    return {*_interface(graph), *(name for node in graph.node for name in node.output)}
