"""How is a convolution cut into tiles of pixels and blocks of channels?"""

from collections.abc import Iterator
from dataclasses import dataclass

from secateur.compiler.kernels.panel import FLOAT, Panel
from secateur.compiler.kernels.window import Window
from secateur.compiler.program import Tensor

MOST = 224  # pixels in a tile, for which there are kernels


@dataclass(frozen=True)
class Tiling:
    """One way to cut a layer; sizes as in `c/conv_tiles.h`.

    Attributes:
        panel: the geometry of a tile.
        down: tiles from top to bottom.
        across: tiles from left to right.
        pixels: of a tile.
        longer: so many tiles have one unit more; where x is read in its place.
        packed: x is read from a panel.
        staged: sums are kept apart from the output, which is not padded or not cut into whole vectors.
        channel_bytes: from one channel to the next, where the kernel reads them.
    """

    panel: Panel
    down: int
    across: int
    pixels: int
    longer: int
    packed: bool
    staged: bool
    channel_bytes: int

    @property
    def unit(self) -> int:
        """Pixels by which tiles grow."""
        return self.panel.unit

    @property
    def tiles(self) -> int:
        """Of an image."""
        return self.down * self.across

    @property
    def offsets(self) -> tuple[int, ...]:
        """Of each weight of a channel's kernel, in bytes."""
        return tuple(offset * FLOAT for offset in self.panel.offsets) if self.packed else (0,)


def tilings(w: Window, x: Tensor, y: Tensor, added: Tensor | None, unit: int) -> Iterator[Tiling]:
    """All that are worth a thought."""
    if w.pointwise:
        w = w.flat
        if _padded(x, unit):
            yield from _in_place(w, x, all(_padded(t, unit) for t in (y, added) if t is not None), unit)
            return
    whole = all(_padded(t, unit) for t in (y, added) if t is not None)
    for rows, columns in _shapes(w, unit):
        panel = Panel(w, rows, columns, unit)
        down, across = -(-w.out[0] // rows), -(-w.out[1] // columns)
        even = w.out[0] % rows == 0 and (rows * columns % unit == 0 or down == 1)
        staged = not (whole and even and columns == w.out[1])
        yield Tiling(panel, down, across, panel.pixels, 0, True, staged, panel.floats * FLOAT)


def _padded(tensor: Tensor, unit: int) -> bool:
    """May whole units be read and written at the end of a plane?"""
    return tensor.pitch is not None or tensor.plane % unit == 0


def _in_place(w: Window, x: Tensor, whole: bool, unit: int) -> Iterator[Tiling]:
    units = -(-w.out[1] // unit)
    for tiles in sorted({-(-units // most) for most in range(1, MOST // unit + 1)}):
        size, longer = divmod(units, tiles)
        if not whole and longer:  # staged tiles are all alike
            size, longer = size + 1, 0
        across = tiles if longer else -(-units // size)
        if not longer and across * size * unit > x.plane:
            continue  # the last tile would end behind the plane
        panel = Panel(w, 1, size * unit, unit)
        yield Tiling(panel, 1, across, size * unit, longer, False, not whole, x.plane * FLOAT)


def _shapes(w: Window, unit: int) -> Iterator[tuple[int, int]]:
    """(rows, columns) of tiles."""
    rows, columns = w.out
    if columns > MOST:
        for pixels in (64, 112, 128, 192, MOST):
            yield 1, pixels
        return
    widths = {columns, -(-columns // unit) * unit, min(-(-columns // 8) * 8, MOST)}
    for width in sorted(widths):
        for tiles in sorted({-(-rows // many) for many in range(1, min(rows, MOST // width) + 1)}):
            yield -(-rows // tiles), width
