"""Channels and heads by hand: pooling, rounding, masks."""

import math

import pytest
import torch
from torch import Tensor

from secateur import Channels, Heads
from secateur.core.groups import Group, Kind, Member
from secateur.errors import RecipeError
from secateur.patterns.channels import channels_of

INF = math.inf


def group(units: int = 2, span: int = 1, kind: Kind = "channels") -> Group:
    """`a` (units * span, 2) makes the channels, `b` (3, units * span) reads them."""
    positions = torch.arange(units * span).reshape(units, span)
    return Group(
        "a",
        units,
        (Member("a", (units * span, 2), 0, positions), Member("b", (3, units * span), 1, positions)),
        kind,
    )


def scores() -> dict[str, Tensor]:
    return {
        "a": torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        "b": torch.tensor([[1.0, 0.0], [1.0, 6.0], [1.0, 0.0]]),
    }


@pytest.mark.parametrize(
    ("pool", "expected"),
    [("sum", [6.0, 13.0]), ("mean", [1.2, 2.6]), ("max", [2.0, 6.0]), ("l2", [math.sqrt(8), math.sqrt(61)])],
)
def test_rows_and_columns_are_pooled(pool: str, expected: list[float]) -> None:
    pattern = Channels(pool=pool, relative=False)  # type: ignore[arg-type]
    assert pattern.units(group(), scores()).tolist() == pytest.approx(expected)


def test_relative_scores_have_the_mean_one() -> None:
    assert Channels(pool="sum").units(group(), scores()).tolist() == pytest.approx([6 / 9.5, 13 / 9.5])


def test_elements_that_another_group_removed_do_not_count_and_a_unit_without_any_is_gone() -> None:
    left = scores()
    left["a"][0] = -INF  # all of unit 0's row, but its column is there
    left["b"][0] = -INF  # the first reader is gone
    assert Channels(pool="mean", relative=False).units(group(), left).tolist() == [1.0, 13 / 4]
    left["b"][:, 0] = -INF
    assert Channels(pool="mean", relative=False).units(group(), left).tolist() == [-INF, 13 / 4]


def test_masks_cover_makers_and_readers() -> None:
    masks = Channels().masks(group(), scores(), torch.tensor([5.0, 1.0]), 1)
    assert masks["a"].tolist() == [[True, True], [False, False]]
    assert masks["b"].tolist() == [[True, False]] * 3


def test_a_buffer_has_no_mask() -> None:
    running = Member("norm.running_mean", (2,), 0, torch.tensor([[0], [1]]), buffer=True)
    with_buffer = Group("a", 2, (*group().members, running), "channels")
    assert set(Channels().masks(with_buffer, scores(), torch.tensor([1.0, 2.0]), 1)) == {"a", "b"}


@pytest.mark.parametrize(
    ("units", "span", "remove", "left"),
    [
        (64, 1, 0, 64),
        (64, 1, 3, 64),  # 61 is nearer to 64 than to 56
        (64, 1, 5, 56),
        (64, 1, 63, 8),
        (20, 1, 3, 16),
        (20, 1, 2, 20),  # as near to the whole width, which is allowed, as to 16
        (8, 1, 5, 3),  # no wider than a step: not rounded
        (16, 4, 5, 12),  # four channels to a unit: two units are a step
    ],
)
def test_widths_that_are_left_are_round(units: int, span: int, remove: int, left: int) -> None:
    assert units - Channels(round_to=8).rounded(group(units, span), remove) == left


RECURRENT = (
    Member("ih", (12, 2), 0, torch.arange(12).reshape(3, 4).T),
    Member("hh", (12, 4), 0, torch.arange(12).reshape(3, 4).T),
    Member("hh", (12, 4), 1, torch.arange(4)[:, None]),
)
GROUPED = (  # what it makes is read by a convolution of two groups, with one column for two channels
    Member("a", (8, 2, 3, 3), 0, torch.arange(8).reshape(2, 4).T),
    Member("b", (6, 4, 3, 3), 1, torch.arange(4)[:, None]),
)


@pytest.mark.parametrize(
    ("of", "channels"),
    [
        (group(4), 1),
        (group(4, span=3), 3),
        (group(4, span=16, kind="heads"), 1),
        (Group("gru", 4, RECURRENT, "channels"), 1),
        (Group("grouped", 4, GROUPED, "channels"), 2),
    ],
    ids=["plain", "GroupNorm", "heads", "recurrent", "grouped convolution"],
)
def test_a_unit_is_as_many_channels_as_its_maker_loses(of: Group, channels: int) -> None:
    assert channels_of(of) == channels


def test_the_minimum_stays() -> None:
    assert Channels(round_to=8, minimum=20).rounded(group(64), 60) == 64 - 24
    assert Channels(round_to=1, minimum=20).rounded(group(64), 60) == 64 - 20
    assert Heads(minimum=2).rounded(group(4, kind="heads"), 3) == 2


def test_heads_are_not_rounded_and_are_all_that_heads_selects() -> None:
    channels, heads = group(), group(12, kind="heads")
    assert Channels().rounded(heads, 5) == 5
    assert Heads().select([channels, heads]) == [heads]
    assert Channels().select([channels, heads]) == [channels, heads]


@pytest.mark.parametrize("options", [{"pool": "median"}, {"round_to": 0}, {"minimum": 0}])
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match=next(iter(options))):
        Channels(**options)  # type: ignore[arg-type]
