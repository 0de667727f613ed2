import pytest
import torch

from secateur.core.groups import Group, Member
from secateur.core.masks import Masks
from secateur.errors import SurgeryError
from secateur.surgery import masks_without, removed_units
from secateur.surgery.removal import kept_positions

PAIRS = torch.tensor([[0, 3], [1, 4], [2, 5]])
ONES = torch.arange(3)[:, None]
GROUP = Group(
    "hidden",
    3,
    (
        Member("first.weight", (6, 2), 0, PAIRS),
        Member("first.bias", (6,), 0, PAIRS),
        Member("norm.running_mean", (6,), 0, PAIRS, buffer=True),
        Member("second.weight", (2, 3), 1, ONES),
    ),
    "channels",
)


def full() -> dict[str, torch.Tensor]:
    shapes = {"first.weight": (6, 2), "first.bias": (6,), "second.weight": (2, 3)}
    return {name: torch.ones(shape, dtype=torch.bool) for name, shape in shapes.items()}


def test_a_unit_is_removed_where_nothing_of_it_is_left_in_any_parameter() -> None:
    masks = full()
    masks["first.weight"][[1, 4]] = False
    masks["first.bias"][[1, 4]] = False
    assert not removed_units([GROUP], Masks(masks))["hidden"].any()
    masks["second.weight"][:, 1] = False
    assert removed_units([GROUP], Masks(masks))["hidden"].tolist() == [False, True, False]
    masks["first.weight"][4, 1] = True
    assert not removed_units([GROUP], Masks(masks))["hidden"].any()


def test_a_parameter_without_a_mask_stays_whole_and_its_units_too() -> None:
    masks = {name: torch.zeros_like(mask) for name, mask in full().items() if name != "first.bias"}
    assert not removed_units([GROUP], Masks(masks))["hidden"].any()


def test_masks_without_units_remove_exactly_these_units() -> None:
    gone = torch.tensor([False, False, True])
    masks = masks_without([GROUP], {"hidden": gone})
    assert masks.tensors["first.weight"].int().tolist() == [[1, 1], [1, 1], [0, 0]] * 2
    assert masks.tensors["first.bias"].int().tolist() == [1, 1, 0, 1, 1, 0]
    assert masks.tensors["second.weight"].int().tolist() == [[1, 1, 0], [1, 1, 0]]
    assert "norm.running_mean" not in masks.tensors
    assert torch.equal(removed_units([GROUP], masks)["hidden"], gone)


def test_what_another_group_removes_counts_too() -> None:
    """Element (1, 1) goes with row 1 of one group and column 1 of the other."""
    rows = Group("rows", 2, (Member("w", (2, 2), 0, torch.arange(2)[:, None]),), "channels")
    columns = Group("columns", 2, (Member("w", (2, 2), 1, torch.arange(2)[:, None]),), "channels")
    masks = Masks({"w": torch.tensor([[True, False], [False, False]])})
    removed = removed_units([rows, columns], masks)
    assert removed["rows"].tolist() == removed["columns"].tolist() == [False, True]


def test_kept_positions_of_two_groups_on_one_axis_are_what_both_leave() -> None:
    other = Group("other", 2, (Member("joined", (5,), 0, torch.tensor([[3], [4]])),), "channels")
    hidden = Group("hidden", 3, (Member("joined", (5,), 0, ONES),), "channels")
    removed = {"hidden": torch.tensor([True, False, False]), "other": torch.tensor([False, True])}
    assert kept_positions([hidden, other], removed)["joined"][0].tolist() == [1, 2, 3]


def test_a_group_never_goes_to_zero() -> None:
    with pytest.raises(SurgeryError, match=r"all 3 units of hidden.*at least one that stays"):
        kept_positions([GROUP], {"hidden": torch.ones(3, dtype=torch.bool)})


def test_masks_of_another_network_are_refused_with_both_shapes() -> None:
    with pytest.raises(SurgeryError, match=r"first.bias has shape \(3,\).*\(6,\)"):
        removed_units([GROUP], Masks(full() | {"first.bias": torch.ones(3, dtype=torch.bool)}))


def test_groups_of_single_elements_cannot_be_cut() -> None:
    elements = Group("w", 4, (Member("w", (2, 2)),))
    with pytest.raises(SurgeryError, match="only channels and heads"):
        removed_units([elements], Masks({"w": torch.ones(2, 2, dtype=torch.bool)}))
