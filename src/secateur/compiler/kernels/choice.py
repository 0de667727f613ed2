"""Which way to compute a layer is the fastest on this target?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from secateur.compiler.kernels.streams import Matrix, blocks, elements
from secateur.compiler.kernels.tiling import Tiling


@dataclass(frozen=True)
class Costs:
    """In cycles, for one unit of pixels where it says so; they can be measured.

    Attributes:
        cache: bytes of the first cache that a block of channels may fill.
        element: one weight.
        element_unit: one weight and one unit of pixels.
        start: one row of weights in one block of channels.
        sum_unit: loading and storing a sum.
        block: one column of a block of rows.
        block_unit: likewise, for each row and unit.
        pack_unit: one unit of the panel.
        pack_row: one row of pixels that is copied.
        stage_row: one row of pixels of the output that is copied.
    """

    cache: int = 40 * 1024
    element: float = 1.0
    element_unit: float = 0.62
    start: float = 12.0
    sum_unit: float = 1.5
    block: float = 2.0
    block_unit: float = 0.55
    pack_unit: float = 1.5
    pack_row: float = 3.0
    stage_row: float = 15.0


@dataclass(frozen=True)
class Choice:
    """How a layer is computed.

    Attributes:
        rows: output channels that share their columns; 1 where each has its own.
        tiling: of the pixels.
        block_channels: whose weights are summed before the next channels'.
        cost: cycles of one image, by estimate.
    """

    rows: int
    tiling: Tiling
    block_channels: int
    cost: float

    @property
    def write(self) -> Callable[..., Iterator[np.ndarray]]:  # type: ignore[type-arg]
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
        for tiling in tilings:
            for block in _block_sizes(channels, tiling, costs, rows):
                cost = _cost(rows, stored, len(weight), channels, tiling, block, costs)
                found.append(Choice(rows, tiling, block, cost))
    return sorted(found, key=lambda choice: choice.cost)


def _block_sizes(channels: int, tiling: Tiling, costs: Costs, rows: int) -> set[int]:
    """Even parts of the channels, whose panels fit the cache."""
    size = tiling.channel_bytes if tiling.packed else tiling.pixels * 4
    sizes = (1, 2) if rows == 1 else (4, 12)
    return {-(-channels // max(1, -(-channels * size // (costs.cache * times)))) for times in sizes}


def _cost(
    rows: int, stored: int, outputs: int, channels: int, tiling: Tiling, block: int, costs: Costs
) -> float:
    units = tiling.pixels / tiling.unit + tiling.longer / tiling.tiles
    parts = -(-channels // block)
    starts = -(-outputs // rows) * parts
    total = starts * costs.start + outputs * parts * units * costs.sum_unit
    if rows == 1:
        total += stored * (costs.element + units * costs.element_unit)
    else:
        total += stored * (costs.block * (1 + units // 4) + rows * units * costs.block_unit)
    if tiling.packed:
        panel = tiling.panel
        padded = panel.padded[0] * panel.padded[1] * panel.window.stride[1] / tiling.unit
        copied = sum(copy[2] for copy in panel.copies)
        total += channels * (padded + panel.floats / tiling.unit) * costs.pack_unit
        total += channels * (panel.padded[0] + copied) * costs.pack_row
    if tiling.staged:
        total += outputs * tiling.panel.rows * costs.stage_row
    return total * tiling.tiles
