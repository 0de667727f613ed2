import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from secateur import Blocks, Elements, NofM
from secateur.core.protocols import Pattern
from secateur.errors import RecipeError
from secateur.patterns.rows import from_rows, to_rows


def mask_of(pattern: Pattern, scores: torch.Tensor, remove: int) -> torch.Tensor:
    (group,) = pattern.groups({"w": tuple(scores.shape)})
    named = {"w": scores}
    return pattern.masks(group, named, pattern.units(group, named), remove)["w"]


def test_elements_by_hand() -> None:
    scores = torch.tensor([[3.0, 1.0], [2.0, 4.0]])
    assert mask_of(Elements(), scores, 2).tolist() == [[True, False], [False, True]]


def test_two_of_four_by_hand() -> None:
    scores = torch.tensor([[4.0, 1.0, 3.0, 2.0, 0.0, 0.0, 9.0, 0.0]])
    both = mask_of(NofM(keep=2, of=4), scores, 2)
    assert both.tolist() == [[True, False, True, False, False, False, True, True]]
    # The second run loses 0 + 0, the first 1 + 2: the second goes first.
    one = mask_of(NofM(keep=2, of=4), scores, 1)
    assert one.tolist() == [[True, True, True, True, False, False, True, True]]


def test_blocks_by_hand() -> None:
    scores = torch.tensor([[1.0, 1.0, 0.0, 5.0], [1.0, 1.0, 0.0, 0.0]])
    assert mask_of(Blocks(rows=2, columns=2), scores, 1).tolist() == [[False, False, True, True]] * 2
    assert mask_of(Blocks(rows=1, columns=2), scores, 1).tolist() == [[True] * 4, [True, True, False, False]]


def test_runs_of_a_convolution_are_input_channels_of_one_kernel_position() -> None:
    scores = torch.arange(1.0, 1 + 1 * 4 * 2 * 2).reshape(1, 4, 2, 2)
    mask = mask_of(NofM(keep=1, of=4), scores, 4)
    assert mask[0].sum(dim=0).tolist() == [[1, 1], [1, 1]]
    assert bool(mask[0, 3].all())  # the last channel has the highest score at every position


@given(st.integers(1, 3), st.integers(1, 4), st.lists(st.integers(1, 3), max_size=3))
def test_rows_and_back(out: int, inputs: int, kernel: list[int]) -> None:
    tensor = torch.arange(out * inputs * max(1, torch.Size(kernel).numel())).reshape(out, inputs, *kernel)
    assert torch.equal(from_rows(to_rows(tensor), tensor.shape), tensor)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**31))
def test_blocks_are_whole(rows: int, columns: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(3 * rows, 2 * columns, 2, generator=generator)
    mask = to_rows(mask_of(Blocks(rows, columns), scores, 5))
    grid = mask.reshape(3, rows, 4, columns).movedim(2, 1).reshape(12, -1)
    assert bool((grid.all(dim=1) | ~grid.any(dim=1)).all())
    assert int((~grid.any(dim=1)).sum()) == 5


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        (NofM(keep=2, of=4), "6 input channels are not a multiple of 4.*skip = \\['fc.weight'\\]"),
        (Blocks(rows=4, columns=1), "10 outputs x 6 inputs are not a multiple of 4 x 1"),
    ],
)
def test_a_shape_that_does_not_fit_names_the_weight_and_the_way_out(pattern: Pattern, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        pattern.groups({"fc.weight": (10, 6)})


@pytest.mark.parametrize(("keep", "of"), [(0, 4), (4, 4), (5, 4), (-1, 2)])
def test_impossible_n_of_m(keep: int, of: int) -> None:
    with pytest.raises(RecipeError, match="Expected 0 < keep < of"):
        NofM(keep=keep, of=of)


def test_empty_blocks_are_refused() -> None:
    with pytest.raises(RecipeError, match="at least 1"):
        Blocks(rows=0)
