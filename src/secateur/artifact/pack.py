"""How is an ONNX model split into a small graph and the tensors that an artifact encodes?"""

from typing import TYPE_CHECKING, NamedTuple

from secateur.artifact.dtypes import DTYPES, Array, without_subnormals
from secateur.artifact.graph import refuse_external_data, strip_

if TYPE_CHECKING:
    import onnx
    import onnx_ir


class Packed(NamedTuple):
    """A graph without weights, the weights, and how many subnormal values became zero."""

    graph: bytes
    tensors: dict[str, Array]
    subnormals: int


def pack(model: "onnx_ir.Model | onnx.ModelProto") -> Packed:
    """Split a model; the one that is passed in stays as it is.

    All initializers of the main graph leave it, but strings. Their subnormal floats become +0.0: too
    small to matter, they make common processors many times slower. Constants inside nodes and
    subgraphs are the program's, and stay untouched.

    Raises:
        ArtifactError: weights of the model live in other files.
    """
    from onnx.numpy_helper import to_array

    proto = _copy(model)
    refuse_external_data(proto)
    strip_(proto)
    arrays = {tensor.name: to_array(tensor) for tensor in proto.graph.initializer}
    taken = {name: array for name, array in arrays.items() if array.dtype.name in DTYPES}
    kept = [tensor for tensor in proto.graph.initializer if tensor.name not in taken]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
    flushed = {name: without_subnormals(array) for name, array in taken.items()}
    return Packed(
        graph=proto.SerializeToString(deterministic=True),
        tensors={name: array for name, (array, _) in flushed.items()},
        subnormals=sum(count for _, count in flushed.values()),
    )


def _copy(model: "onnx_ir.Model | onnx.ModelProto") -> "onnx.ModelProto":
    import onnx
    import onnx_ir

    if isinstance(model, onnx_ir.Model):
        return onnx_ir.to_proto(model)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
