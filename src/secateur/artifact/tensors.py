"""How does one tensor become a few bytes, and come back?"""

from collections.abc import Sequence

import numpy as np

from secateur.artifact.checks import about
from secateur.artifact.choice import choose
from secateur.artifact.dtypes import DTYPES, Array, Words, from_words, to_words
from secateur.artifact.entries import Stream, TensorEntry, matrix_shape
from secateur.artifact.positions import Selection
from secateur.artifact.streams import decompress
from secateur.errors import ArtifactError


def encode_tensor(name: str, array: Array, scales: Array | None = None) -> tuple[TensorEntry, list[bytes]]:
    """The tensor's entry and its stored streams, in whichever form is smallest.

    `scales`, one float32 for each row, is a hint: the values may be whole multiples of them.
    """
    words = to_words(array)
    choice = choose(words.reshape(matrix_shape(array.shape)), array.dtype, _fitting(scales, array))
    stored = [data for _, data in choice.streams]
    entry = TensorEntry(
        name=name,
        dtype=array.dtype.name,
        shape=array.shape,
        positions=choice.positions,
        values=choice.values,
        nonzero=int(np.count_nonzero(words)),
        streams=tuple(Stream(codec, len(data)) for codec, data in choice.streams),
    )
    return entry, stored


def decode_tensor(entry: TensorEntry, stored: Sequence[bytes]) -> Array:
    """The tensor; ArtifactError where the streams are not what the entry says."""
    with about(entry.title):
        words = _words(entry, unfolded(entry, stored))
        if np.count_nonzero(words) != entry.nonzero:
            raise ArtifactError(f"it does not have {entry.nonzero:,} values that are not zero.")
    return from_words(words.reshape(-1), DTYPES[entry.dtype], entry.shape)


def unfolded(entry: TensorEntry, stored: Sequence[bytes]) -> list[bytes]:
    """The bytes that each stream stands for."""
    return [
        decompress(stream.codec, data, stream.stored if size is None else size)
        for stream, data, size in zip(entry.streams, stored, entry.sizes, strict=True)
    ]


def _words(entry: TensorEntry, streams: Sequence[bytes]) -> Words:
    """The tensor's words, as its matrix."""
    split, dtype = len(entry.position_sizes), DTYPES[entry.dtype]
    index = entry.positions.decode(streams[:split], entry.matrix, entry.nonzero)
    selection = Selection(entry.positions, index, entry.matrix)
    words = np.zeros(entry.matrix, f"<u{dtype.itemsize}")
    selection.put(entry.values.decode(streams[split:], dtype, selection), words)
    return words


def _fitting(scales: Array | None, array: Array) -> Array | None:
    """The scales, if they are one float32 for each row of a float32 tensor."""
    if scales is None or scales.dtype != np.float32 or array.dtype != np.float32:
        return None
    return scales if scales.shape == matrix_shape(array.shape)[:1] else None
