"""How does a file's header become JSON, and back without being trusted?"""

import json
import reprlib
from dataclasses import dataclass
from typing import Any

from secateur.artifact.entries import GraphEntry, Stream, TensorEntry, about
from secateur.errors import ArtifactError


@dataclass(frozen=True)
class Header:
    """The graph, the tensors in the order of their bytes, and whatever JSON the writer added."""

    graph: GraphEntry
    tensors: tuple[TensorEntry, ...]
    metadata: dict[str, Any]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for entry in self.tensors:
            if entry.name in seen:
                raise ArtifactError(f"it has more than one tensor {entry.name!r}.")
            seen.add(entry.name)

    @property
    def stored_bytes(self) -> int:
        """Bytes of all streams."""
        return self.graph.stream.stored + sum(entry.stored_bytes for entry in self.tensors)

    @property
    def dense_bytes(self) -> int:
        """Bytes of all plain arrays."""
        return sum(entry.dense_bytes for entry in self.tensors)


def to_json(header: Header) -> bytes:
    """The header's bytes before compression. What follows from other fields is not written."""
    stream = header.graph.stream
    content = {
        "graph": [stream.codec, stream.stored, header.graph.size, header.graph.crc32],
        "tensors": [_row(entry) for entry in header.tensors],
        "metadata": header.metadata,
    }
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ArtifactError(
            f"The metadata or a tensor's name cannot be written as JSON: {error}. Expected strings, "
            "finite numbers, booleans, None, lists, and dicts with string keys."
        ) from error


def from_json(data: bytes) -> Header:
    """The header; ArtifactError where the bytes are not one, or say what cannot be."""
    try:
        content = json.loads(data)
        json.dumps(content, ensure_ascii=False, allow_nan=False).encode()  # NaN, half characters
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"it is not JSON ({error}).") from error
    if not isinstance(content, dict) or set(content) != {"graph", "tensors", "metadata"}:
        raise ArtifactError("it is not made of graph, tensors and metadata.")
    fields = [content["graph"], content["tensors"], content["metadata"]]
    graph, tensors, metadata = _typed(fields, list, list, dict)
    return Header(_graph(graph), tuple(map(_tensor, tensors)), metadata)


def _graph(row: list[Any]) -> GraphEntry:
    codec, stored, size, crc32 = _typed(row, str, int, int, int)
    with about("graph"):
        return GraphEntry(Stream(codec, stored), size, crc32)


def _tensor(row: Any) -> TensorEntry:
    name, dtype, shape, encoding, nonzero, pairs, crc32 = _typed(row, str, str, list, str, int, list, int)
    with about(f"tensor {name!r}"):
        dims = tuple(_typed(shape, *[int] * len(shape)))
        streams = tuple(Stream(*_typed(pair, str, int)) for pair in pairs)
        return TensorEntry(name, dtype, dims, encoding, nonzero, streams, crc32)


def _row(entry: TensorEntry) -> list[Any]:
    streams = [[stream.codec, stream.stored] for stream in entry.streams]
    what = [entry.name, entry.dtype, entry.shape, entry.encoding]
    return [*what, entry.nonzero, streams, entry.crc32]


def _typed(row: Any, *kinds: type) -> list[Any]:
    """The row, if it is a list of these kinds; a bool is no int, and no number is negative."""
    if not isinstance(row, list) or [type(value) for value in row] != list(kinds):
        expected = ", ".join(kind.__name__ for kind in kinds)
        raise ArtifactError(f"it has {reprlib.repr(row)} in place of [{expected}].")
    if any(type(value) is int and value < 0 for value in row):
        raise ArtifactError(f"it has a negative number in {reprlib.repr(row)}.")
    return row
