"""Is an ONNX graph self-contained, and what in it is ballast?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from secateur.artifact.names import shorten_names_
from secateur.errors import ArtifactError

if TYPE_CHECKING:
    import onnx

BALLAST = ("doc_string", "metadata_props")  # with an exporter's stack traces, ten times the graph


def parse(graph: bytes) -> "onnx.ModelProto":
    """The model; ArtifactError where the bytes are none, or it reaches for other files."""
    import onnx

    try:
        model = onnx.load_model_from_string(graph)
    except Exception as error:  # protobuf has exceptions of its own
        raise ArtifactError(f"its graph is not an ONNX model ({error}).") from error
    refuse_external_data(model)
    return model


def refuse_external_data(model: "onnx.ModelProto") -> None:
    """Refuse tensors that live in other files, wherever they hide in the model."""
    import onnx

    for message in messages(model):
        if isinstance(message, onnx.TensorProto) and (
            message.data_location != onnx.TensorProto.DEFAULT or message.external_data
        ):
            raise ArtifactError(
                f"the ONNX tensor {message.name!r} lives in another file, which an artifact never "
                "reads. Load the model together with its weights: onnx.load(path) does."
            )


def strip_(model: "onnx.ModelProto") -> None:
    """Remove in place what no runtime needs: comments, traces, names, shapes that can be inferred."""
    for message in messages(model):
        for field in BALLAST:
            if field in message.DESCRIPTOR.fields_by_name:
                message.ClearField(field)
    del model.graph.value_info[:]
    shorten_names_(model.graph)


def messages(message: Any) -> Iterator[Any]:
    """The protobuf message and all that it contains, subgraphs and attributes included."""
    yield message
    for field, value in message.ListFields():
        if field.message_type:
            for child in [value] if hasattr(value, "ListFields") else value:
                yield from messages(child)
