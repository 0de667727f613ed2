import pytest
import torch
from torch import nn

from secateur import Masks
from secateur.errors import RecipeError


def test_apply_writes_positive_zero_even_over_negative_and_nan() -> None:
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.data = torch.tensor([[-3.0, float("nan")]])
    masks = Masks({"weight": torch.tensor([[False, False]])})
    masks.apply_(layer)
    assert layer.weight.tolist() == [[0.0, 0.0]]
    assert not bool(torch.signbit(layer.weight).any())  # -0.0 would cost a stored value in the file
    assert masks.hold_exactly(layer)


def test_hold_exactly_sees_a_negative_zero_and_a_revived_weight() -> None:
    layer = nn.Linear(2, 1, bias=False)
    masks = Masks({"weight": torch.tensor([[False, True]])})
    layer.weight.data = torch.tensor([[-0.0, 1.0]])
    assert not masks.hold_exactly(layer)
    layer.weight.data = torch.tensor([[1e-30, 1.0]])
    assert not masks.hold_exactly(layer)


def test_counts() -> None:
    masks = Masks({"a": torch.tensor([True, False, False, True]), "b": torch.tensor([[True]])})
    assert (masks.total, masks.removed, masks.sparsity) == (5, 2, 0.4)
    assert Masks().sparsity == 0.0
    assert repr(masks) == "Masks(2 tensors, 2 of 5 elements removed, 40.0 %)"
    assert repr(Masks({"a": torch.ones(1000) > 0})) == "Masks(1 tensor, 0 of 1,000 elements removed, 0.0 %)"


def test_masks_that_were_edited_count_as_they_are() -> None:
    layer = nn.Linear(2, 2)
    masks = Masks({"weight": torch.tensor([[True, False], [False, True]])})
    assert masks.removed == 2
    masks.tensors["weight"][:] = True
    masks.tensors["weight"][0, 0] = False
    masks.apply_(layer)
    assert (masks.removed, int((layer.weight == 0).sum())) == (1, 1)
    assert masks.hold_exactly(layer)


def test_hash_depends_on_names_shapes_and_bits_but_not_on_order() -> None:
    a, b = torch.tensor([True, False]), torch.tensor([[False, True]])
    assert Masks({"a": a, "b": b}).hash() == Masks({"b": b, "a": a}).hash()
    assert Masks({"a": a}).hash() != Masks({"b": a}).hash()
    assert Masks({"a": a}).hash() != Masks({"a": ~a}).hash()
    assert Masks({"a": b}).hash() != Masks({"a": b.flatten()}).hash()


def test_masks_of_another_model_are_refused() -> None:
    with pytest.raises(RecipeError, match="'weight_g', which this model does not have"):
        Masks({"weight_g": torch.tensor([True])}).apply_(nn.Linear(1, 1))


def test_masks_of_the_network_before_a_cut_are_refused_with_both_shapes() -> None:
    masks = Masks({"weight": torch.ones(4, 2) > 0})
    for use in (masks.apply_, masks.hold_exactly):
        with pytest.raises(
            RecipeError, match=r"weight has shape \(4, 2\), the parameter .* \(3, 2\).*after a cut"
        ):
            use(nn.Linear(2, 3))


def test_a_mask_is_boolean() -> None:
    with pytest.raises(RecipeError, match=r"mask of a has elements of torch.uint8. Expected torch.bool"):
        Masks({"a": torch.tensor([1, 0], dtype=torch.uint8)})
