"""How are words written that are few, and come again and again?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from secateur.artifact.dtypes import Words
from secateur.artifact.positions import Index, Selection, Shape, Size
from secateur.artifact.values.protocol import Stored
from secateur.errors import ArtifactError

MOST = 256
LOOK = 1 << 14
"""Words that are looked at in one go for what is not in the book yet."""
CHUNK = 1 << 20
"""Words that are looked up in one go; NumPy widens their numbers eightfold."""
PARTS = (1, 2, 3, 4, 8)


@dataclass(frozen=True)
class Codebook:
    """Up to 256 distinct words, and for each stored word its number among them.

    The file's part of weight sharing (Deep Compression, arXiv 1510.00149).

    Attributes:
        parts: so many equal parts of the rows, such as the gates of a GRU, have a book each. All are
            as long as the longest; the others repeat their last word.
    """

    parts: int = 1

    def symbols(self, dtype: np.dtype[Any]) -> int:
        """The numbers."""
        return 1

    def sizes(self, stored: int, dtype: np.dtype[Any], shape: Shape) -> Sequence[Size]:
        """The books say themselves how long they are; then a byte for each word."""
        if not self.parts or shape[0] % self.parts:
            raise ArtifactError(f"{shape[0]:,} rows cannot be parted in {self.parts}.")
        return [None, stored]

    def encode(self, stored: Stored) -> list[bytes] | None:
        """Books and numbers, if there are few enough different words."""
        words = stored.words
        numbers, books = np.empty(words.size, np.uint8), []
        for part in self._worthwhile_parts(stored):
            found = _look_up(words[part])
            if found is None:
                return None
            numbers[part] = found[1]
            books.append(found[0])
        longest = max(map(len, books), default=0)
        if not longest:
            return None
        return [b"".join(_padded(book, longest) for book in books), numbers.tobytes()]

    def decode(self, streams: Sequence[bytes], dtype: np.dtype[Any], selection: Selection) -> Words:
        """Look up every number in the book of its part."""
        size, rest = divmod(len(streams[0]), self.parts * dtype.itemsize)
        if rest or not 1 <= size <= MOST:
            raise ArtifactError(f"its codebook has {len(streams[0]):,} bytes, for {self.parts} parts.")
        books = np.frombuffer(streams[0], f"<u{dtype.itemsize}").reshape(self.parts, size)
        before, after = books[:, :-1], books[:, 1:]
        if not ((before < after) | ((before == after) & (after == books[:, -1:]))).all():
            raise ArtifactError(f"the values of its codebook of {size} do not ascend.")
        numbers = np.frombuffer(streams[1], np.uint8)
        if numbers.max(initial=0) >= size:
            raise ArtifactError(f"its codebook of {size} has no value {numbers.max()}.")
        if self.parts > 1:
            return books[self._part(selection), numbers]
        words: Words = np.empty(numbers.size, books.dtype)
        for at in range(0, numbers.size, CHUNK):
            words[at : at + CHUNK] = books[0].take(numbers[at : at + CHUNK])
        return words

    @classmethod
    def find(cls, stored: Stored) -> Iterator[Self]:
        """One book, or one for each of a few parts."""
        yield from (cls(parts) for parts in PARTS if stored.selection.shape[0] % parts == 0)

    def text(self, sizes: Sequence[int], dtype: np.dtype[Any]) -> str:
        """With the size of the books."""
        size = sizes[0] // (self.parts * dtype.itemsize)
        return f"codebook of {size}" if self.parts == 1 else f"{self.parts} codebooks of {size}"

    def _worthwhile_parts(self, stored: Stored) -> list[Index]:
        """The words of each part; none where a look at some says that books, or several, do not pay."""
        words = stored.words
        look = np.unique(words[:: max(1, words.size // LOOK)]).size
        if look > MOST * self.parts:
            return []
        if self.parts == 1:
            return [slice(None)]
        part = self._part(stored.selection)
        parts: list[Index] = [part == i for i in range(self.parts)]
        return parts if max(np.unique(words[one][:LOOK]).size for one in parts) < look else []

    def _part(self, selection: Selection) -> NDArray[np.int64]:
        """The part of each word."""
        rows = selection.shape[0]
        return selection.spread(np.arange(rows) * self.parts // rows)


def _padded(book: Words, size: int) -> bytes:
    """The book, with its last word again and again; zeros for a part without words."""
    last = book[-1] if book.size else 0
    return book.tobytes() + np.full(size - book.size, last, book.dtype).tobytes()


def _look_up(words: Words) -> tuple[Words, NDArray[np.uint8]] | None:
    """The distinct words in order, and the number of each word among them; None for more than 256."""
    book, numbers = words[:0], np.empty(0, np.uint8)
    new = words[:: max(1, words.size // LOOK)]
    while new.size:
        book = np.union1d(book, new[:LOOK])
        if book.size > MOST:
            return None
        numbers = np.minimum(np.searchsorted(book, words), book.size - 1).astype(np.uint8)
        new = words[book[numbers] != words]
    return book, numbers
