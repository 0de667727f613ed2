from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from secateur.criteria import LAMP


def lamp(weight: Tensor) -> Any:
    """As nested lists."""
    return LAMP()(nn.Module(), {"w": weight}, None)["w"].tolist()


def test_by_hand() -> None:
    # Squares 1, 4, 4, 16 sum to 25; from each on: 25, 24, 24, 16.
    assert lamp(torch.tensor([[-2.0, 1.0], [4.0, 2.0]])) == [
        pytest.approx([4 / 24, 1 / 25]),
        pytest.approx([1.0, 4 / 24]),
    ]


def test_a_tensor_times_a_number_scores_the_same() -> None:
    weight = torch.tensor([3.0, 1.0, -2.0])
    assert lamp(1e30 * weight) == pytest.approx(lamp(weight))
    assert lamp(1e-30 * weight) == pytest.approx(lamp(weight))


def test_vectors_and_zeros() -> None:
    assert lamp(torch.tensor([0.0, 3.0, 4.0])) == pytest.approx([0.0, 9 / 25, 1.0])
    assert lamp(torch.zeros(2, 2)) == [[0.0, 0.0], [0.0, 0.0]]
    assert lamp(torch.tensor(-5.0)) == 1.0


def test_half_precision_is_summed_in_single() -> None:
    assert lamp(torch.full((4096,), 7.0).half())[0] == 1 / 4096


@given(st.lists(st.floats(-8, 8, width=32, allow_subnormal=False), min_size=1, max_size=12))
def test_is_the_definition_and_ranks_like_the_magnitude(values: list[float]) -> None:
    scores = lamp(torch.tensor(values))
    squares = [value**2 for value in values]
    for square, score in zip(squares, scores, strict=True):
        at_least = sum(other for other in squares if other >= square)
        assert score == pytest.approx(square / at_least if square else 0.0, rel=1e-5, abs=1e-30)
