"""Which k values stand best for many?"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def centroids(values: Values, k: int, iterations: int = 100) -> Values:
    """At most `k` values, ascending, that minimise the squared distance of `values` to the nearest.

    Lloyd's algorithm in one dimension: on sorted values a cluster is a range, and its mean two lookups in
    prefix sums, so that an iteration costs k binary searches. It starts from evenly spaced values, which
    keep the few large weights that matter (Deep Compression, arXiv 1510.00149, section 3.2). Clusters
    that no value is nearest to are dropped.

    Args:
        values: (n,) finite, in any order; n = 0 answers no centroid.
        k: at least 1.
        iterations: at most; it ends where nothing moves any more.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    distinct = np.unique(ordered)
    if len(distinct) <= k:
        return distinct
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    found = np.linspace(ordered[0], ordered[-1], k)
    for _ in range(iterations):
        edges = np.searchsorted(ordered, (found[1:] + found[:-1]) / 2)
        ends = np.concatenate([[0], edges, [len(ordered)]])
        sizes = np.diff(ends)
        there = sizes > 0
        moved = np.diff(sums[ends])[there] / sizes[there]
        if len(moved) == len(found) and np.allclose(moved, found, rtol=1e-9, atol=0):
            break
        found = moved
    return found


def nearest(values: Values, table: Values) -> NDArray[np.int64]:
    """The index of the nearest entry of the ascending `table` for each value."""
    return np.searchsorted((table[1:] + table[:-1]) / 2, values).astype(np.int64)
