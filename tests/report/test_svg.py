import itertools
import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secateur.report import svg
from secateur.report.svg import Scale

HOSTILE = "</text><script>alert(1)</script>\"'&"


def test_scales() -> None:
    straight, log = Scale(10, 20), Scale(1, 16, log=True)
    assert [straight(value) for value in (10, 15, 20, 25)] == [0, 0.5, 1, 1.5]
    assert [log(value) for value in (1, 4, 16)] == [0, 0.5, 1]
    assert straight.x(12.5) == "25.00%"
    assert straight.y(12.5, 200) == 150  # pixels count from the top
    assert Scale(3, 3)(3) == 0.5


def test_ticks_are_round_numbers() -> None:
    assert svg.ticks(Scale(0.9, 1.0), about=4) == [0.9, 0.925, 0.95, 0.975, 1.0]
    assert svg.ticks(Scale(0, 600), about=5) == [0, 200, 400, 600]
    assert svg.ticks(Scale(-0.3, 0.3), about=5) == [-0.2, 0, 0.2]


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_lie_on_the_scale_and_are_neither_none_nor_many(low: float, span: float, about: int) -> None:
    scale = Scale(low, low + span)
    places = svg.ticks(scale, about)
    assert 1 <= len(places) <= about + 1
    assert all(-0.001 <= scale(place) <= 1.001 for place in places)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_a_scale_around_values_holds_them_and_has_a_width(values: list[float]) -> None:
    scale = svg.around(values)
    assert all(0 <= scale(value) <= 1 for value in values)
    assert scale.high > scale.low


def test_a_scale_around_values_stays_within_what_is_possible() -> None:
    assert svg.around([0.5, 0.99], 0, 1) == Scale(pytest.approx(0.4608), 1)  # type: ignore[arg-type]
    assert svg.around([0.0], 0, 1) == Scale(0, 1)


@given(st.lists(st.floats(0, 300), max_size=8), st.floats(1, 30))
def test_labels_keep_their_order_distance_and_centre(places: list[float], gap: float) -> None:
    moved = svg.spread_out(places, gap)
    order = sorted(range(len(places)), key=places.__getitem__)
    ordered = [moved[i] for i in order]
    assert all(b - a >= gap - 1e-6 for a, b in itertools.pairwise(ordered))
    assert math.isclose(sum(moved), sum(places), abs_tol=1e-6)


def test_labels_with_room_stay_where_they_are() -> None:
    assert svg.spread_out([10, 40, 90], gap=15) == [10, 40, 90]
    assert svg.spread_out([50, 10, 52], gap=14) == [44, 10, 58]


def test_words_and_attributes_are_escaped() -> None:
    drawing = svg.drawing(HOSTILE, HOSTILE, 20, svg.text(HOSTILE, HOSTILE, 0, class_=HOSTILE))
    root = ElementTree.fromstring(drawing)  # not well-formed if anything broke out
    assert [child.tag for child in root] == ["title", "desc", "text"]
    assert {root[0].text, root[1].text, root[2].text, root[2].get("class"), root[2].get("x")} == {HOSTILE}


def test_a_curve_is_drawn_in_fractions_of_the_width_and_pixels_of_the_height() -> None:
    root = ElementTree.fromstring(svg.curve([(0, 10), (0.5, 0), (1, 20)], 20, "pruned"))
    assert root.get("viewBox") == "0 0 100 20"
    assert root[0].get("points") == "0.00,10.00 50.00,0.00 100.00,20.00"
