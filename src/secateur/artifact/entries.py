"""What does a file say about its parts, and can that be true?

Everything a reader allocates or slices by is checked when an entry is made, so that no file,
whatever its bytes, makes a reader ask for more memory than its size allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from secateur.artifact.checks import known
from secateur.artifact.dtypes import DTYPES
from secateur.artifact.positions import Positions, Shape, Size
from secateur.artifact.streams import DECODERS, MAX_RATIO
from secateur.artifact.values import Values
from secateur.errors import ArtifactError

MAX_GRAPH = 1 << 28
MAX_DIMS = 32
MAX_COUNT = 1 << 48  # far beyond any memory, and safe to multiply in 64 bits


@dataclass(frozen=True)
class Stream:
    """One compressed run of bytes: its codec and its bytes in the file."""

    codec: str
    stored: int

    def check(self, size: Size) -> None:
        """Refuse to believe that this stream stands for `size` bytes."""
        known("codec", self.codec, DECODERS)
        if size is None and self.codec != "raw":
            raise ArtifactError(f"it has a stream in {self.codec} that must be raw.")
        if size == 0 and (self.codec, self.stored) != ("raw", 0):
            raise ArtifactError(f"{self.stored:,} stored bytes in {self.codec} cannot stand for none.")
        if size is not None and size > MAX_RATIO.get(self.codec, size) * self.stored:
            raise ArtifactError(f"{self.stored:,} stored bytes cannot stand for {size:,}.")


@dataclass(frozen=True)
class GraphEntry:
    """The graph's stream, and the bytes it stands for."""

    stream: Stream
    size: int
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
        streams: those of the positions, then those of the values.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    positions: Positions
    values: Values
    nonzero: int
    streams: tuple[Stream, ...]

    def __post_init__(self) -> None:
        known("dtype", self.dtype, DTYPES)
        if len(self.shape) > MAX_DIMS or prod(max(n, 1) for n in self.shape) > MAX_COUNT:
            raise ArtifactError(f"its shape {list(self.shape)} is too large.")
        if self.nonzero > self.stored or self.stored > self.count:
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
    def matrix(self) -> Shape:
        """Rows and columns that positions and values see."""
        return matrix_shape(self.shape)

    @property
    def stored(self) -> int:
        """Words in the file."""
        return self.positions.stored(self.matrix, self.nonzero)

    @property
    def position_sizes(self) -> Sequence[Size]:
        """Bytes that the streams of the positions stand for."""
        return self.positions.sizes(self.matrix, self.nonzero)

    @property
    def sizes(self) -> list[Size]:
        """Bytes each stream stands for: they follow from the other fields."""
        return [*self.position_sizes, *self.values.sizes(self.stored, DTYPES[self.dtype], self.matrix)]

    @property
    def encoding(self) -> str:
        """For people, such as "gaps, codebook of 16"."""
        sizes = [stream.stored for stream in self.streams[len(self.position_sizes) :]]
        return f"{self.positions}, {self.values.text(sizes, DTYPES[self.dtype])}"

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


def matrix_shape(shape: Sequence[int]) -> Shape:
    """A row for each index of the first axis; one row for a tensor of no or one axis."""
    rows = shape[0] if len(shape) > 1 else 1
    return rows, prod(shape) // max(rows, 1)
