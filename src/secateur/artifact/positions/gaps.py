"""What if the number of zeros before each stored word says where it is?

Gaps between independent positions are spread like a geometric series. Its low bits are noise,
which goes into the file as it is; the high bits follow few values, which entropy coding shortens to
within half a percent of what positions can take (Golomb, IEEE Trans. Inf. Theory 12, 1966; Rice).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from secateur.artifact.dtypes import Array, Words
from secateur.artifact.positions.protocol import Index, Selection, Shape, Size
from secateur.errors import ArtifactError

FULL = 255
"""A high part as large as that, or larger, is continued in 32 bits of the third stream."""
FEW = 4
"""One word of four at most: with more, a mask is as small and faster. It bounds what a reader takes, too."""
FINE = 3
"""Bits by which the high part resolves the mean gap: measured, the least loss from 80 to 99.9 % zeros."""


@dataclass(frozen=True)
class Gaps:
    """The words that are not 0, row by row, after the number of zeros before each of them."""

    def stored(self, shape: Shape, nonzero: int) -> int:
        """Those that are not 0, at most a quarter of all."""
        if FEW * nonzero > prod(shape):
            raise ArtifactError(f"its gaps lead to {nonzero:,} of {prod(shape):,} elements, over a quarter.")
        return nonzero

    def sizes(self, shape: Shape, nonzero: int) -> Sequence[Size]:
        """High parts up to 255; low bits; the rest of high parts."""
        return [nonzero, None, None]

    def view(self, matrix: Array) -> Array:
        """One row after the other."""
        return matrix.reshape(-1)

    def decode(self, streams: Sequence[bytes], shape: Shape, nonzero: int) -> Index:
        """The places of the words in the row of all."""
        count = prod(shape)
        low = low_bits(count, nonzero)
        high = np.frombuffer(streams[0], np.uint8).astype(np.int64)
        long = (high == FULL).nonzero()[0]
        if len(streams[2]) != 4 * len(long):
            raise ArtifactError(f"its gaps contradict each other: {len(long):,} are long.")
        rest = np.frombuffer(streams[2], "<u4")
        if rest.max(initial=0) > count >> low:  # or sums could overflow
            raise ArtifactError(f"its gaps lead behind the last of {count:,} elements.")
        high[long] += rest
        gaps = high
        gaps <<= low
        _add_low_bits_(gaps, streams[1], low)
        if gaps.sum(dtype=np.float64) + nonzero > count:  # as a float it cannot overflow
            raise ArtifactError(f"its gaps lead behind the last of {count:,} elements.")
        gaps += 1
        np.cumsum(gaps, out=gaps)
        gaps -= 1
        return gaps

    @classmethod
    def find(cls, matrix: Words) -> Iterator[Selection]:
        """One, if few enough words are not 0."""
        places = matrix.reshape(-1).nonzero()[0]
        if FEW * places.size > matrix.size:
            return
        gaps = np.diff(places, prepend=-1) - 1
        low = low_bits(matrix.size, places.size)
        high = gaps >> low
        rest = high[high >= FULL] - FULL
        if rest.max(initial=0) < 1 << 32:
            parts = np.minimum(high, FULL).astype(np.uint8), _pack(gaps, low), rest.astype("<u4")
            yield Selection(cls(), places, matrix.shape, [part.tobytes() for part in parts])

    def __str__(self) -> str:
        return "gaps"


def low_bits(count: int, stored: int) -> int:
    """How many bits of each gap are stored as they are."""
    return max(0, (count // max(1, stored)).bit_length() - FINE)


def _pack(gaps: NDArray[np.int64], low: int) -> NDArray[np.uint8]:
    bits = np.empty((len(gaps), low), np.uint8)
    for bit in range(low):
        bits[:, bit] = gaps >> bit & 1
    return np.packbits(bits.reshape(-1), bitorder="little")


def _add_low_bits_(gaps: NDArray[np.int64], data: bytes, low: int) -> None:
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if len(data) != -(-gaps.size * low // 8) or bits[gaps.size * low :].any():
        raise ArtifactError("the low bits of its gaps do not end with the last gap.")
    table = bits[: gaps.size * low].reshape(gaps.size, low)
    for bit in range(low):
        gaps |= table[:, bit].astype(np.int64) << bit
