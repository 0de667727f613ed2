"""How do a graph and its tensors become one `.sct` file, and come back bit for bit?"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from secateur.artifact.checks import about
from secateur.artifact.dtypes import Array
from secateur.artifact.entries import GraphEntry, Stream, TensorEntry
from secateur.artifact.header import Header
from secateur.artifact.layout import assemble, disassemble, read_bytes
from secateur.artifact.streams import compress_text, decompress
from secateur.artifact.tensors import decode_tensor, encode_tensor
from secateur.files import write_atomically

NO_SCALES: Mapping[str, Array] = MappingProxyType({})


@dataclass(frozen=True)
class Container:
    """What a file holds, decoded; `entries` describe the tensors in the order of the file."""

    graph: bytes
    tensors: dict[str, Array]
    metadata: dict[str, Any]
    entries: tuple[TensorEntry, ...]


def write(
    path: str | os.PathLike[str],
    graph: bytes,
    tensors: Mapping[str, Array],
    metadata: Mapping[str, Any],
    *,
    scales: Mapping[str, Array] = NO_SCALES,
) -> None:
    """Write a `.sct` file; the same input gives the same bytes.

    Args:
        path: replaced whole or, where anything goes wrong, not at all.
        graph: a serialized ONNX model without the tensors.
        tensors: arrays of any shape and layout, by name; their bits come back unchanged.
        metadata: anything that JSON can say.
        scales: by name, for tensors whose values are whole multiples (-127 to 127) of one float32 number
            in each row, these numbers, of shape (rows,); a tensor of one axis is one row. A hint: it is
            not used where it does not give back every bit.

    Raises:
        ArtifactError: a dtype, a name or metadata that the format cannot hold.
        OutputError: the file cannot be written.
    """
    with about(str(path)):
        data = encode(graph, tensors, metadata, scales=scales)
    write_atomically(path, data)


def encode(
    graph: bytes,
    tensors: Mapping[str, Array],
    metadata: Mapping[str, Any],
    *,
    scales: Mapping[str, Array] = NO_SCALES,
) -> bytes:
    """The bytes of a `.sct` file; the arguments are those of `write`."""
    codec, stored = compress_text(graph)
    streams = [stored]
    entries = []
    for name, array in tensors.items():
        with about(f"tensor {name!r}"):
            entry, coded = encode_tensor(name, array, scales.get(name))
        entries.append(entry)
        streams += coded
    graph_entry = GraphEntry(Stream(codec, len(stored)), len(graph))
    return assemble(Header(graph_entry, tuple(entries), dict(metadata)), streams)


def read(path: str | os.PathLike[str]) -> Container:
    """All that a `.sct` file holds; ArtifactError where it is damaged, foreign or too new."""
    with about(str(path)):
        return decode(read_bytes(path))


def decode(data: bytes) -> Container:
    """The inverse of `encode`; ArtifactError for any other bytes, whatever they are."""
    layout = disassemble(data)
    header = layout.header
    (_, (stored,)), *parts = layout.parts()
    with about(header.graph.title):
        graph = decompress(header.graph.stream.codec, stored, header.graph.size)
    pairs = zip(header.tensors, parts, strict=True)
    tensors = {entry.name: decode_tensor(entry, streams) for entry, (_, streams) in pairs}
    return Container(graph, tensors, header.metadata, header.tensors)
