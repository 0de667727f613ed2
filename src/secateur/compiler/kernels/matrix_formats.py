"""How does a constant matrix (outputs, inputs) lie in memory, as its kernel reads it?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SLICE = 16  # outputs; as in gemm.h
TABLE = 32  # inputs; as in spmv.h


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
class Tables:
    """In each table of inputs, so many rows of a slice as its fullest output has elements."""

    start: NDArray[np.uint32]
    counts: NDArray[np.uint8]
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


def tables(weight: Floats) -> Tables:
    """Elements of a table move to its front; the rows of the slice that are then empty are left out."""
    inputs = -(-weight.shape[1] // TABLE) * TABLE
    padded = np.pad(weight, ((0, 0), (0, inputs - weight.shape[1])))
    tabled = _sliced(padded).reshape(-1, SLICE, inputs // TABLE, TABLE)
    order = np.argsort(tabled == 0, axis=-1, kind="stable").astype(np.uint8)
    front = np.take_along_axis(tabled, order, -1).transpose(0, 2, 3, 1)
    index = np.where(front != 0, order.transpose(0, 2, 3, 1), 0).astype(np.uint8)
    filled = front.any(-1)
    counts = filled.sum(-1)
    return Tables(_starts(counts.sum(-1)), counts.astype(np.uint8), index[filled], front[filled])


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
