"""How does the part of a channel under one tile of outputs lie in memory?"""

from dataclasses import dataclass
from functools import cached_property

from secateur.compiler.kernels.window import Window

FLOAT = 4  # bytes
PADDED_AT_ONCE = 4  # channels, as in `c/panel.h`


@dataclass(frozen=True)
class Panel:
    """For each weight of a channel's kernel, the pixels that it meets lie side by side, aligned.

    Rows of the input that are a stride apart lie `columns` apart, so that one copy serves all weights of a
    kernel's column whose rows are then whole vectors apart. `c/panel.h` fills it.

    Attributes:
        window: the geometry.
        rows: of a tile of the output.
        columns: of a tile; more than the output has, where that makes rows whole vectors.
        unit: floats, which every copy starts at a multiple of.
    """

    window: Window
    rows: int
    columns: int
    unit: int

    @property
    def pixels(self) -> int:
        """Of a tile, in whole units."""
        return _rounded(self.rows * self.columns, self.unit)

    @property
    def padded(self) -> tuple[int, int]:
        """(rows, columns for each phase of the stride) of the input under a tile, with its padding."""
        w = self.window
        rows = (self.rows - 1) * w.stride[0] + (w.kernel[0] - 1) * w.dilation[0] + 1
        more = (w.kernel[1] - 1) * w.dilation[1] // w.stride[1]
        return rows, max(self.columns, min(self.columns, w.out[1]) + more)

    @cached_property
    def _classes(self) -> dict[tuple[int, int, int], list[int]]:
        """(phase of the rows, column of the kernel, distance from a vector's start) -> steps down, sorted."""
        w = self.window
        found: dict[tuple[int, int, int], set[int]] = {}
        for row in range(w.kernel[0]):
            step, phase = divmod(row * w.dilation[0], w.stride[0])
            for column in range(w.kernel[1]):
                found.setdefault((phase, column, step * self.columns % self.unit), set()).add(step)
        return {key: sorted(steps) for key, steps in found.items()}

    @cached_property
    def copies(self) -> tuple[tuple[int, int, int], ...]:
        """(source, target, rows), as in `c/panel.h`."""
        w, (_, columns) = self.window, self.padded
        wide, found, target = w.stride[1] * columns, [], 0
        for (phase, column, _), steps in self._classes.items():
            shift, column_phase = divmod(column * w.dilation[1], w.stride[1])
            top = steps[0] * w.stride[0] + phase
            rows = self.rows + steps[-1] - steps[0]
            found.append((top * wide + column_phase * columns + shift, target, rows))
            target += _rounded(rows * self.columns, self.unit)
        return tuple(found)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Of each weight of the kernel, row by row: where its pixels start, in floats."""
        w = self.window
        targets = dict(zip(self._classes, (copy[1] for copy in self.copies), strict=True))
        found = []
        for row in range(w.kernel[0]):
            step, phase = divmod(row * w.dilation[0], w.stride[0])
            for column in range(w.kernel[1]):
                key = (phase, column, step * self.columns % self.unit)
                found.append(targets[key] + (step - self._classes[key][0]) * self.columns)
        return tuple(found)

    @cached_property
    def floats(self) -> int:
        """Of one channel."""
        _, target, rows = self.copies[-1]
        return target + _rounded(rows * self.columns, self.unit)

    @property
    def scratch(self) -> int:
        """Floats to pad a few channels in; see `pack_channels`."""
        rows, columns = self.padded
        return PADDED_AT_ONCE * _rounded(2 * rows * columns * self.window.stride[1] + 6 * 16, 16)


def _rounded(size: int, unit: int) -> int:
    return -(-size // unit) * unit
