"""What are the bytes of a graph's file?"""

from collections.abc import Mapping
from typing import Any

import onnx_ir

from secateur.artifact.container import encode
from secateur.artifact.dtypes import without_subnormals
from secateur.artifact.pack import pack


def file_bytes(graph: onnx_ir.Model, suffix: str, metadata: Mapping[str, Any]) -> bytes:
    """A `.sct` or `.onnx` file; subnormal weights, which make processors slow, become zero in both."""
    if suffix == ".sct":
        packed = pack(graph)
        return encode(packed.graph, packed.tensors, metadata)
    copy = graph.clone()
    for name, value in copy.graph.initializers.items():
        assert value.const_value is not None, "an initializer has a value"
        array, found = without_subnormals(value.const_value.numpy())
        if found:
            value.const_value = onnx_ir.tensor(array, name=name)
    copy.metadata_props.update({f"secateur.{key}": str(value) for key, value in metadata.items()})
    data: bytes = onnx_ir.to_proto(copy).SerializeToString(deterministic=True)
    return data
