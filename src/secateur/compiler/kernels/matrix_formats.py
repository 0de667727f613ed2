"""How does a constant matrix (outputs, inputs) lie in memory, as its kernel reads it?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SLICE = 16  # outputs; as in gemm.h


@dataclass(frozen=True)
class Rows:
    """The elements of each output, and the inputs they belong to; those of output o begin at `start[o]`."""

    start: NDArray[np.uint32]
    index: NDArray[np.uint16]
    values: Floats


@dataclass(frozen=True)
class Blocks:
    """Slices, of which only the inputs are kept that any of their outputs has."""

    start: NDArray[np.uint32]
    index: NDArray[np.uint16]
    values: Floats


@dataclass(frozen=True)
class Windows:
    """Rows of a slice, from a window of so many inputs each: every output's next element, if it is there.

    Rows of slice s begin at `start[s]`; `base` is a window's first input, `index` each element's place in it.
    """

    start: NDArray[np.uint32]
    base: NDArray[np.uint16]
    index: NDArray[np.uint8]
    values: Floats


@dataclass(frozen=True)
class Elements:
    """Elements by chunk of outputs and band of inputs; in each, the outputs with most elements first."""

    start: NDArray[np.uint32]
    order: NDArray[np.uint16]
    counts: NDArray[np.uint16]
    index: NDArray[np.uint16]
    values: Floats


def slices(weight: Floats) -> Floats:
    """(slices, inputs, SLICE); outputs that are not there are 0.

    >>> slices(np.ones((20, 3), np.float32)).shape
    (2, 3, 16)
    """
    return np.ascontiguousarray(_sliced(weight).transpose(0, 2, 1))


def rows(weight: Floats) -> Rows:
    """Every element that is not 0."""
    where = np.nonzero(weight)
    return Rows(_starts((weight != 0).sum(1)), where[1].astype(np.uint16), weight[where])


def blocks(weight: Floats) -> Blocks:
    """Every input of a slice that is not 0 for all of its outputs."""
    packed = slices(weight)
    used = packed.any(-1)
    return Blocks(_starts(used.sum(1)), np.nonzero(used)[1].astype(np.uint16), packed[used])


def windows(weight: Floats, window: int) -> Windows:
    """Each window begins at the first element that is left; there are at least `window` inputs."""
    inputs, sliced = weight.shape[1], _sliced(weight)
    order = np.argsort(sliced == 0, axis=-1, kind="stable")
    kept = np.arange(inputs) < np.count_nonzero(sliced, axis=-1)[:, :, None]
    columns = np.pad(np.where(kept, order, inputs), ((0, 0), (0, 0), (0, 1)), constant_values=inputs)
    values = np.pad(sliced, ((0, 0), (0, 0), (0, 1)))
    at = np.zeros((*sliced.shape[:2], 1), np.int64)
    rows: list[tuple[NDArray[Any], ...]] = []  # of each slice: whether there is one, base, places, values
    while True:
        following = np.take_along_axis(columns, at, -1)
        first = following.min(axis=1, keepdims=True)
        if (first == inputs).all():
            break
        base = np.minimum(first, inputs - window)
        taken = (following < first + window) & (following < inputs)
        found = np.where(taken, np.take_along_axis(values, following, -1), 0)
        place = np.where(taken, following - base, 0)
        rows.append((first[:, 0, 0] < inputs, base[:, 0, 0], place[:, :, 0], found[:, :, 0]))
        at += taken
    if not rows:
        return Windows(
            _starts(np.zeros(len(sliced), np.int64)),
            np.zeros(0, np.uint16),
            np.zeros((0, SLICE), np.uint8),
            np.zeros((0, SLICE), np.float32),
        )
    there, bases, index, found = (np.stack(part, axis=1) for part in zip(*rows, strict=True))
    return Windows(
        _starts(there.sum(1)), bases[there].astype(np.uint16), index[there].astype(np.uint8), found[there]
    )


def elements(weight: Floats, chunk: int, band: int) -> Elements:
    """Chunks of so many outputs, bands of so many inputs."""
    outputs, inputs = weight.shape
    lists = [
        weight[o : o + chunk, i : i + band] for o in range(0, outputs, chunk) for i in range(0, inputs, band)
    ]
    bands = -(-inputs // band)
    order = np.zeros((len(lists), chunk), np.uint16)
    counts = np.zeros((len(lists), chunk), np.uint16)
    index, values = [], []
    for number, part in enumerate(lists):
        many = (part != 0).sum(1)
        order[number, : len(part)] = by_size = np.argsort(-many, kind="stable")
        counts[number, : len(part)] = many[by_size]
        where = np.nonzero(part[by_size])
        index.append(where[1])
        values.append(part[by_size][where])
    start = _starts(counts.reshape(-1, bands * chunk).sum(1))
    return Elements(start, order, counts, np.concatenate(index).astype(np.uint16), np.concatenate(values))


def _sliced(weight: Floats) -> Floats:
    """(slices, SLICE, inputs)."""
    outputs, inputs = weight.shape
    return np.pad(weight, ((0, -outputs % SLICE), (0, 0))).reshape(-1, SLICE, inputs)


def _starts(counts: NDArray[np.int64]) -> NDArray[np.uint32]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
