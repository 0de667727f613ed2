"""Which k values stand best for many?"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
ITERATIONS = 100
"""At most; it ends where nothing moves any more."""


def centroids(values: Values, k: int) -> Values:
    """At most `k` values, ascending, that minimise the squared distance of `values` to the nearest.

    Lloyd's algorithm in one dimension: on sorted values a cluster is a range, and its mean two lookups in
    prefix sums, so that an iteration costs k binary searches. It starts from evenly spaced values, which
    keep the few large weights that matter (Deep Compression, arXiv 1510.00149, section 3.2). Where that
    leaves clusters without a value, those with the largest error are split in their place.

    Args:
        values: (n,) finite, in any order; n = 0 answers no centroid.
        k: at least 1.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    distinct = np.unique(ordered)
    if len(distinct) <= k:
        return distinct
    clusters = Clusters(ordered)
    found = clusters.settled(np.linspace(ordered[0], ordered[-1], k))
    for _ in range(k - len(found)):
        found = clusters.settled(clusters.split(found))
    return found


class Clusters:
    """Sorted values, and their prefix sums."""

    def __init__(self, ordered: Values) -> None:
        self.ordered = ordered
        self.sums = np.concatenate([[0.0], np.cumsum(ordered)])
        self.squares = np.concatenate([[0.0], np.cumsum(ordered**2)])

    def settled(self, found: Values, iterations: int = ITERATIONS) -> Values:
        """The centroids after Lloyd's iterations; those that no value is nearest to are dropped."""
        for _ in range(iterations):
            ends = self._ends(found)
            sizes = np.diff(ends)
            there = sizes > 0
            moved = np.diff(self.sums[ends])[there] / sizes[there]
            if len(moved) == len(found) and np.allclose(moved, found, rtol=1e-9, atol=0):
                break
            found = moved
        return found

    def split(self, found: Values) -> Values:
        """Two centroids in place of the one with the largest squared error."""
        ends = self._ends(found)
        total, squares = np.diff(self.sums[ends]), np.diff(self.squares[ends])
        worst = int(np.argmax(squares - total**2 / np.maximum(1, np.diff(ends))))
        members = self.ordered[ends[worst] : ends[worst + 1]]
        upper = members > members.mean()
        return np.sort(np.concatenate([np.delete(found, worst), _means(members, upper)]))

    def _ends(self, found: Values) -> NDArray[np.int64]:
        """Where clusters begin and end: cluster i is ordered[ends[i] : ends[i + 1]]."""
        edges = np.searchsorted(self.ordered, (found[1:] + found[:-1]) / 2)
        return np.concatenate([[0], edges, [len(self.ordered)]]).astype(np.int64)


def _means(members: Values, upper: NDArray[np.bool_]) -> list[np.float64]:
    return [np.float64(part.mean()) for part in (members[~upper], members[upper]) if part.size]


def nearest(values: Values, table: Values) -> NDArray[np.int64]:
    """The index of the nearest entry of the ascending `table` for each value."""
    return np.searchsorted((table[1:] + table[:-1]) / 2, values).astype(np.int64)
