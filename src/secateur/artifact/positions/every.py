"""What if every word is stored?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from secateur.artifact.dtypes import Array, Words
from secateur.artifact.positions.protocol import Index, Selection, Shape, Size


@dataclass(frozen=True)
class All:
    """Every word, row by row."""

    def stored(self, shape: Shape, nonzero: int) -> int:
        """As many as there are."""
        return prod(shape)

    def sizes(self, shape: Shape, nonzero: int) -> Sequence[Size]:
        """No stream."""
        return []

    def view(self, matrix: Array) -> Array:
        """One row after the other."""
        return matrix.reshape(-1)

    def decode(self, streams: Sequence[bytes], shape: Shape, nonzero: int) -> Index:
        """Everything."""
        return slice(None)

    @classmethod
    def find(cls, matrix: Words) -> Iterator[Selection]:
        """The one way."""
        yield Selection(cls(), slice(None), matrix.shape)

    def __str__(self) -> str:
        return "all"
