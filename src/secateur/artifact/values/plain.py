"""How are words written that follow no pattern?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from secateur.artifact.dtypes import Words
from secateur.artifact.positions import Selection, Shape, Size
from secateur.artifact.values.narrow import FLOAT, NARROW, from_narrow, stored_dtype, to_narrow
from secateur.artifact.values.protocol import Stored


@dataclass(frozen=True)
class _Plain:
    """What both have in common.

    Attributes:
        narrow: the type of 16 bits that float32 words are stored in, which holds them exactly.
    """

    narrow: str = ""

    def symbols(self, dtype: np.dtype[Any]) -> int:
        """Each byte of a word is one."""
        return stored_dtype(self.narrow, dtype).itemsize

    @classmethod
    def find(cls, stored: Stored) -> Iterator[Self]:
        """The tensor's type, and narrow ones."""
        yield from map(cls, ("", *NARROW) if stored.dtype == FLOAT else ("",))


class Whole(_Plain):
    """Whole words, one after the other: one stream, which is best for a few words."""

    def sizes(self, stored: int, dtype: np.dtype[Any], shape: Shape) -> Sequence[Size]:
        """All words."""
        return [stored * stored_dtype(self.narrow, dtype).itemsize]

    def encode(self, stored: Stored) -> list[bytes] | None:
        """Little-endian."""
        words = to_narrow(stored.words, self.narrow)
        return None if words is None else [words.tobytes()]

    def decode(self, streams: Sequence[bytes], dtype: np.dtype[Any], selection: Selection) -> Words:
        """The words as they are."""
        width = stored_dtype(self.narrow, dtype).itemsize
        return from_narrow(np.frombuffer(streams[0], f"<u{width}"), self.narrow)

    def text(self, sizes: Sequence[int], dtype: np.dtype[Any]) -> str:
        """With the narrow type."""
        return f"{self.narrow} words".strip()


class Planes(_Plain):
    """The most significant byte of every word, then the next one of every word, and so on.

    Bytes of one kind side by side compress: exponents well, the low bits of a mantissa not at all.
    """

    def sizes(self, stored: int, dtype: np.dtype[Any], shape: Shape) -> Sequence[Size]:
        """A byte for each word, as often as a word has bytes."""
        return [stored] * stored_dtype(self.narrow, dtype).itemsize

    def encode(self, stored: Stored) -> list[bytes] | None:
        """The planes."""
        words = to_narrow(stored.words, self.narrow)
        if words is None:
            return None
        table = words.view(np.uint8).reshape(-1, words.itemsize)
        return [table[:, column].tobytes() for column in reversed(range(words.itemsize))]

    def decode(self, streams: Sequence[bytes], dtype: np.dtype[Any], selection: Selection) -> Words:
        """Put the planes together."""
        width = stored_dtype(self.narrow, dtype).itemsize
        table = np.empty((len(streams[0]), width), np.uint8)
        for column, stream in zip(reversed(range(width)), streams, strict=True):
            table[:, column] = np.frombuffer(stream, np.uint8)
        return from_narrow(table.view(f"<u{width}").reshape(-1), self.narrow)

    def text(self, sizes: Sequence[int], dtype: np.dtype[Any]) -> str:
        """With the narrow type."""
        return f"{self.narrow} planes".strip()
