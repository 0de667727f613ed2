from collections.abc import Iterable, Mapping

import numpy as np

from secateur.graph.relations import Axis, Positions
from secateur.graph.units import Width, fixed_widths, groups_of

NO_HEADS = np.zeros(0, np.int64)
SHAPES = {"a.weight": (4, 2), "a.bias": (4,), "b.weight": (3, 4), "mean": (4,)}


def labels(**given: list[int]) -> dict[Axis, Positions]:
    """Axis, as "name__axis" with "_" for ".", -> unit of each position."""
    found = {}
    for key, units in given.items():
        name, _, axis = key.rpartition("__")
        found[name.replace("_", "."), int(axis)] = np.array(units, np.int64)
    return found


def unknown(_units: Iterable[int]) -> Mapping[int, tuple[int, str]]:
    """No layer is known to make a unit."""
    return {}


def test_units_in_the_same_axes_are_one_group() -> None:
    found = labels(a_weight__0=[5, 6, 7, 8], a_bias__0=[5, 6, 7, 8], b_weight__1=[5, 6, 7, 8])
    (group,) = groups_of(found, SHAPES, NO_HEADS, (), unknown)
    assert (group.name, group.units, group.kind) == ("a", 4, "channels")
    assert [(m.tensor, m.axis, m.shape) for m in group.members] == [
        ("a.weight", 0, (4, 2)),
        ("a.bias", 0, (4,)),
        ("b.weight", 1, (3, 4)),
    ]


def test_a_unit_owns_the_same_row_in_each_member() -> None:
    """Unit 9 is position 0 of a and positions 2 and 3 of b; unit 4 is position 1 of a, 0 and 1 of b."""
    found = labels(a_weight__1=[9, 4], b_weight__1=[4, 4, 9, 9])
    (group,) = groups_of(found, SHAPES, NO_HEADS, (), unknown)
    positions = [m.positions.tolist() for m in group.members if m.positions is not None]
    assert positions == [[[1], [0]], [[0, 1], [2, 3]]]


def test_units_that_occur_unequally_often_are_two_groups() -> None:
    """1 and 2 go with one column each, 3 and 4 with none."""
    found = labels(a_weight__0=[1, 2, 3, 4], b_weight__0=[1, 2, 0])
    groups = groups_of(found, SHAPES, NO_HEADS, (), unknown)
    assert {(g.name, g.units, len(g.members)) for g in groups} == {("a", 2, 2), ("a#2", 2, 1)}


def test_a_single_unit_is_no_group() -> None:
    found = labels(a_weight__0=[1, 1, 1, 1], b_weight__1=[2, 0, 0, 0])
    assert groups_of(found, SHAPES, NO_HEADS, (), unknown) == ()


def test_buffers_alone_are_no_group_but_go_along() -> None:
    alone = labels(mean__0=[1, 2, 3, 4])
    assert groups_of(alone, SHAPES, NO_HEADS, {"mean"}, unknown) == ()
    (group,) = groups_of(alone | labels(a_weight__0=[1, 2, 3, 4]), SHAPES, NO_HEADS, {"mean"}, unknown)
    assert [(m.tensor, m.buffer) for m in group.members] == [("mean", True), ("a.weight", False)]


def test_groups_are_named_after_their_makers_and_stand_in_their_order() -> None:
    found = labels(a_weight__0=[1, 2, 3, 4], b_weight__0=[5, 6, 7], b_weight__1=[1, 2, 3, 4])
    made = {1: (7, "b.weight"), 5: (3, "b.weight")}
    groups = groups_of(found, SHAPES, NO_HEADS, (), lambda _: made)
    assert [(g.name, g.units) for g in groups] == [("b", 3), ("b#2", 4)]


def test_heads_are_said_to_be_heads() -> None:
    found = labels(a_weight__0=[1, 1, 2, 2], b_weight__0=[3, 4, 5])
    groups = groups_of(found, SHAPES, np.array([1, 2]), (), unknown)
    assert {g.name: g.kind for g in groups} == {"a": "heads", "b": "channels"}


def test_widths_that_are_left_over_say_how_many_and_why() -> None:
    found = labels(a_weight__0=[1, 2, 3, 4], b_weight__0=[8, 9, 0])
    groups = groups_of(found, SHAPES, NO_HEADS, (), unknown)
    widths = fixed_widths(groups, list(SHAPES), SHAPES, lambda axis: f"because of {axis}")
    assert widths == (
        Width("a.weight", 1, 2, "because of ('a.weight', 1)"),
        Width("b.weight", 0, 1, "because of ('b.weight', 0)"),
        Width("b.weight", 1, 4, "because of ('b.weight', 1)"),
    )
