"""How does a file's header become JSON, and back without being trusted?"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, astuple, dataclass, fields
from typing import Any

from secateur.artifact.checks import about, known, typed
from secateur.artifact.entries import GraphEntry, Stream, TensorEntry
from secateur.artifact.positions import POSITIONS, Positions
from secateur.artifact.values import VALUES, Values
from secateur.errors import ArtifactError

GRAPH_CODECS = ("raw", "deflate", "lzma")


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
    def parts(self) -> list[GraphEntry | TensorEntry]:
        """What has bytes in the file, in order."""
        return [self.graph, *self.tensors]

    @property
    def streams(self) -> list[Stream]:
        """All streams, in order."""
        return [stream for part in self.parts for stream in part.streams]

    @property
    def dense_bytes(self) -> int:
        """Bytes of all plain arrays."""
        return sum(entry.dense_bytes for entry in self.tensors)


def to_json(header: Header) -> bytes:
    """The header's bytes before compression. What follows from other fields is not written."""
    stream = header.graph.stream
    content = {
        "graph": [stream.codec, stream.stored, header.graph.size],
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
    row, tensors, metadata = fields_of(data)
    codec, stored, size = typed(row, str, int, int)
    with about("graph"):
        known("codec", codec, GRAPH_CODECS)
        graph = GraphEntry(Stream(codec, stored), size)
    return Header(graph, tuple(map(_tensor, tensors)), metadata)


def fields_of(data: bytes) -> list[Any]:
    """The rows of the graph and of the tensors, and the metadata."""
    try:
        content = json.loads(data)
        json.dumps(content, ensure_ascii=False, allow_nan=False).encode()  # NaN, half characters
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"it is not JSON ({error}).") from error
    if not isinstance(content, dict) or set(content) != {"graph", "tensors", "metadata"}:
        raise ArtifactError("it is not made of graph, tensors and metadata.")
    return typed([content["graph"], content["tensors"], content["metadata"]], list, list, dict)


def _tensor(row: Any) -> TensorEntry:
    kinds = [type(kind) for kind in row[3:5]] if isinstance(row, list) and len(row) == 7 else []
    first, second = (list if kind is list else str for kind in kinds or [str, str])
    name, dtype, shape, where, how, nonzero, pairs = typed(row, str, str, list, first, second, int, list)
    with about(f"tensor {name!r}"):
        dims = tuple(typed(shape, *[int] * len(shape)))
        positions: Positions = _made("kind of positions", where, POSITIONS)
        values: Values = _made("kind of values", how, VALUES)
        streams = tuple(Stream(*typed(pair, str, int)) for pair in pairs)
        return TensorEntry(name, dtype, dims, positions, values, nonzero, streams)


def _row(entry: TensorEntry) -> list[Any]:
    streams = [[stream.codec, stream.stored] for stream in entry.streams]
    kinds = [_named(entry.positions, POSITIONS), _named(entry.values, VALUES)]
    return [entry.name, entry.dtype, entry.shape, *kinds, entry.nonzero, streams]


def _made(what: str, row: str | list[Any], table: Mapping[str, type[Any]]) -> Any:
    """What a name, or a list of a name and fields, stands for."""
    first, *given = row if isinstance(row, list) and row else [row]
    name = str(first)
    known(what, name, table)
    needed = fields(table[name])
    types: list[Any] = [field.type for field in needed]
    if given or any(field.default is MISSING for field in needed):
        typed(given, *types)
    return table[name](*given)


def _named(made: Positions | Values, table: Mapping[str, type[Any]]) -> str | list[Any]:
    """The inverse of `_made`: the name alone where the fields are the default."""
    (name,) = [name for name, kind in table.items() if type(made) is kind]
    default = all(getattr(made, field.name) == field.default for field in fields(made))
    return name if default else [name, *astuple(made)]
