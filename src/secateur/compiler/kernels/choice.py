"""Which way to compute a convolution is the fastest on this target?"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from secateur.compiler.costs import ConvCosts, total
from secateur.compiler.kernels.panel import FLOAT
from secateur.compiler.kernels.processor import Registers
from secateur.compiler.kernels.streams import Matrix, Writer, blocks, elements
from secateur.compiler.kernels.tiling import Tiling


@dataclass(frozen=True)
class Choice:
    """How a layer is computed.

    Attributes:
        rows: output channels that share their columns; 1 where each has its own.
        stored: weights of the layer, or columns of its blocks of rows.
        tiling: of the pixels.
        block_channels: whose weights are summed before the next channels'.
        form: for people.
    """

    rows: int
    stored: int
    tiling: Tiling
    block_channels: int
    form: str

    @property
    def write(self) -> Writer:
        """The function that writes the weights."""
        return elements if self.rows == 1 else blocks(self.rows)

    @property
    def function(self) -> str:
        """The C function's name without the pixels."""
        return "elements" if self.rows == 1 else f"blocks_{self.rows}"


def fastest(ways: Iterable[Choice], outputs: int, channels: int, costs: ConvCosts, has: Registers) -> Choice:
    """The way with the lowest estimate, for a layer of so many outputs and input channels."""
    return min(ways, key=lambda way: total(pieces(way, outputs, channels, costs.cache, has), costs))


def choices(weight: Matrix, channels: int, tilings: list[Tiling], cache: float) -> Iterator[Choice]:
    """All ways that are worth a thought; `cache`: as in `ConvCosts`."""
    for rows in (1, 4, 8):
        padded = np.pad(weight, ((0, -len(weight) % rows), (0, 0)))
        stored = int(np.count_nonzero(padded.reshape(-1, rows, weight.shape[1]).any(axis=1)))
        form = _form(rows, stored / max(1, padded.size // rows))
        for tiling in tilings:
            for block in _block_sizes(channels, tiling, cache, rows):
                yield Choice(rows, stored, tiling, block, form)


def _form(rows: int, filled: float) -> str:
    if rows == 1:
        return "sparse"
    return "dense" if filled > 0.99 else f"{rows}x1 blocks"


def _block_sizes(channels: int, tiling: Tiling, cache: float, rows: int) -> set[int]:
    """Even parts of the channels, whose pixels fill the cache once or a few times."""
    size = channels * _bytes(tiling)
    fills = (0.75, 1, 1.5, 2, 3, 4) if rows == 1 else (0.5, 0.75, 1, 2, 4, 12)
    parts = {min(channels, max(1, -(-size // int(cache * fill)))) for fill in fills}
    return {-(-channels // many) for many in parts}


def _bytes(tiling: Tiling) -> int:
    """Of one channel under a tile."""
    return tiling.channel_bytes if tiling.packed else tiling.pixels * FLOAT


def pieces(way: Choice, outputs: int, channels: int, cache: float, has: Registers) -> dict[str, float]:
    """How many of each piece of work of `ConvCosts` one image takes."""
    tiling = way.tiling
    vectors = (tiling.pixels + tiling.longer / tiling.tiles * tiling.unit) / has.lanes
    parts = -(-channels // way.block_channels)
    far = max(0.0, 1 - cache / (way.block_channels * _bytes(tiling)))
    found = {"sum_vector": outputs * vectors, "carried_vector": outputs * (parts - 1) * vectors}
    if way.rows == 1:
        turns = 1 if vectors <= has.paired else math.ceil(vectors / has.single)
        found["sums"] = outputs * parts * turns
        found["element"] = way.stored * turns
        found["element_vector"] = way.stored * vectors
        found["far_vector"] = way.stored * vectors * far
    else:
        together = min(way.rows, has.block_rows)
        turns = math.ceil(vectors / (has.block_sums // together)) * (way.rows // together)
        found["sums"] = outputs / way.rows * parts * turns
        found["column"] = way.stored * turns
        found["block_vector"] = way.stored * way.rows * vectors
        found["far_block_vector"] = way.stored * vectors * (way.rows // together) * far
    if tiling.packed:
        panel = tiling.panel
        floats = math.prod(panel.padded) * panel.window.stride[1] + panel.floats
        found["pack_vector"] = channels * floats / has.lanes
        found["pack_row"] = channels * (panel.padded[0] + sum(copy[2] for copy in panel.copies))
    if tiling.staged:
        found["stage_row"] = outputs * tiling.panel.rows
    return {piece: count * tiling.tiles for piece, count in found.items()}
