"""In which order do kernels read the weights of a layer? See `c/conv_elements.h` and `c/conv_blocks.h`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Words = NDArray[np.uint32]
Writer: TypeAlias = Callable[[Matrix, Words, int, bool], Iterator[Words]]
"""From a part of the weight, the offsets of its columns, its first row, and whether rows without weights are
left out, to what the kernel reads."""
NOTHING = 2**32 - 1


@dataclass(frozen=True)
class Streams:
    """The weights of all blocks of columns and chunks of rows.

    Attributes:
        words: one stream after the other.
        table: for each block, and in it for each chunk: start, first, last, as `weights_t`.
    """

    words: Words
    table: Words


def streams(weight: Matrix, offsets: Words, block: int, chunk: int, write: Writer) -> Streams:
    """Write a weight (rows, columns) block by block of columns, in each chunk by chunk of rows.

    Args:
        weight: the layer's.
        offsets: of each column, in bytes.
        block: columns.
        chunk: rows.
        write: one chunk of rows of one block; it leaves out rows without weights where it is told.
    """
    filled = np.add.reduceat(
        np.add.reduceat(weight != 0, _starts(weight, 1, block), 1), _starts(weight, 0, chunk), 0
    )
    pieces: list[Words] = []
    table, start = [], 0
    for b, column in enumerate(_starts(weight, 1, block)):
        for c, row in enumerate(_starts(weight, 0, chunk)):
            own = np.flatnonzero(filled[c]) if filled[c].any() else np.zeros(1, int)
            if b not in own:
                table.append((NOTHING, 0, 0))
                continue
            table.append((start, int(b == own[0]), int(b == own[-1])))
            part = weight[row : row + chunk, column : column + block]
            only = not (b == own[0] or b == own[-1])
            for piece in write(part, offsets[column : column + block], row, only):
                pieces.append(piece)
                start += piece.size
    return Streams(np.concatenate(pieces), np.array(table, np.uint32))


def _starts(weight: Matrix, axis: int, size: int) -> NDArray[np.int64]:
    return np.arange(0, weight.shape[axis], size)


def elements(part: Matrix, offsets: Words, first_row: int, only_filled: bool) -> Iterator[Words]:
    """Rows of equally many weights together, two by two."""
    lengths = np.count_nonzero(part, axis=1)
    kept = [n for n in np.unique(lengths) if n or not only_filled]
    yield np.array([len(kept)], np.uint32)
    for n in kept:
        rows = np.flatnonzero(lengths == n)
        columns = np.nonzero(part[rows])[1].reshape(len(rows), n)
        values = part[rows[:, None], columns].view(np.uint32)
        items = np.stack([values, offsets[columns]], axis=2)  # (rows, n, 2)
        even = len(rows) // 2 * 2
        pairs = items[:even].reshape(even // 2, 2, n, 2).swapaxes(1, 2).reshape(even // 2, 4 * n)
        yield np.array([n, even // 2, len(rows) - even], np.uint32)
        yield np.hstack([(first_row + rows[:even]).reshape(-1, 2), pairs]).astype(np.uint32).reshape(-1)
        yield (
            np.hstack([(first_row + rows[even:])[:, None], items[even:].reshape(len(rows) - even, 2 * n)])
            .astype(np.uint32)
            .reshape(-1)
        )


def blocks(rows: int) -> Writer:
    """So many neighbouring rows share their columns."""

    def write(part: Matrix, offsets: Words, first_row: int, only_filled: bool) -> Iterator[Words]:
        part = np.pad(part, ((0, -len(part) % rows), (0, 0))).reshape(-1, rows, part.shape[1])
        filled: NDArray[np.bool_] = np.any(part, axis=1)
        lengths = filled.sum(axis=1)
        kept = [n for n in np.unique(lengths) if n or not only_filled]
        yield np.array([len(kept)], np.uint32)
        for n in kept:
            lists = np.flatnonzero(lengths == n)
            columns = np.nonzero(filled[lists])[1].reshape(len(lists), n)
            values = part[lists[:, None], :, columns].view(np.uint32)  # (lists, n, rows)
            items = np.concatenate([offsets[columns][:, :, None], values], axis=2).reshape(len(lists), -1)
            yield np.array([n, len(lists)], np.uint32)
            yield np.hstack([(first_row + lists * rows)[:, None], items]).astype(np.uint32).reshape(-1)

    return write
