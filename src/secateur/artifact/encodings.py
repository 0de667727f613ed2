"""In which form is a tensor smallest: all its values, or only those that are not zero?

To add an encoding: write a class with the three methods of `Encoding` and register it in
`ENCODINGS`. Encoder and reader, and the tests, go through that table.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from secateur.artifact.dtypes import Words
from secateur.errors import ArtifactError


class Encoding(Protocol):
    """A lossless form of a tensor's words: a fixed number of byte streams of known lengths."""

    def sizes(self, count: int, nonzero: int, width: int) -> list[int]:
        """Bytes of each stream, for `count` words of `width` bytes, `nonzero` of them not zero."""

    def encode(self, words: Words) -> list[bytes]:
        """The streams."""

    def decode(self, streams: Sequence[bytes], count: int, width: int) -> Words:
        """The words; ArtifactError where streams of the right lengths contradict each other."""


class Dense:
    """All words, as byte planes."""

    def sizes(self, count: int, nonzero: int, width: int) -> list[int]:
        """`width` planes of one byte for each word."""
        return [count] * width

    def encode(self, words: Words) -> list[bytes]:
        """The planes of all words."""
        return planes(words)

    def decode(self, streams: Sequence[bytes], count: int, width: int) -> Words:
        """Put the planes together."""
        return from_planes(streams, count, width)


class Bitmask:
    """One bit for each word, set where the word is not zero, then the planes of those words."""

    def sizes(self, count: int, nonzero: int, width: int) -> list[int]:
        """The mask in whole bytes, then `width` planes of one byte for each kept word."""
        return [-(-count // 8), *[nonzero] * width]

    def encode(self, words: Words) -> list[bytes]:
        """Element i is bit i % 8, counted from the lowest, of the mask's byte i // 8."""
        mask = words != 0
        return [np.packbits(mask, bitorder="little").tobytes(), *planes(words[mask])]

    def decode(self, streams: Sequence[bytes], count: int, width: int) -> Words:
        """Put the kept words where the mask says."""
        bits = np.unpackbits(np.frombuffer(streams[0], np.uint8), bitorder="little").view(bool)
        kept = len(streams[1])
        if int(bits.sum()) != kept or bits[count:].any():
            raise ArtifactError(f"its mask does not mark {kept:,} of {count:,} elements.")
        words: Words = np.zeros(count, f"<u{width}")
        words[bits[:count]] = from_planes(streams[1:], kept, width)
        return words


ENCODINGS: dict[str, Encoding] = {"dense": Dense(), "bitmask": Bitmask()}


def planes(words: Words) -> list[bytes]:
    """The most significant byte of every word, then the next one of every word, and so on.

    Bytes of one kind side by side compress: exponents well, the low bits of a mantissa not at all.
    """
    table = words.view(np.uint8).reshape(-1, words.itemsize)
    return [table[:, column].tobytes() for column in reversed(range(words.itemsize))]


def from_planes(streams: Sequence[bytes], count: int, width: int) -> Words:
    """The inverse of `planes`."""
    table = np.empty((count, width), np.uint8)
    for column, stream in zip(reversed(range(width)), streams, strict=True):
        table[:, column] = np.frombuffer(stream, np.uint8)
    return table.view(f"<u{width}").reshape(-1)
