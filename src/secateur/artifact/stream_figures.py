"""How far is each stream of a file from its entropy?"""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from secateur.artifact.checks import about
from secateur.artifact.entries import GraphEntry, TensorEntry
from secateur.artifact.frequencies import entropy, histogram
from secateur.artifact.layout import disassemble, read_bytes
from secateur.artifact.tensors import unfolded
from secateur.artifact.values import VALUES


@dataclass(frozen=True)
class StreamFigures:
    """One stream of a tensor.

    Attributes:
        stream: what it is part of, and its number there, such as "gaps 1".
        stored: bytes in the file; `crc32` is their checksum.
        symbols: bytes that it stands for.
        entropy: bytes that an ideal code takes for symbols of these frequencies, if their order
            says nothing (order 0), the table of frequencies not counted.
    """

    tensor: str
    stream: str
    codec: str
    stored: int
    symbols: int
    entropy: float
    crc32: int


def stream_figures(path: str | os.PathLike[str]) -> list[StreamFigures]:
    """All streams of the tensors, decoded; ArtifactError where the file is damaged."""
    with about(str(path)):
        parts = disassemble(read_bytes(path)).parts()
        return [figures for entry, stored in parts for figures in _figures(entry, stored)]


def _figures(entry: GraphEntry | TensorEntry, stored: list[bytes]) -> Iterator[StreamFigures]:
    if isinstance(entry, GraphEntry):
        return
    with about(entry.title):
        streams = unfolded(entry, stored)
    where = len(entry.position_sizes)
    names = [f"{entry.positions} {i + 1}" for i in range(where)]
    (values,) = [name for name, kind in VALUES.items() if type(entry.values) is kind]
    names += [f"{values} {i + 1}" for i in range(len(streams) - where)]
    for name, stream, data, raw in zip(names, entry.streams, streams, stored, strict=True):
        yield StreamFigures(
            tensor=entry.name,
            stream=name,
            codec=stream.codec,
            stored=stream.stored,
            symbols=len(data),
            entropy=entropy(histogram(data)),
            crc32=zlib.crc32(raw),
        )
