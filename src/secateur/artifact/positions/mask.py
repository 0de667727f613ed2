"""What if one bit for each word says whether it is stored?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from secateur.artifact.dtypes import Array, Words
from secateur.artifact.positions.protocol import Index, Selection, Shape, Size
from secateur.errors import ArtifactError


@dataclass(frozen=True)
class Mask:
    """The words that are not 0, row by row, after one bit for every word."""

    def stored(self, shape: Shape, nonzero: int) -> int:
        """Those that are not 0."""
        return nonzero

    def sizes(self, shape: Shape, nonzero: int) -> Sequence[Size]:
        """The bits in whole bytes."""
        return [-(-prod(shape) // 8)]

    def view(self, matrix: Array) -> Array:
        """One row after the other."""
        return matrix.reshape(-1)

    def decode(self, streams: Sequence[bytes], shape: Shape, nonzero: int) -> Index:
        """The mask."""
        return unpack_bits(streams[0], prod(shape), nonzero)

    @classmethod
    def find(cls, matrix: Words) -> Iterator[Selection]:
        """One, if there is a 0 to leave out."""
        mask = matrix.reshape(-1) != 0
        if not mask.all():
            yield Selection(cls(), mask, matrix.shape, [pack_bits(mask)])

    def __str__(self) -> str:
        return "mask"


def pack_bits(mask: NDArray[np.bool_]) -> bytes:
    """Element i as bit i % 8, counted from the lowest, of byte i // 8; the last bits are 0."""
    return np.packbits(mask.reshape(-1), bitorder="little").tobytes()


def unpack_bits(data: bytes, count: int, marked: int) -> NDArray[np.bool_]:
    """The inverse of `pack_bits`; ArtifactError unless just so many of the first bits are set."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little").view(bool)
    if np.count_nonzero(bits) != marked or bits[count:].any():
        raise ArtifactError(f"its mask does not mark {marked:,} of {count:,}.")
    return bits[:count]
