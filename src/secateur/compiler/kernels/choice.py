"""Which way to compute a layer is the fastest on this target?"""

import math
from dataclasses import dataclass

import numpy as np

from secateur.compiler.kernels.panel import FLOAT
from secateur.compiler.kernels.streams import Matrix, Writer, blocks, elements
from secateur.compiler.kernels.tiling import Tiling


@dataclass(frozen=True)
class Costs:
    """In cycles, for one unit of pixels where it says so; they can be measured.

    Attributes:
        cache: bytes of the first cache that the pixels of a block of channels may fill.
        second_cache: bytes of weights that stay in the second cache from tile to tile.
        far: one unit of pixels that does not come from there.
        element: one weight.
        element_unit: one weight and one unit of pixels.
        sum_unit: starting, storing and loading a sum.
        block: one column of a block of rows and a few units.
        block_unit: likewise, for each row and unit.
        pack_unit: one unit of the panel.
        pack_row: one row of pixels that is copied.
        stage_row: one row of pixels of the output that is copied.
    """

    cache: int = 28 * 1024
    second_cache: int = 512 * 1024
    far: float = 0.55
    element: float = 1.0
    element_unit: float = 0.62
    sum_unit: float = 2.1
    block: float = 0.5
    block_unit: float = 0.53
    pack_unit: float = 1.5
    pack_row: float = 4.0
    stage_row: float = 15.0


@dataclass(frozen=True)
class Choice:
    """How a layer is computed.

    Attributes:
        rows: output channels that share their columns; 1 where each has its own.
        tiling: of the pixels.
        block_channels: whose weights are summed before the next channels'.
        cost: cycles of one image, by estimate.
        form: for people.
    """

    rows: int
    tiling: Tiling
    block_channels: int
    cost: float
    form: str

    @property
    def write(self) -> Writer:
        """The function that writes the weights."""
        return elements if self.rows == 1 else blocks(self.rows)

    @property
    def function(self) -> str:
        """The C function's name without the pixels."""
        return "elements" if self.rows == 1 else f"blocks_{self.rows}"


def choices(weight: Matrix, channels: int, tilings: list[Tiling], costs: Costs) -> list[Choice]:
    """All ways, the fastest first."""
    found = []
    for rows in (1, 4, 8):
        padded = np.pad(weight, ((0, -len(weight) % rows), (0, 0)))
        stored = int(np.count_nonzero(padded.reshape(-1, rows, weight.shape[1]).any(axis=1)))
        form = _form(rows, stored / max(1, padded.size // rows))
        for tiling in tilings:
            for block in _block_sizes(channels, tiling, costs, rows):
                cost = _cost(rows, stored, len(weight), channels, tiling, block, costs)
                found.append(Choice(rows, tiling, block, cost, form))
    return sorted(found, key=lambda choice: choice.cost)


def _form(rows: int, filled: float) -> str:
    if rows == 1:
        return "sparse"
    return "dense" if filled > 0.99 else f"{rows}x1 blocks"


def _block_sizes(channels: int, tiling: Tiling, costs: Costs, rows: int) -> set[int]:
    """Even parts of the channels, whose pixels fill the cache once or a few times."""
    size = channels * _bytes(tiling)
    fills = (0.75, 1, 1.5, 2, 3, 4) if rows == 1 else (4, 12)
    parts = {min(channels, max(1, -(-size // int(costs.cache * fill)))) for fill in fills}
    return {-(-channels // many) for many in parts}


def _bytes(tiling: Tiling) -> int:
    """Of one channel under a tile."""
    return tiling.channel_bytes if tiling.packed else tiling.pixels * FLOAT


def _cost(
    rows: int, stored: int, outputs: int, channels: int, tiling: Tiling, block: int, costs: Costs
) -> float:
    units = tiling.pixels / tiling.unit + tiling.longer / tiling.tiles
    parts = -(-channels // block)
    total = outputs * parts * units * costs.sum_unit
    if rows == 1:
        far = costs.far * max(0.0, 1 - costs.cache / (block * _bytes(tiling)))
        total += stored * (costs.element + units * (costs.element_unit + far))
    else:
        total += stored * (costs.block * (1 + units // 4) + rows * units * costs.block_unit)
    return (total + _packing(channels, tiling, costs) + _staging(outputs, tiling, costs)) * tiling.tiles


def _packing(channels: int, tiling: Tiling, costs: Costs) -> float:
    if not tiling.packed:
        return 0
    panel = tiling.panel
    units = (math.prod(panel.padded) * panel.window.stride[1] + panel.floats) / tiling.unit
    rows = panel.padded[0] + sum(copy[2] for copy in panel.copies)
    return channels * (units * costs.pack_unit + rows * costs.pack_row)


def _staging(outputs: int, tiling: Tiling, costs: Costs) -> float:
    return outputs * tiling.panel.rows * costs.stage_row if tiling.staged else 0
