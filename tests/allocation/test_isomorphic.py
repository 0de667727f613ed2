from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from secateur import GlobalRank
from secateur.allocation import Isomorphic
from secateur.core.groups import Group, Member, ScoredGroup


def conv(name: str, scores: list[float], *, most: int | None = None, bias: bool = False) -> ScoredGroup:
    """The channels that a convolution makes."""
    units = len(scores)
    positions = torch.arange(units)[:, None]
    members = [Member(f"{name}.weight", (units, 3, 3, 3), 0, positions)]
    if bias:
        members.append(Member(f"{name}.bias", (units,), 0, positions))
    return scored(Group(name, units, tuple(members), "channels"), scores, most)


def scored(group: Group, scores: list[float], most: int | None = None) -> ScoredGroup:
    return ScoredGroup(
        group,
        torch.tensor(scores),
        scores.count(float("-inf")),
        group.units if most is None else most,
    )


def linear(name: str, scores: list[float], *, span: int = 1) -> ScoredGroup:
    """The inputs of a linear layer, each of `span` features."""
    units = len(scores)
    positions = torch.arange(units * span).reshape(units, span)
    member = Member(f"{name}.weight", (5, units * span), 1, positions)
    return scored(Group(name, units, (member,), "channels"), scores)


def test_every_structure_loses_the_same_fraction_whatever_its_scores_are() -> None:
    # Half of four and half of six; within the convolutions the lowest go, wherever they are.
    groups = [
        conv("a", [1.0, 2.0]),
        linear("l", [100.0, 300.0, 200.0, 600.0, 500.0, 400.0]),
        conv("b", [3.0, 4.0]),
    ]
    assert Isomorphic()(groups, 5) == {"a": 2, "b": 0, "l": 3}
    assert GlobalRank()(groups, 5) == {"a": 2, "b": 2, "l": 1}


def test_sizes_do_not_make_another_structure() -> None:
    small, large = conv("a", [5.0, 1.0]), conv("deep.inside.b", [2.0, 3.0, 4.0, 6.0])
    assert Isomorphic()([small, large], 3) == {"a": 1, "deep.inside.b": 2}


@pytest.mark.parametrize(
    "other",
    [
        conv("b", [9.0, 9.0], bias=True),
        linear("b", [9.0, 9.0]),
        scored(Group("b", 2, conv("b", [9.0, 9.0]).group.members, "heads"), [9.0, 9.0]),
        scored(Group("b", 2, conv("b", [9.0, 9.0]).group.members * 2, "channels"), [9.0, 9.0]),
    ],
    ids=["a bias", "another layer", "another kind", "one more member"],
)
def test_what_makes_another_structure(other: ScoredGroup) -> None:
    assert Isomorphic()([conv("a", [1.0, 2.0]), other], 2) == {"a": 1, "b": 1}
    assert Isomorphic()([conv("a", [1.0, 2.0]), conv("b", [9.0, 9.0])], 2) == {"a": 2, "b": 0}


def test_the_span_of_a_unit_makes_another_structure() -> None:
    assert Isomorphic()([linear("a", [1.0, 2.0]), linear("b", [9.0, 9.0], span=4)], 2) == {"a": 1, "b": 1}


def test_order_of_members_does_not() -> None:
    group = conv("b", [9.0, 9.0], bias=True)
    turned = scored(Group("b", 2, group.group.members[::-1], "channels"), [9.0, 9.0])
    assert Isomorphic()([conv("a", [1.0, 2.0], bias=True), turned], 2) == {"a": 2, "b": 0}


def test_single_elements_are_told_apart_by_their_axes() -> None:
    def elements(name: str, shape: tuple[int, ...], scores: list[float]) -> ScoredGroup:
        return scored(Group(name, len(scores), (Member(name, shape),)), scores)

    groups = [
        elements("gru.weight_ih_l0", (2, 1), [1.0, 2.0]),
        elements("head.weight", (1, 2), [8.0, 9.0]),
        elements("conv.weight", (2, 1, 1, 1), [1.0, 2.0]),
    ]
    assert Isomorphic()(groups, 3) == {"gru.weight_ih_l0": 2, "head.weight": 0, "conv.weight": 1}


def test_a_floor_sends_the_rest_elsewhere_in_the_class_and_then_to_other_classes() -> None:
    groups = [
        conv("a", [1.0, 2.0, 3.0, 4.0], most=1),
        conv("b", [5.0, 6.0, 7.0, 8.0]),
        linear("l", [9.0] * 8),
    ]
    assert Isomorphic()(groups, 8) == {"a": 1, "b": 3, "l": 4}
    assert Isomorphic()(groups, 12) == {"a": 1, "b": 4, "l": 7}


@given(st.data())
def test_adds_up_within_the_bounds_with_equal_fractions(data: st.DataObject) -> None:
    groups = []
    for number in range(data.draw(st.integers(1, 6))):
        scores = data.draw(st.lists(st.sampled_from([float("-inf"), 0.0, 1.0, 2.0]), min_size=1, max_size=9))
        groups.append((conv if data.draw(st.booleans()) else linear)(str(number), scores))
    least, most = sum(g.least for g in groups), sum(g.most for g in groups)
    remove = data.draw(st.integers(least, most))
    counts = Isomorphic()(groups, remove)
    assert sum(counts.values()) == remove
    assert all(g.least <= counts[g.group.name] <= g.most for g in groups)
    if least == 0:
        units: Counter[int] = Counter()
        gone: Counter[int] = Counter()
        for group in groups:
            axis = group.group.members[0].axis
            units[axis] += group.group.units
            gone[axis] += counts[group.group.name]
        assert all(abs(gone[axis] - remove * units[axis] / most) < 1 for axis in units)
