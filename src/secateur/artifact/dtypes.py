"""Which numbers can a tensor hold, and what are their bits?"""

from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from secateur.errors import ArtifactError

Array: TypeAlias = NDArray[Any]
Words: TypeAlias = NDArray[Any]
"""A tensor as bit patterns: flat, little-endian, one unsigned integer for each element."""

_TYPES: tuple[Any, ...] = (
    *(np.bool_, np.int8, np.int16, np.int32, np.int64),
    *(np.uint8, np.uint16, np.uint32, np.uint64),
    *(np.float16, np.float32, np.float64, ml_dtypes.bfloat16),
    *(ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e4m3fnuz, ml_dtypes.float8_e5m2),
    *(ml_dtypes.float8_e5m2fnuz, ml_dtypes.float8_e8m0fnu, ml_dtypes.int4, ml_dtypes.uint4),
)
DTYPES: dict[str, np.dtype[Any]] = {np.dtype(kind).name: np.dtype(kind) for kind in _TYPES}

EXPONENT_BITS = {
    "float16": 0x7C00,
    "bfloat16": 0x7F80,
    "float32": 0x7F80_0000,
    "float64": 0x7FF0_0000_0000_0000,
}
"""The exponent's bits in the float types that processors compute in, or widen before they do."""


def to_words(array: Array) -> Words:
    """The bits of each element, floats rotated left by one.

    Rotation moves the sign to the lowest bit, so that the exponent starts at a byte's edge: that
    byte then has a few values only, and compresses. It keeps zero bits zero.
    """
    if array.dtype.name not in DTYPES:
        raise ArtifactError(f"its dtype {array.dtype} is none of {', '.join(DTYPES)}.")
    flat = np.ascontiguousarray(array, dtype=DTYPES[array.dtype.name]).reshape(-1)
    bits: Words = flat.view(f"u{flat.itemsize}")
    if _rotated(flat.dtype):
        bits = (bits << 1) | (bits >> (8 * bits.itemsize - 1))
    return bits.astype(bits.dtype.newbyteorder("<"), copy=False)


def from_words(words: Words, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """The inverse of `to_words`."""
    if _rotated(dtype):
        words = (words >> 1) | (words << (8 * words.itemsize - 1))
    native: Words = words.astype(words.dtype.newbyteorder("="), copy=False)
    return native.view(dtype).reshape(shape)


def without_subnormals(array: Array) -> tuple[Array, int]:
    """The array with its subnormal floats set to +0.0, and how many there were.

    Found by their bits: comparisons would miss them on a processor set to read them as zero.
    8-bit floats are left alone, as their subnormals are a regular part of the grid.
    """
    exponent = EXPONENT_BITS.get(array.dtype.name)
    if exponent is None:
        return array, 0
    flushed = np.array(array, dtype=DTYPES[array.dtype.name], order="C")
    bits = flushed.reshape(-1).view(f"u{flushed.itemsize}")  # writing to it writes to `flushed`
    magnitude = (1 << (8 * bits.itemsize - 1)) - 1
    subnormal = ((bits & exponent) == 0) & ((bits & magnitude) != 0)
    bits[subnormal] = 0
    return flushed, int(subnormal.sum())


def _rotated(dtype: np.dtype[Any]) -> bool:
    return "float" in dtype.name
