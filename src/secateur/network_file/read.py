"""How does a file become a graph that can be cut?"""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir

from secateur.artifact.plain import ONNX_LIMIT, onnx_bytes
from secateur.errors import ArtifactError, ExportError
from secateur.graph.plain import plain_


def read_graph(path: Path) -> onnx_ir.Model:
    """The network in a `.onnx` or `.sct` file: constants as initializers, functions written out.

    Raises:
        ArtifactError: the file is not there, is none, or its weights are not; or it has over 2 GB.
        ExportError: it holds something that cannot be read as one graph.
    """
    if path.suffix not in (".onnx", ".sct"):
        raise ArtifactError(f"{path}: expected a file that ends in .onnx or .sct.")
    if not path.is_file():
        raise ArtifactError(f"{path} is not there, or not a file. Check the path.")
    model = onnx.load_model_from_string(onnx_bytes(path)) if path.suffix == ".sct" else _load(path)
    try:
        return as_graph(model)
    except Exception as error:  # onnx, onnx_ir and onnxscript have exceptions of their own
        raise ExportError(
            f"{path} is ONNX, but cannot be read as one graph: {error}. Expected a model that "
            "onnx.checker.check_model accepts."
        ) from error


def as_graph(model: onnx.ModelProto) -> onnx_ir.Model:
    """A copy without functions, constants in nodes, weights among the inputs, vectors that layers share."""
    from onnx_ir.passes import common

    graph = onnx_ir.from_proto(model)
    common.RemoveInitializersFromInputsPass()(graph)
    common.LiftSubgraphInitializersToMainGraphPass()(graph)
    common.InlinePass()(graph)
    plain_(graph, rename=False)  # errors name the nodes as their author does
    _unshare_(graph.graph)
    return graph


def _unshare_(graph: onnx_ir.Graph) -> None:
    """Exporters store equal biases once, and layers that shared one would lose the same channels."""
    for name, vector in list(graph.initializers.items()):
        assert vector.const_value is not None, "an initializer has a value"
        if len(vector.const_value.shape) == 1 and vector.const_value.dtype.is_floating_point():
            for number, (node, index) in enumerate(list(vector.uses())[1:], start=1):
                copy = onnx_ir.val(f"{name}.{number}", const_value=vector.const_value)
                graph.register_initializer(copy)
                node.replace_input_with(index, copy)


def _load(path: Path) -> onnx.ModelProto:
    """With the weights that lie in files beside it."""
    _refuse_large(path, path.stat().st_size)
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf has exceptions of its own
        raise ArtifactError(f"{path} cannot be read: {error}. Expected a valid ONNX model.") from error
    if not model.graph.node:
        raise ArtifactError(f"{path} holds no operator. Expected a valid ONNX model.")
    _refuse_large(path, sum(_bytes(tensor) for tensor in model.graph.initializer))
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except Exception as error:  # onnx's checker has exceptions of its own
        raise ArtifactError(
            f"The weights of {path}, which lie in files beside it, cannot be read: {error}. Keep the files "
            "that the framework wrote together in one folder, under their names."
        ) from error
    return model


def _refuse_large(path: Path, size: int) -> None:
    if size > ONNX_LIMIT:
        raise ArtifactError(
            f"{path} has {size:,} bytes of weights; ONNX Runtime takes a graph of at most 2 GiB from memory, "
            "where a cut is checked. Cut the network in PyTorch: secateur prune, with pattern = 'channels'."
        )


def _bytes(tensor: onnx.TensorProto) -> int:
    return int(np.prod(tensor.dims) * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
