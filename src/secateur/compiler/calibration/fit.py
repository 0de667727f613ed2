"""Which costs explain the times that were measured?"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

SWEEPS = 20_000


def fitted(
    work: Sequence[Mapping[str, float]], times: NDArray[np.float64], known: Mapping[str, float]
) -> tuple[dict[str, float], float]:
    """Costs of all pieces, and the mean squared relative error of the times that follow from them.

    Least squares of relative errors, with no cost below 0. A piece that no time depends on keeps what it was
    known to cost, in proportion to the others.

    Args:
        work: of each time, how many of each piece.
        times: in nanoseconds.
        known: piece -> cost so far.
    """
    names = list(known)
    rows = np.array([[pieces.get(name, 0.0) for name in names] for pieces in work]) / times[:, None]
    scale = rows.max(axis=0)
    measured = np.flatnonzero(scale > 0)
    a = rows[:, measured] / scale[measured]
    found = _at_least_zero(a.T @ a, a.sum(axis=0)) / scale[measured]
    costs = dict(zip([names[i] for i in measured], map(float, found), strict=True))
    before = sum(known[name] for name in costs)
    pace = sum(costs.values()) / before if before else 1.0
    error = rows[:, measured] @ found - 1
    return {name: costs.get(name, pace * known[name]) for name in names}, float(np.mean(error**2))


def _at_least_zero(gram: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The x >= 0 that minimises x gram x / 2 - target x, one coordinate after the other."""
    x = np.zeros(len(target))
    for _ in range(SWEEPS):
        before = x.copy()
        for i in range(len(x)):
            x[i] = max(0.0, x[i] + (target[i] - gram[i] @ x) / gram[i, i])
        if np.abs(x - before).max() <= 1e-9 * np.abs(x).max():
            break
    return x
