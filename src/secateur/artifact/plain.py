"""How does a `.sct` file become a plain ONNX model?"""

import os

from secateur.artifact.checks import about
from secateur.artifact.container import Container, read
from secateur.artifact.graph import parse
from secateur.errors import ArtifactError, OutputError
from secateur.files import write_atomically

ONNX_LIMIT = 2_000_000_000  # protobuf ends at 2 GiB; the rest is the graph's


def onnx_bytes(source: str | os.PathLike[str] | Container) -> bytes:
    """A plain ONNX model, serialized, with the weights back in as initializers."""
    if not isinstance(source, Container):
        container = read(source)
        with about(str(source)):
            return onnx_bytes(container)
    from onnx.numpy_helper import from_array

    size = sum(entry.dense_bytes for entry in source.entries)
    if size > ONNX_LIMIT:
        raise ArtifactError(f"its tensors have {size:,} bytes; one ONNX file ends at 2 GiB.")
    model = parse(source.graph)
    taken = {tensor.name for tensor in model.graph.initializer} & source.tensors.keys()
    if taken:
        raise ArtifactError(f"its graph has a tensor {min(taken)!r} of its own.")
    model.graph.initializer.extend(from_array(*item[::-1]) for item in source.tensors.items())
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def unpack(
    path: str | os.PathLike[str], onnx_path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write the network in a `.sct` file as a plain ONNX file, which any runtime opens.

    Raises:
        ArtifactError: the `.sct` file cannot be read.
        OutputError: the ONNX file exists (and `overwrite` is not set) or cannot be written.
    """
    if os.fspath(onnx_path).endswith(".sct"):
        raise OutputError(f"{onnx_path}: the file will be plain ONNX. Expected a name that ends in .onnx.")
    if not overwrite and os.path.lexists(onnx_path):
        raise OutputError(
            f"{onnx_path} exists already. Name another file, or say that it may be replaced (--overwrite)."
        )
    write_atomically(onnx_path, onnx_bytes(path))
