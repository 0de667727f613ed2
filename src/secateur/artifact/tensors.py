"""How does one tensor become the fewest bytes, and come back?"""

from collections.abc import Sequence

import numpy as np

from secateur.artifact.dtypes import DTYPES, Array, Words, from_words, to_words
from secateur.artifact.encodings import ENCODINGS
from secateur.artifact.entries import Stream, TensorEntry, about, crc32
from secateur.artifact.streams import compress, decompress
from secateur.errors import ArtifactError

FAR = 2
"""An encoding with more than so many times the bytes of another before compression is not tried."""


def encode_tensor(name: str, array: Array) -> tuple[TensorEntry, list[bytes]]:
    """The tensor's entry and its stored streams, in whichever encoding is smallest."""
    words = to_words(array)
    nonzero = int(np.count_nonzero(words))
    encoding, coded = _smallest(words, nonzero)
    streams = tuple(Stream(codec, len(data)) for codec, data in coded)
    stored = [data for _, data in coded]
    checksum = crc32(stored)
    return TensorEntry(name, array.dtype.name, array.shape, encoding, nonzero, streams, checksum), stored


def decode_tensor(entry: TensorEntry, stored: Sequence[bytes]) -> Array:
    """The tensor; ArtifactError where the streams are not what the entry says."""
    dtype = DTYPES[entry.dtype]
    with about(entry.title):
        streams = [
            decompress(stream.codec, data, size)
            for stream, data, size in zip(entry.streams, stored, entry.sizes, strict=True)
        ]
        words = ENCODINGS[entry.encoding].decode(streams, entry.count, dtype.itemsize)
        if np.count_nonzero(words) != entry.nonzero:
            raise ArtifactError(f"it does not have {entry.nonzero:,} values that are not zero.")
    return from_words(words, dtype, entry.shape)


def _smallest(words: Words, nonzero: int) -> tuple[str, list[tuple[str, bytes]]]:
    sizes = {
        name: sum(encoding.sizes(words.size, nonzero, words.itemsize)) for name, encoding in ENCODINGS.items()
    }
    near = [name for name, size in sizes.items() if size <= FAR * min(sizes.values())]
    tried = {name: [compress(data) for data in ENCODINGS[name].encode(words)] for name in near}
    return min(tried.items(), key=lambda item: sum(len(data) for _, data in item[1]))
