from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_report import (
    latency,
    sample,
    with_compression,
    with_compression_undone,
    with_cut,
    without_pruning,
)

from secateur.report import words
from secateur.report.schema import Latency, MetricInfo, is_missing

ACCURACY: MetricInfo = {
    "name": "accuracy",
    "higher_is_better": True,
    "kind": "proportion",
    "checkpoint_chosen_on": "validate",
}
LOSS: MetricInfo = {**ACCURACY, "name": "loss", "higher_is_better": False, "kind": "mean"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *[(0, "0.0000"), (0.0412, "0.0412"), (0.0999, "0.100"), (0.412, "0.412"), (0.9999, "1.00")],
        *[
            (4.123, "4.12"),
            (9.96, "10.0"),
            (41.23, "41.2"),
            (99.96, "100"),
            (412.3, "412"),
            (4123.0, "4,123"),
        ],
    ],
)
def test_numbers_have_three_digits_and_no_exponent(value: float, shown: str) -> None:
    assert words.number(value) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        *[(0, "0 B"), (999, "999 B"), (1_000, "1.00 kB"), (17_312, "17.3 kB"), (212_704, "213 kB")],
        *[
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (44_700_000, "44.7 MB"),
            (5_000_000_000_000, "5,000 GB"),
        ],
    ],
)
def test_sizes(count: int, shown: str) -> None:
    assert words.size(count) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(0.0, "0.0 %"), (0.9, "90.0 %"), (0.9917, "99.17 %"), (0.99994, "> 99.99 %"), (1.0, "100.00 %")],
)
def test_sparsity(fraction: float, shown: str) -> None:
    assert words.sparsity(fraction) == shown


@given(st.floats(0, 1, exclude_max=True))
def test_sparsity_is_never_rounded_up_to_all(fraction: float) -> None:
    assert not words.sparsity(fraction).startswith("100")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0 s"), (47.64, "47.6 s"), (60, "1 min 0 s"), (725.4, "12 min 5 s"), (12_000, "3 h 20 min")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert words.duration(seconds) == shown


@pytest.mark.parametrize(
    ("times", "shown"),
    [(12.287, "12.3x smaller"), (1.5, "1.50x smaller"), (1.004, "the same size"), (0.5, "2.00x larger")],
)
def test_size_changes(times: float, shown: str) -> None:
    assert words.size_change(times) == shown


@pytest.mark.parametrize(
    ("times", "shown"),
    [(1.5, "1.50x faster"), (1.09, "no faster"), (0.95, "no faster"), (0.5, "2.00x slower")],
)
def test_small_differences_of_speed_are_none(times: float, shown: str) -> None:
    assert words.speed_change(latency(times), latency(1.0)) == shown


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ((1.1, 1.4, 2.0), (0.9, 1.0, 1.3), "1.40x faster"),
        ((1.1, 1.4, 2.0), (0.9, 1.0, 1.5), "no faster"),  # the dense median is one of the pruned network's
        ((0.9, 1.4, 2.0), (0.8, 1.0, 1.3), "no faster"),  # and the other way round
        ((0.9, 1.0, 1.5), (1.0, 1.4, 2.0), "no faster"),
        ((0.9, 1.0, 1.3), (1.1, 1.4, 2.0), "1.40x slower"),
    ],
)
def test_medians_within_the_spread_of_the_other_are_no_gain(
    before: tuple[float, float, float], after: tuple[float, float, float], shown: str
) -> None:
    first, second = ({**latency(m), "p10": low, "p90": high} for low, m, high in (before, after))
    assert words.speed_change(cast(Latency, first), cast(Latency, second)) == shown


@pytest.mark.parametrize(
    ("before", "after", "info", "shown"),
    [
        (0.9889, 0.9861, ACCURACY, "0.28 points lower"),
        (0.9861, 0.9889, ACCURACY, "0.28 points higher"),
        (0.98704, 0.98519, ACCURACY, "0.18 points lower"),  # 98.70 % to 98.52 %, though it is 0.185
        (0.98890, 0.98891, ACCURACY, "unchanged"),
        (1.234, 1.259, LOSS, "0.025 higher, which is worse"),
        (1.259, 1.234, LOSS, "0.025 lower, which is better"),
    ],
)
def test_metric_changes(before: float, after: float, info: MetricInfo, shown: str) -> None:
    assert words.metric_change(before, after, info) == shown


def test_metrics_and_intervals() -> None:
    assert words.metric(0.98611, ACCURACY) == "98.61 %"
    assert words.interval([0.968, 0.994], ACCURACY) == "96.80 to 99.40 %"
    assert words.metric(1.9, LOSS) == "1.900"
    assert words.metric(1234.5, LOSS) == "1234"
    assert words.interval([-0.04, 0.05], LOSS) == "-0.04000 to 0.05000"
    assert [words.heading(name) for name in ("accuracy", "mAP", "F1")] == ["Accuracy", "mAP", "F1"]


def test_the_network_of_the_file_is_the_compressed_one_where_it_was_kept() -> None:
    kept, undone, never = with_compression(), with_compression_undone(), sample()
    assert [words.final_key(report) for report in (kept, undone, never)] == ["compressed", "pruned", "pruned"]
    assert words.final(kept) is kept["compressed"]
    assert words.final(undone) is undone["pruned"]
    assert "compressed" in words.networks(undone)
    assert "compressed" not in words.networks(never)


def test_networks_are_called_what_they_are() -> None:
    assert words.about("compressed", with_compression()) == ("Compressed", "what the file holds")
    assert words.about("pruned", with_compression()) == ("Pruned", "and recovered")
    assert words.about("pruned", with_compression_undone()) == ("Pruned", "what the file holds")
    assert words.about("compressed", with_compression_undone()) == ("Compressed", "shared or quantised")
    assert words.about("pruned", without_pruning()) == ("Lossless", "nothing removed")
    report = sample()
    assert words.about("small_dense_baseline", report) == ("Small dense", "about the same bytes")
    report["dense_control"]["steps"] = 1_200  # type: ignore[typeddict-unknown-key]
    about = words.about("small_dense_baseline", report)
    assert about == ("Small dense", "hardly trained: no fair baseline")


def test_differences_in_the_yardsticks_own_unit() -> None:
    assert words.points(0.0125, ACCURACY) == "1.25 points"
    assert words.points(0.01254, LOSS) == "0.0125"


def test_two_networks_that_do_not_differ_are_not_said_to_differ_by_nothing() -> None:
    cut = with_cut()["cut"]
    assert not is_missing(cut)
    cut["max_abs_diff"] = cut["relative_diff"] = 0.0
    assert words.cut_check(cut) == "the cut network answers exactly as the masked one on 5 inputs"


def test_the_compiled_network_is_beside_a_time_of_its_own() -> None:
    compiled = sample()["compiled"]
    assert not is_missing(compiled)
    assert "0.0412 ms before, 0.0173 ms after, both timed anew, in turn" in words.native(compiled)


def test_what_is_missing_has_a_reason_and_no_value() -> None:
    assert words.known({"missing": "why"}) is None
    assert words.reason({"missing": "why"}) == "why"
    assert words.known([0.1, 0.2]) == [0.1, 0.2]
    assert words.reason([0.1, 0.2]) == ""
