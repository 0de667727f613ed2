"""How does a file become a graph without what is known already, in which pieces are layers?"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnx_ir

from secateur.artifact import onnx_bytes
from secateur.emit.identifiers import computed
from secateur.emit.rewrites import join_
from secateur.emit.sizes import Sizes
from secateur.errors import ArtifactError, ExportError
from secateur.graph.plain import plain_

KNOWN = "known size "


class Graph(NamedTuple):
    """What is left of a model.

    Attributes:
        model: with operators that ONNX does not have.
        origins: name of a value -> the name of the node in the file that computes it.
    """

    model: onnx_ir.Model
    origins: Mapping[str, str]


def load(path: Path) -> onnx.ModelProto:
    """Read a `.sct` or `.onnx` file.

    Raises:
        ArtifactError: the file is not there, or cannot be read.
    """
    if path.suffix not in (".sct", ".onnx"):
        raise ArtifactError(f"{path}: expected a file that ends in .sct or .onnx.")
    if path.suffix == ".sct":
        return onnx.load_model_from_string(onnx_bytes(path))
    try:
        return onnx.load(path)  # with the weights that lie in files beside it
    except Exception as error:  # protobuf has exceptions of its own
        raise ArtifactError(f"{path} cannot be read: {error}. Expected a valid ONNX model.") from error


def simplify(model: onnx.ModelProto) -> Graph:
    """Compute what can be computed, and join what makes up a layer.

    Raises:
        ExportError: the graph branches or loops, or contradicts itself.
    """
    origins = {name: node.name for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise ExportError(
                f"The operator {node.op_type} (node {node.name!r}, which computes {[*node.output]}) branches "
                "or loops, which emit-python does not write. Export the network without control flow that "
                "depends on data, or run the file itself."
            )
    try:
        graph = _plain(model)
    except Exception as error:  # passes of onnx_ir and onnxscript have exceptions of their own
        raise ExportError(f"The graph cannot be simplified: {error}. Expected a valid ONNX model.") from error
    join_(graph)
    return Graph(graph, origins)


def _plain(model: onnx.ModelProto) -> onnx_ir.Model:
    """Without functions and constants that are computed, among them those that only known sizes go into."""
    from onnx_ir.passes import common
    from onnxscript.optimizer import fold_constants

    graph = onnx_ir.from_proto(model)
    common.InlinePass()(graph)
    common.RemoveInitializersFromInputsPass()(graph)
    plain_(graph)
    _fill_in_sizes_(graph.graph)
    fold_constants(graph, should_fold=_known)
    plain_(graph)
    return graph


def _fill_in_sizes_(graph: onnx_ir.Graph) -> None:
    """Put constants for the sizes that are known."""
    sizes = Sizes(graph)
    for node in graph:
        value, items = node.outputs[0], sizes.of(node.outputs[0])
        known = [item for item in items or () if isinstance(item, int)]
        if items is None or len(known) < len(items) or value.shape is None or value.is_graph_output():
            continue
        array = np.array(known, np.int64).reshape(() if len(value.shape) == 0 else -1)
        constant = onnx_ir.Value(name=f"{KNOWN}{value.name}", const_value=onnx_ir.tensor(array))
        graph.register_initializer(constant)
        value.replace_all_uses_with(constant)


def _known(node: onnx_ir.Node) -> bool | None:
    """Fold it? Never what reads a parameter, which would lose its name; else onnxscript decides."""
    stored = [
        value.name or "" for value in node.inputs if value is not None and value.const_value is not None
    ]
    return None if all(name.startswith(KNOWN) or computed(name) for name in stored) else False
