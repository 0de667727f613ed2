"""Do float32 values fit a type of 16 bits, and how do they come back from it?"""

from typing import Any

import numpy as np

from secateur.artifact.dtypes import DTYPES, Words, from_words, to_words
from secateur.errors import ArtifactError

FLOAT = np.dtype(np.float32)
NARROW = ("bfloat16", "float16")
LOOK = 1 << 12  # so many words are tried before all are
EXPONENT, MANTISSA = 0x7C00, 0x03FF  # of float16


def stored_dtype(narrow: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that words of a tensor are stored in; ArtifactError where there is no such type for it."""
    if narrow and (narrow not in NARROW or dtype != FLOAT):
        raise ArtifactError(f"{dtype.name} cannot be stored as {narrow!r}.")
    return DTYPES[narrow] if narrow else dtype


def to_narrow(words: Words, narrow: str) -> Words | None:
    """The words of a float32 tensor in the narrow type; None where bits would be lost."""
    if not narrow:
        return words
    if words.size > LOOK and to_narrow(words[:LOOK], narrow) is None:
        return None
    with np.errstate(all="ignore"):  # what overflows does not come back, and is found by that
        small = to_words(from_words(words, FLOAT, words.shape).astype(DTYPES[narrow]))
    return small if np.array_equal(from_narrow(small, narrow), words) else None


def from_narrow(words: Words, narrow: str) -> Words:
    """The inverse of `to_narrow`, on bits: a processor might change those of a NaN."""
    if not narrow:
        return words
    small = from_words(words, DTYPES[narrow], words.shape)
    bits = small.view(np.uint16).astype(np.uint32)
    if narrow == "bfloat16":
        wide = bits << 16
    else:
        wide = small.astype(np.float32).view(np.uint32)
        special = (bits & EXPONENT) == EXPONENT
        wide = np.where(special, (bits >> 15 << 31) | 0x7F80_0000 | (bits & MANTISSA) << 13, wide)
    return to_words(wide.astype(np.uint32, copy=False).view(FLOAT))
