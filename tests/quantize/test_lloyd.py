"""Against brute force and a naive Lloyd, on inputs small enough for both."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secateur.quantize.lloyd import Clusters, Values, centroids, nearest

SMALL = st.lists(st.integers(-40, 40), min_size=1, max_size=9).map(lambda xs: np.array(xs) / 8)
ANY = st.lists(st.floats(-1e6, 1e6, width=32), max_size=60).map(np.array)  # as weights are
K = st.integers(1, 6)


def error(values: Values, table: Values) -> float:
    """Summed squared distance to the nearest entry, in the plainest way."""
    return float(np.square(values[:, None] - table[None, :]).min(axis=1).sum())


def least_error(values: Values, k: int) -> float:
    """Of all ways to cut the sorted values into at most k ranges."""
    ordered = np.sort(values)
    cuts = itertools.combinations(range(1, len(ordered)), min(k, len(ordered)) - 1)
    return min(
        sum(float(np.square(part - part.mean()).sum()) for part in np.split(ordered, cut)) for cut in cuts
    )


def naive(values: Values, k: int, iterations: int) -> Values:
    """Lloyd without sorting or prefix sums; a value in the middle belongs above, as there."""
    table = np.linspace(values.min(), values.max(), k)
    for _ in range(iterations):
        middle = (table[1:] + table[:-1]) / 2
        member = (values[:, None] >= middle[None, :]).sum(axis=1)
        table = np.array([values[member == i].mean() for i in range(len(table)) if (member == i).any()])
    return table


def test_two_heaps_have_two_middles() -> None:
    found = centroids(np.array([5.0, -1.0, 4.0, -2.0, 6.0, -3.0]), 2)
    assert found.tolist() == [-2.0, 5.0]
    assert nearest(np.array([5.0, -1.0, 1.5, 1.6]), found).tolist() == [1, 0, 0, 1]


def test_the_few_large_values_keep_one_of_their_own() -> None:
    """What starting from evenly spaced values is for; starting from quantiles loses the outlier."""
    values = np.concatenate([np.linspace(-0.1, 0.1, 1000), [9.0]])
    assert centroids(values, 4)[-1] == 9.0


def test_a_cluster_of_nothing_splits_the_one_with_the_largest_error() -> None:
    values = np.array([0.0, 0.1, 0.5, 10.0, 10.1])  # two of four evenly spaced values are nearest to none
    ordered = Clusters(values)
    two = ordered.settled(np.linspace(0, 10.1, 4))
    assert two.tolist() == pytest.approx([0.2, 10.05])
    three = ordered.settled(ordered.split(two))
    assert three.tolist() == pytest.approx([0.05, 0.5, 10.05])
    assert centroids(values, 3).tolist() == three.tolist()
    assert len(centroids(values, 4)) == 4


def test_all_values_are_used_where_small_weights_are_gone() -> None:
    """Pruning by magnitude leaves a gap around zero, and a third of evenly spaced values would lie there."""
    values = np.random.default_rng(0).normal(size=5000)
    values = np.sort(values[np.abs(values) > 1.6])
    assert len(Clusters(values).settled(np.linspace(values[0], values[-1], 16))) < 13
    assert len(centroids(values, 16)) == 16


@pytest.mark.parametrize("k", [1, 3])
def test_no_value_has_no_centroid(k: int) -> None:
    assert centroids(np.array([]), k).shape == (0,)
    assert nearest(np.array([]), np.array([])).shape == (0,)


@given(ANY, K)
def test_few_distinct_values_come_back_exactly(values: Values, k: int) -> None:
    distinct = np.unique(values)
    found = centroids(values, max(k, len(distinct)))
    assert found.tolist() == distinct.tolist()
    if len(distinct):
        assert np.array_equal(found[nearest(values, found)], values)


@given(SMALL, st.integers(1, 4))
def test_never_better_than_the_best_cut_and_that_for_one_cluster(values: Values, k: int) -> None:
    found = error(values, centroids(values, k))
    assert found >= least_error(values, k) - 1e-9
    if k == 1:
        assert found == pytest.approx(least_error(values, 1))


@given(SMALL, K, st.integers(1, 8))
def test_every_iteration_is_the_naive_one(values: Values, k: int, iterations: int) -> None:
    if len(np.unique(values)) <= k:
        return
    start = np.linspace(values.min(), values.max(), k)
    found = Clusters(np.sort(values)).settled(start, iterations)
    assert found == pytest.approx(naive(values, k, iterations), rel=1e-9, abs=1e-12)


@given(ANY, K)
def test_an_iteration_never_makes_the_error_larger(values: Values, k: int) -> None:
    if len(np.unique(values)) <= k:
        return
    clusters, start = Clusters(np.sort(values)), np.linspace(values.min(), values.max(), k)
    errors = [error(values, clusters.settled(start, iterations)) for iterations in (0, 1, 2, 3, 5, 100)]
    errors.append(error(values, centroids(values, k)))
    slack = 1e-9 * (1 + np.square(values).sum())
    assert all(after <= before + slack for before, after in itertools.pairwise(errors))


@given(ANY, K)
def test_ascending_inside_the_values_and_at_most_k(values: Values, k: int) -> None:
    found = centroids(values, k)
    assert len(found) <= k
    assert np.all(np.diff(found) > 0)
    if len(values):
        slack = 1e-9 * np.abs(values).max()
        assert values.min() - slack <= found[0]
        assert found[-1] <= values.max() + slack


@given(ANY, st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8, unique=True))
def test_nearest_is_nearest(values: Values, entries: list[float]) -> None:
    table = np.sort(np.array(entries))
    chosen = table[nearest(values, table)]
    assert float(np.square(values - chosen).sum()) == pytest.approx(error(values, table), rel=1e-6)
