"""How are floats written that are whole multiples of one number in each row, as int8 weights are?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from secateur.artifact.dtypes import Words, from_words, to_words
from secateur.artifact.positions import Selection, Shape, Size
from secateur.artifact.values.narrow import FLOAT
from secateur.artifact.values.protocol import Stored
from secateur.errors import ArtifactError

MOST = 127


@dataclass(frozen=True)
class Grid:
    """float32 only: a scale for each row, and for each word a level from -127 to 127; their product.

    Level 0 is +0.0. A level is stored as 2 * level, or as -2 * level - 1 where it is negative.
    """

    def symbols(self, dtype: np.dtype[Any]) -> int:
        """The levels."""
        return 1

    def sizes(self, stored: int, dtype: np.dtype[Any], shape: Shape) -> Sequence[Size]:
        """The words of the scales, then a byte for each word."""
        if dtype != FLOAT or not all(shape):
            raise ArtifactError(f"{dtype.name} {shape[0]}x{shape[1]} cannot lie on a grid, which is float32.")
        return [shape[0] * FLOAT.itemsize, stored]

    def encode(self, stored: Stored) -> list[bytes] | None:
        """Scales and levels, if these give back exactly the same bits."""
        scales = stored.scales
        if scales is None or not _usable(scales):
            return None
        each = stored.selection.spread(scales)
        with np.errstate(all="ignore"):  # a row of zeros may have the scale 0
            ratio = np.rint(from_words(stored.words, FLOAT, each.shape) / each)
        levels = np.where(np.abs(ratio) <= MOST, ratio, 0).astype(np.int8)
        if not np.array_equal(_words(levels, each), stored.words):
            return None
        return [to_words(scales).tobytes(), _zigzag(levels).tobytes()]

    def decode(self, streams: Sequence[bytes], dtype: np.dtype[Any], selection: Selection) -> Words:
        """Multiply."""
        words = np.frombuffer(streams[0], "<u4")
        scales = from_words(words, FLOAT, words.shape)
        codes = np.frombuffer(streams[1], np.uint8)
        if not _usable(scales) or codes.max(initial=0) > 2 * MOST:
            raise ArtifactError("its grid has a scale that is negative or not finite, or a level above 127.")
        levels = (codes >> 1).astype(np.int8) ^ -(codes & 1).astype(np.int8)
        return _words(levels, selection.spread(scales))

    @classmethod
    def find(cls, stored: Stored) -> Iterator[Self]:
        """One grid, where scales are given."""
        if stored.scales is not None and all(stored.selection.shape):
            yield cls()

    def text(self, sizes: Sequence[int], dtype: np.dtype[Any]) -> str:
        """One word."""
        return "grid"


def _usable(scales: NDArray[np.float32]) -> bool:
    """Whether products are the same on any processor: no NaN, no infinity, no sign (of -0.0 either)."""
    return bool(np.isfinite(scales).all() and not np.signbit(scales).any())


def _words(levels: NDArray[np.int8], each: NDArray[np.float32]) -> Words:
    with np.errstate(all="ignore"):  # in an altered file it may overflow to infinity, as IEEE says
        return to_words(levels.astype(np.float32) * each)


def _zigzag(levels: NDArray[np.int8]) -> NDArray[np.uint8]:
    return ((levels << 1) ^ (levels >> 7)).view(np.uint8)
