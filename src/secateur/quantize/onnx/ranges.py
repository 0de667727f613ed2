"""From which value to which should the 256 levels of an activation reach?

Each function of `RANGES` looks at a `Histogram` of observed values and answers (low, high), with
low <= 0 <= high, since zero must be a level: it is what padding adds and what ReLU leaves.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Range = tuple[float, float]

BINS = 4096  # on each side of zero; 16 for each of 256 levels where the histogram is half empty
LEVELS = 255  # steps from low to high
TRIED = 100  # ends of the range that `mse` tries on each side


@dataclass
class Histogram:
    """How often which values were seen, in memory that does not grow with their number.

    Bins of equal width from -reach to reach. Where a larger value comes, `reach` doubles and pairs of
    bins become one, so one pass over the data is enough.

    Attributes:
        low: the least value seen, or 0.
        high: the largest value seen, or 0.
        reach: the least power of two above |low| and |high|; 0 until a value other than zero came.
        counts: of the values in each bin, from -reach up; zeros are in none, as zero is always a level.
    """

    low: float = 0.0
    high: float = 0.0
    reach: float = 0.0
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2 * BINS, np.int64))

    def add(self, values: NDArray[np.floating[Any]]) -> None:
        """Count finite values, in an array of any shape."""
        values = values[values != 0]
        if not values.size:
            return
        low, high = float(values.min()), float(values.max())
        self.low, self.high = min(self.low, low), max(self.high, high)
        self._widen(max(high, -low))
        bins = np.floor(np.multiply(values, BINS / self.reach, dtype=np.float64)).astype(np.int64) + BINS
        self.counts += np.bincount(bins, minlength=2 * BINS)

    @property
    def centres(self) -> NDArray[np.float64]:
        """The value in the middle of each bin."""
        return np.arange(-BINS + 0.5, BINS) * (self.reach / BINS)

    def _widen(self, largest: float) -> None:
        """Until the largest value is within reach."""
        reach = math.ldexp(1, math.frexp(largest)[1])
        if self.reach == 0:
            self.reach = reach
        while self.reach < reach:
            pairs = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.pad(pairs, BINS // 2)
            self.reach *= 2


def minmax(seen: Histogram) -> Range:
    """All that was seen: nothing is clipped, and one outlier makes all steps wide."""
    return seen.low, seen.high


def percentile(seen: Histogram, kept: float = 99.99) -> Range:
    """All but the outermost (100 - kept) % on each side of the values other than zero (arXiv 2004.09602)."""
    outside = (1 - kept / 100) * seen.counts.sum()
    cumulative = np.cumsum(seen.counts)
    edges = np.arange(-BINS, BINS + 1) * (seen.reach / BINS)
    first = int(np.searchsorted(cumulative, outside, side="right"))
    last = int(np.searchsorted(cumulative, cumulative[-1] - outside))
    return _inside(seen, edges[min(first, 2 * BINS)], edges[min(last + 1, 2 * BINS)])


def mse(seen: Histogram) -> Range:
    """The range whose levels have the least squared error, clipping included (arXiv 1902.06822).

    First the upper end is searched, then the lower one, each in 100 steps.
    """
    low, high = minmax(seen)
    shares = np.linspace(1, 1 / TRIED, TRIED)
    high = min((share * high for share in shares), key=lambda end: squared_error(seen, (low, end)))
    low = min((share * low for share in shares), key=lambda end: squared_error(seen, (end, high)))
    return _inside(seen, low, high)


def squared_error(seen: Histogram, ends: Range) -> float:
    """Summed over the values seen, each taken for the centre of its bin: (nearest level - value) ** 2."""
    low, high = ends
    step = (high - low) / LEVELS
    used = np.flatnonzero(seen.counts)
    values = seen.centres[used]
    if step == 0:
        return float((values**2 * seen.counts[used]).sum())
    zero = np.round(-low / step)
    level = np.clip(np.round(values / step) + zero, 0, LEVELS) - zero
    return float(((level * step - values) ** 2 * seen.counts[used]).sum())


def _inside(seen: Histogram, low: float, high: float) -> Range:
    """Clipped to what was seen, and with zero in it."""
    return min(0.0, max(float(low), seen.low)), max(0.0, min(float(high), seen.high))


RANGES: dict[str, Callable[[Histogram], Range]] = {
    "minmax": minmax,
    "percentile": percentile,
    "mse": mse,
}
