"""What does the header of a file of format version 1 say?

Its rows have one CRC-32 each, for all their streams together; two encodings, `dense`, all words, and
`bitmask`, those that are not 0, both in planes; and no entropy coder.
"""

from typing import Any

from secateur.artifact.checks import about, known, typed
from secateur.artifact.entries import GraphEntry, Stream, TensorEntry
from secateur.artifact.header import Header, fields_of
from secateur.artifact.positions import POSITIONS
from secateur.artifact.values import VALUES

ENCODINGS = {"dense": "all", "bitmask": "mask"}
CODECS = ("raw", "deflate", "lzma")


def from_json(data: bytes) -> tuple[Header, list[int]]:
    """The header, and the CRC-32s of graph and tensors; ArtifactError where the bytes are none."""
    row, rows, metadata = fields_of(data)
    codec, stored, size, crc32 = typed(row, str, int, int, int)
    with about("graph"):
        graph = GraphEntry(Stream(codec, stored), size)
    tensors = list(map(_tensor, rows))
    checksums = [crc32, *(checksum for _, checksum in tensors)]
    return Header(graph, tuple(entry for entry, _ in tensors), metadata), checksums


def _tensor(row: Any) -> tuple[TensorEntry, int]:
    name, dtype, shape, encoding, nonzero, pairs, crc32 = typed(row, str, str, list, str, int, list, int)
    with about(f"tensor {name!r}"):
        known("encoding", encoding, ENCODINGS)
        dims = tuple(typed(shape, *[int] * len(shape)))
        streams = tuple(Stream(*typed(pair, str, int)) for pair in pairs)
        for stream in streams:
            known("codec", stream.codec, CODECS)
        positions, values = POSITIONS[ENCODINGS[encoding]](), VALUES["planes"]()
        return TensorEntry(name, dtype, dims, positions, values, nonzero, streams), crc32
