import itertools
from xml.etree import ElementTree

import pytest
from sample_report import entry, guessing_at_random, latency, missing, point, sample, with_everything_missing

from secateur.report import lines, rows, words
from secateur.report.schema import Report
from secateur.report.svg import Scale


def parsed(drawing: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawing)


def texts(drawing: str) -> list[str]:
    return ["".join(text.itertext()) for text in parsed(drawing).iter("text")]


def test_a_whisker_has_its_dot_on_its_interval_and_the_reference_beside_it() -> None:
    one = entry(0.5, [0.25, 0.75], 10, 1, 100, latency(1.0))
    reference, interval, dot = parsed(rows.whisker(one, Scale(0, 1), 0.9, "pruned"))
    assert (reference.get("x1"), reference.get("x2")) == ("90.00%", "90.00%")
    assert (interval.get("x1"), interval.get("x2")) == ("25.00%", "75.00%")
    assert (dot.tag, dot.get("cx"), dot.get("class")) == ("circle", "50.00%", "dot pruned")


def test_a_whisker_without_interval_is_a_dot() -> None:
    one = entry(0.5, [], 10, 1, 100, latency(1.0))
    one["ci95"] = missing("why")
    assert [mark.tag for mark in parsed(rows.whisker(one, Scale(0, 1), 0.9, "pruned"))] == ["line", "circle"]


@pytest.mark.parametrize(("value", "x"), [(0.1, "0%"), (0.99, "100%")])
def test_a_value_off_the_scale_is_an_arrow_at_the_edge(value: float, x: str) -> None:
    one = entry(value, [value - 0.01, value + 0.01], 10, 1, 100, latency(1.0))
    _, arrow = parsed(rows.whisker(one, Scale(0.8, 0.9), 0.85, "pruned"))
    assert (arrow.tag, arrow.get("x")) == ("text", x)


def test_an_interval_is_cut_at_the_edge_of_the_scale() -> None:
    one = entry(0.85, [0.1, 0.95], 10, 1, 100, latency(1.0))
    _, interval, _ = parsed(rows.whisker(one, Scale(0.8, 0.9), 0.85, "pruned"))
    assert (interval.get("x1"), interval.get("x2")) == ("0.00%", "100.00%")


def test_the_scale_holds_every_network_unless_one_is_far_off() -> None:
    scale = rows.metric_scale(sample())
    assert scale(0.9026) > 0  # the lower end of random pruning
    assert scale.high <= 1
    narrow = rows.metric_scale(guessing_at_random())
    assert narrow.low > 0.9
    assert narrow(0.9680) > 0  # the lower end of the pruned network


def test_bars_are_fractions_of_the_width() -> None:
    whole, part = parsed(rows.bar(0.25, 1, "pruned"))
    assert (whole.get("width"), part.get("width")) == ("100.00%", "25.00%")


def test_latencies_begin_at_zero_and_carry_their_numbers() -> None:
    drawing = rows.latency(sample())
    root = parsed(drawing)
    dots = {dot.get("class"): dot.get("cx") or "" for dot in root.iter("circle")}
    assert len(dots) == 6
    assert dots["dot native"] == Scale(0, 1.04 * 1.12 * 0.0415).x(0.0173)
    assert dots["dot pruned"] == Scale(0, 1.04 * 1.12 * 0.0415).x(0.0409)
    assert "0 ms" in texts(drawing)
    assert "0.0409 (0.0397 to 0.0458)" in texts(drawing)
    assert "Small dense 0.0140 (0.0136 to 0.0157)" in (root.findtext("desc") or "")


def test_networks_without_latency_have_no_row() -> None:
    report = sample()
    report["dense_control"] = missing("stopped")
    report["random_baseline"] = {**report["pruned"], "latency_ms": missing("stopped")}
    names = texts(rows.latency(report))
    assert "Pruned" in names
    assert not {"Dense control", "Random pruning"} & set(names)


def test_the_history_is_drawn_and_told() -> None:
    drawing = lines.history(sample())
    shown = texts(drawing)
    assert {"Pruned 99.11 %", "Dense control 99.17 %", "Sparsity 90.0 %", "600 steps"} <= set(shown)
    told = parsed(drawing).findtext("desc") or ""
    assert "Pruned: from 98.89 % to 99.11 % in 600 steps, at worst 91.49 %" in told


def test_a_history_of_one_point_or_of_one_network_is_drawn() -> None:
    report = sample()
    report["history"] = {"pruned": report["history"]["pruned"][:1]}
    assert "Pruned 98.89 %" in texts(lines.history(report))
    report["history"] = {"dense_control": sample()["history"]["dense_control"]}
    assert not any(text.startswith(("Pruned", "Sparsity")) for text in texts(lines.history(report)))


def curve_labels(report: Report) -> list[str]:
    points = words.known(report["curve"])
    assert points is not None
    return texts(lines.curve(report, points))


def test_the_curve_is_logarithmic_and_labelled_with_bytes() -> None:
    report = sample()
    points = words.known(report["curve"])
    assert points is not None
    drawing = lines.curve(report, list(reversed(points)))  # any order
    places = [float((dot.get("cx") or "").rstrip("%")) for dot in parsed(drawing).iter("circle")]
    steps = [b - a for a, b in itertools.pairwise(places)]
    assert all(step == pytest.approx(steps[0], abs=0.02) for step in steps)  # 2, 4, 8, 16, 32
    assert {"2x", "32x", "92.5 kB", "7.15 kB", "Dense"} <= set(curve_labels(report))


def test_many_points_have_no_more_labels_than_there_is_room() -> None:
    report = sample()
    points = [point(2 + i, 0.98, 1000) for i in range(25)]
    report["curve"] = points
    assert len([label for label in curve_labels(report) if label.endswith("x")]) <= 10
    assert len(list(parsed(lines.curve(report, points)).iter("circle"))) == 25


def test_one_point_without_interval_is_a_curve_too() -> None:
    report = with_everything_missing()
    one = point(4, 0.98, 1000)
    one["ci95"] = missing("why")
    report["curve"] = [one]
    assert "4x" in curve_labels(report)
