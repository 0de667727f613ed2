"""What does a file say about its parts, and can that be true?

Everything a reader allocates or slices by is checked when an entry is made, so that no file,
whatever its bytes, makes a reader ask for more memory than its size allows.
"""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from secateur.artifact.dtypes import DTYPES
from secateur.artifact.encodings import ENCODINGS
from secateur.artifact.streams import DECODERS, MAX_RATIO
from secateur.errors import ArtifactError

MAX_GRAPH = 1 << 28
MAX_DIMS = 32
MAX_COUNT = 1 << 48  # far beyond any memory, and safe to multiply in 64 bits


@dataclass(frozen=True)
class Stream:
    """One compressed run of bytes: its codec and its bytes in the file."""

    codec: str
    stored: int

    def check(self, size: int) -> None:
        """Refuse to believe that this stream stands for `size` bytes."""
        _known("codec", self.codec, DECODERS)
        if size > MAX_RATIO * self.stored:
            raise ArtifactError(f"{self.stored:,} stored bytes cannot stand for {size:,}.")


@dataclass(frozen=True)
class GraphEntry:
    """The graph's stream, the bytes it stands for, and the CRC-32 of its stored bytes."""

    stream: Stream
    size: int
    crc32: int
    title: ClassVar[str] = "graph"

    def __post_init__(self) -> None:
        self.stream.check(self.size)
        if self.size > MAX_GRAPH:
            raise ArtifactError(f"it has {self.size:,} bytes; at most {MAX_GRAPH:,} are read.")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The one stream, as a tensor has several."""
        return (self.stream,)


@dataclass(frozen=True)
class TensorEntry:
    """What the header says about one tensor.

    Attributes:
        nonzero: elements whose bits are not all zero; -0.0 is one of them.
        crc32: of the tensor's stored bytes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    encoding: str
    nonzero: int
    streams: tuple[Stream, ...]
    crc32: int

    def __post_init__(self) -> None:
        _known("dtype", self.dtype, DTYPES)
        _known("encoding", self.encoding, ENCODINGS)
        if len(self.shape) > MAX_DIMS or prod(max(n, 1) for n in self.shape) > MAX_COUNT:
            raise ArtifactError(f"its shape {list(self.shape)} is too large.")
        if self.nonzero > self.count:
            raise ArtifactError(f"{self.nonzero:,} values do not fit the shape {list(self.shape)}.")
        if len(self.streams) != len(self.sizes):
            raise ArtifactError(f"it has {len(self.streams)} streams, not {len(self.sizes)}.")
        for stream, size in zip(self.streams, self.sizes, strict=True):
            stream.check(size)

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"tensor {self.name!r}"

    @property
    def count(self) -> int:
        """Elements."""
        return prod(self.shape)

    @property
    def sizes(self) -> list[int]:
        """Bytes each stream stands for: they follow from the other fields."""
        width = DTYPES[self.dtype].itemsize
        return ENCODINGS[self.encoding].sizes(self.count, self.nonzero, width)

    @property
    def sparsity(self) -> float:
        """Fraction of elements that are zero; 0 for a tensor without elements."""
        return 1 - self.nonzero / self.count if self.count else 0.0

    @property
    def stored_bytes(self) -> int:
        """Bytes in the file."""
        return sum(stream.stored for stream in self.streams)

    @property
    def dense_bytes(self) -> int:
        """Bytes of the plain array."""
        return self.count * DTYPES[self.dtype].itemsize


def _known(what: str, name: str, table: Iterable[str]) -> None:
    if name not in table:
        reads = ", ".join(table)
        raise ArtifactError(f"its {what} {name!r} is unknown: this secateur reads {reads}.")


def crc32(stored: Iterable[bytes]) -> int:
    """The CRC-32 of the streams, one after the other."""
    checksum = 0
    for stream in stored:
        checksum = zlib.crc32(stream, checksum)
    return checksum


@contextmanager
def about(part: str) -> Iterator[None]:
    """Let every ArtifactError raised inside begin with the part it is about."""
    try:
        yield
    except ArtifactError as error:
        raise ArtifactError(f"{part}: {error}") from error
