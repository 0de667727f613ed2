from typing import Any

import numpy as np
import pytest
import torch

from secateur import Metric
from secateur.errors import TaskError


def test_wilson_interval_of_a_proportion() -> None:
    low, high = Metric("accuracy", 0.9, n=100).ci95 or (0, 0)
    assert (round(low, 4), round(high, 4)) == (0.8256, 0.9448)  # textbook values


def test_wilson_interval_stays_inside_zero_and_one() -> None:
    low, high = Metric("accuracy", 1.0, n=20).ci95 or (0, 0)
    assert 0.8 < low < 1
    assert high == pytest.approx(1.0)


def test_normal_interval_of_a_mean() -> None:
    metric = Metric("loss", 2.0, n=100, kind="mean", std=0.5, higher_is_better=False)
    assert metric.ci95 == pytest.approx((1.902, 2.098), abs=1e-3)


def test_a_mean_without_spread_has_no_interval() -> None:
    assert Metric("loss", 2.0, n=100, kind="mean").ci95 is None


def test_direction() -> None:
    low, high = (Metric("loss", v, n=1, kind="mean", higher_is_better=False) for v in (1.0, 2.0))
    assert low.better_than(high)
    assert not high.better_than(low)
    assert not low.better_than(low)


@pytest.mark.parametrize(
    ("value", "n", "says"),
    [(float("nan"), 10, "finite number"), (98.7, 10, "outside \\[0, 1\\]"), (0.5, 0, "at least 1")],
)
def test_nonsense_is_refused(value: float, n: int, says: str) -> None:
    with pytest.raises(TaskError, match=says):
        Metric("accuracy", value, n=n)


def test_tensors_and_numpy_numbers_become_plain_ones() -> None:
    metric = Metric("accuracy", torch.tensor(0.5), n=np.int64(4), std=np.float32(0.25))  # type: ignore[arg-type]
    assert [type(value) for value in (metric.value, metric.n, metric.std)] == [float, int, float]


@pytest.mark.parametrize("options", [{"std": float("nan")}, {"std": -1.0}, {"kind": "median"}])
def test_a_spread_or_kind_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(TaskError, match="The metric loss has"):
        Metric("loss", 1.0, n=3, **{"kind": "mean", **options})
