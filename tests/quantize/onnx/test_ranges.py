import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from secateur.quantize.onnx.ranges import BINS, LEVELS, RANGES, Histogram, mse, percentile, squared_error

Values = NDArray[np.float32]

values = arrays(np.float32, st.integers(0, 200), elements=st.floats(-(2.0**100), 2.0**100, width=32))
methods = pytest.mark.parametrize("method", RANGES)


def histogram(*parts: Values) -> Histogram:
    seen = Histogram()
    for part in parts:
        seen.add(part)
    return seen


def rounded(x: Values, low: float, high: float) -> NDArray[np.float64]:
    """What an ONNX QuantizeLinear and DequantizeLinear with uint8 make of x."""
    step = (high - low) / LEVELS
    zero = round(-low / step)
    return (np.clip(np.round(x / np.float64(step)) + zero, 0, 255) - zero) * step


@methods
@given(x=values)
def test_zero_is_in_every_range_and_nothing_beyond_what_was_seen(method: str, x: Values) -> None:
    low, high = RANGES[method](histogram(x))
    assert min(0, *x, 0) <= low <= 0 <= high <= max(0, *x, 0)


@given(x=values, cut=st.integers(0, 200))
def test_a_stream_in_pieces_is_the_stream_at_once(x: Values, cut: int) -> None:
    whole, pieces = histogram(x), histogram(x[:cut], x[cut:])
    assert (whole.low, whole.high, whole.reach) == (pieces.low, pieces.high, pieces.reach)
    np.testing.assert_array_equal(whole.counts, pieces.counts)


@given(x=values)
def test_each_value_but_zero_is_counted_once_in_the_bin_that_holds_it(x: Values) -> None:
    seen = histogram(x)
    assert seen.counts.sum() == np.count_nonzero(x)
    assert len(seen.counts) == 2 * BINS
    for value in x[x != 0]:
        alone = Histogram(reach=seen.reach)
        alone.add(np.array([value]))
        centre = alone.centres[alone.counts.argmax()]
        assert abs(centre - value) <= seen.reach / BINS / 2


@given(x=arrays(np.float32, 300, elements=st.floats(-1, 1, width=16)))
def test_mse_is_never_worse_than_all_of_the_range(x: Values) -> None:
    seen = histogram(x)
    assert squared_error(seen, mse(seen)) <= squared_error(seen, (seen.low, seen.high))


def test_the_error_is_that_of_rounding_the_bins_centres_to_uint8() -> None:
    seen = histogram(np.random.default_rng(0).normal(0, 1, 1000).astype(np.float32))
    x = np.repeat(seen.centres, seen.counts)
    for low, high in [(-3.0, 3.0), (-1.0, 2.0), (0.0, 1.0), (-0.3, 0.0)]:
        expected = ((rounded(x.astype(np.float32), low, high) - x) ** 2).sum()
        assert squared_error(seen, (low, high)) == pytest.approx(expected, rel=1e-3)


def test_an_outlier_widens_minmax_but_not_the_percentile() -> None:
    x = np.append(np.linspace(-1, 1, 100_000, dtype=np.float32), np.float32(50))
    seen = histogram(x)
    assert RANGES["minmax"](seen) == (-1, 50)
    assert percentile(seen)[1] == pytest.approx(1, abs=50 / 1000)


def test_a_percentile_keeps_its_share_of_the_values() -> None:
    x = np.arange(1, 1001, dtype=np.float32)
    low, high = percentile(histogram(x), 90)
    assert low == 0
    assert np.mean(x > high) == pytest.approx(0.1, abs=0.002)


def test_mse_clips_where_the_two_errors_balance() -> None:
    x = np.append(np.random.default_rng(0).normal(0, 1, 100_000), 100).astype(np.float32)
    found = mse(histogram(x))
    error = float(((rounded(x, *found) - x) ** 2).sum())
    for end in np.linspace(found[0], 100, 50)[1:]:
        assert error <= 1.02 * float(((rounded(x, found[0], end) - x) ** 2).sum())


@methods
def test_zeros_alone_have_the_empty_range(method: str) -> None:
    assert RANGES[method](histogram(np.zeros((3, 4), np.float32))) == (0, 0)
    assert RANGES[method](Histogram()) == (0, 0)


@methods
@pytest.mark.parametrize("value", [2.5, -2.5, 1.0, 1e-42, 3e38])
def test_a_constant_reaches_from_zero_to_itself(method: str, value: float) -> None:
    constant = np.full(7, value, np.float32)
    low, high = RANGES[method](histogram(constant))
    assert (low, high) == (min(0, constant[0]), max(0, constant[0]))


@methods
def test_one_value_is_enough(method: str) -> None:
    assert RANGES[method](histogram(np.array([[4]], np.float32))) == (0, 4)
