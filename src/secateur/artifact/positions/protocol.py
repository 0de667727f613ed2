"""What must a choice of words be able to do?"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

import numpy as np

from secateur.artifact.dtypes import Array, Words

Shape: TypeAlias = tuple[int, int]
"""Rows and columns."""
Size: TypeAlias = int | None
"""Bytes that a stream stands for; None where only the stream itself knows, which then is raw."""
Index: TypeAlias = Any
"""What NumPy takes between brackets."""


class Positions(Protocol):
    """A choice of words, stored as a fixed number of streams of known sizes.

    Implementations are frozen dataclasses; their fields, whole numbers, are in the file's header.
    `shape` is the matrix's, `nonzero` how many of its words are not 0.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def stored(self, shape: Shape, nonzero: int) -> int:
        """How many words are stored; ArtifactError where the choice does not suit the shape."""

    def sizes(self, shape: Shape, nonzero: int) -> Sequence[Size]:
        """Bytes of each stream."""

    def view(self, matrix: Array) -> Array:
        """The matrix, with its axes so that an index takes words in the order of the file."""

    def decode(self, streams: Sequence[bytes], shape: Shape, nonzero: int) -> Index:
        """The index; ArtifactError where streams of the right sizes contradict the rest."""

    @classmethod
    def find(cls, matrix: Words) -> Iterator["Selection"]:
        """All that may be worth it for a matrix; none where another choice cannot be worse."""

    def __str__(self) -> str:
        """What people read."""


class Selection(NamedTuple):
    """The words of one matrix that are stored; `streams`, where there are any, say which."""

    positions: Positions
    index: Index
    shape: Shape
    streams: Sequence[bytes] = ()

    def take(self, matrix: Array) -> Array:
        """The words, in the order of the file."""
        return np.ascontiguousarray(self.positions.view(matrix)[self.index]).reshape(-1)

    def put(self, words: Array, matrix: Array) -> None:
        """Write the words to their places."""
        view = self.positions.view(matrix)
        view[self.index] = words.reshape(-1, *view.shape[2:])

    def spread(self, rows: Array) -> Array:
        """For each word, what `rows` has for its row."""
        return self.take(np.broadcast_to(rows[:, None], self.shape))
