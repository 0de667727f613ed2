import pytest
import torch
from torch import Tensor

from secateur.errors import RecipeError
from secateur.quantize import Codebook
from secateur.quantize.codebook import SharedWeight
from secateur.quantize.form import Form

WEIGHT = torch.tensor([[1.0, 0.0, 1.25, -2.0], [-2.5, 1.0, 0.0, 0.75]])


def table(form: Form) -> Tensor:
    assert isinstance(form, SharedWeight)
    return form.table


def test_two_values_are_the_means_of_their_members() -> None:
    form = Codebook(bits=1)(WEIGHT, WEIGHT != 0)
    assert table(form).tolist() == [-2.25, 1.0]
    assert form().tolist() == [[1.0, 0.0, 1.0, -2.25], [-2.25, 1.0, 0.0, 1.0]]


def test_an_entry_gets_the_summed_gradients_of_its_members() -> None:
    """Deep Compression, section 3.3: here 1 + 4 + 32 + 128 and 8 + 16; removed ones count for nothing."""
    form = Codebook(bits=1)(WEIGHT, WEIGHT != 0)
    gradient = torch.tensor([[1.0, 2.0, 4.0, 8.0], [16.0, 32.0, 64.0, 128.0]])
    torch.autograd.backward(form(), gradient)
    assert table(form).grad is not None
    assert table(form).grad.tolist() == [8.0 + 16.0, 1.0 + 4.0 + 32.0 + 128.0]  # type: ignore[union-attr]


def test_zero_is_not_one_of_the_values() -> None:
    """16 values for what is left, and the zeros of the mask beside them."""
    torch.manual_seed(0)
    weight = torch.randn(40, 40)
    mask = torch.rand(40, 40) > 0.7
    shared = Codebook(bits=4)(weight, mask)()
    assert len(shared[mask].unique()) == 16
    assert not bool((shared[mask] == 0).any())


def test_each_part_has_a_table_for_its_own_rows() -> None:
    weight = torch.tensor([[1.0, 2.0], [1.0, 2.0], [-8.0, -9.0], [-9.0, -8.0]])
    form = Codebook(bits=1, parts=2)(weight, torch.ones(4, 2, dtype=torch.bool))
    assert table(form).tolist() == [1.0, 2.0, -9.0, -8.0]
    assert torch.equal(form(), weight)


def test_parts_may_be_empty_or_differ_in_size() -> None:
    weight = torch.tensor([[0.0, 0.0], [0.0, 0.0], [3.0, 0.0], [4.0, 5.0]])
    form = Codebook(bits=2, parts=2)(weight, weight != 0)
    assert table(form).tolist() == [3.0, 4.0, 5.0]
    assert torch.equal(form(), weight)


@pytest.mark.parametrize("rows", [1, 5])
def test_rows_that_do_not_divide_share_one_table(rows: int) -> None:
    torch.manual_seed(0)
    form = Codebook(bits=2, parts=3)(torch.randn(rows, 30), torch.ones(rows, 30, dtype=torch.bool))
    assert len(table(form)) == 4


@pytest.mark.parametrize("options", [{"bits": 0}, {"bits": 9}, {"parts": 0}, {"parts": 9}])
def test_impossible_options(options: dict[str, int]) -> None:
    with pytest.raises(RecipeError, match=rf"Codebook\({next(iter(options))}=\d\): expected 1 to 8"):
        Codebook(**options)
