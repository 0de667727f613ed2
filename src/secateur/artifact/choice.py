"""In which form does a tensor take the fewest bytes?

Trying all forms would take minutes for a large network. The streams that say where words are stored
are small, and are really coded; what the words take is told from the entropy of their streams.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secateur.artifact.dtypes import Words
from secateur.artifact.frequencies import entropy, histogram
from secateur.artifact.positions import POSITIONS, Positions, Selection, Size
from secateur.artifact.streams import Coded, compress, estimates
from secateur.artifact.values import VALUES, Stored, Values

HEADER = 8
"""Bytes that a stream takes in the header, its checksum included; measured."""
PACE = 1 / 2048
"""Bytes that a symbol less may cost: of forms as good as equal, that with fewer symbols decodes faster."""


class Choice(NamedTuple):
    """Positions, values, and the coded streams of both."""

    positions: Positions
    values: Values
    streams: list[Coded]


class _Form(NamedTuple):
    cost: float
    selection: Selection
    where: list[Coded]
    values: Values


def choose(matrix: Words, dtype: np.dtype[Any], scales: NDArray[np.float32] | None) -> Choice:
    """The form of a matrix of words that takes the fewest bytes, as far as estimates tell.

    `scales`, one for each row, are tried as the steps of a grid.
    """
    for form in sorted(_forms(matrix, dtype, scales), key=lambda form: form.cost):
        stored = Stored(form.selection.take(matrix), dtype, form.selection, scales)
        coded = _written(form.values, stored)
        if coded is not None:  # with a 0 among them, the words may be too many for a codebook
            return Choice(form.selection.positions, form.values, form.where + coded)
    raise AssertionError("whole words can always be written")


def _forms(matrix: Words, dtype: np.dtype[Any], scales: NDArray[np.float32] | None) -> Iterator[_Form]:
    """What may be worth it, with an estimate of its bytes."""
    nonzero = int(np.count_nonzero(matrix))
    kept = next(POSITIONS["mask"].find(matrix), None) or next(POSITIONS["all"].find(matrix))
    costs = _costs(Stored(kept.take(matrix), dtype, kept, scales))
    for kind in POSITIONS.values():
        for selection in kind.find(matrix):
            where = _coded(selection.streams, selection.positions.sizes(matrix.shape, nonzero))
            size = sum(HEADER + len(data) for _, data in where) + PACE * sum(map(len, selection.streams))
            stored = selection.positions.stored(matrix.shape, nonzero)
            each = entropy(np.array([nonzero, stored - nonzero])) + PACE * stored  # to tell zeros apart
            for values, cost in costs.items():
                yield _Form(size + cost + each * values.symbols(dtype), selection, where, values)


def _costs(stored: Stored) -> dict[Values, float]:
    """About how many bytes words take that are not 0, in each kind of values that suits them."""
    costs = {}
    for kind in VALUES.values():
        for values in kind.find(stored):
            if (streams := values.encode(stored)) is not None:
                costs[values] = sum(map(_cost, streams, _sizes(values, stored)))
    return costs


def _cost(data: bytes, size: Size) -> float:
    return HEADER + (len(data) if size is None else min(estimates(histogram(data)).values()))


def _written(values: Values, stored: Stored) -> list[Coded] | None:
    streams = values.encode(stored)
    return None if streams is None else _coded(streams, _sizes(values, stored))


def _sizes(values: Values, stored: Stored) -> Sequence[Size]:
    return values.sizes(stored.words.size, stored.dtype, stored.selection.shape)


def _coded(streams: Sequence[bytes], sizes: Sequence[Size]) -> list[Coded]:
    pairs = zip(streams, sizes, strict=True)
    return [("raw", data) if size is None else compress(data) for data, size in pairs]
