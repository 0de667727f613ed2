import torch
from hypothesis import given
from hypothesis import strategies as st

from secateur.core.select import lowest


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40), st.data())
def test_chooses_exactly_k_and_nothing_lower_is_left(values: list[int], data: st.DataObject) -> None:
    k = data.draw(st.integers(0, len(values)))
    scores = torch.tensor(values, dtype=torch.float32)
    chosen = lowest(scores, k)
    assert int(chosen.sum()) == k
    if 0 < k < len(values):
        assert scores[chosen].max() <= scores[~chosen].min()


def test_of_equal_scores_the_first_go_first() -> None:
    assert lowest(torch.tensor([2.0, 1.0, 1.0, 1.0]), 2).tolist() == [False, True, True, False]


def test_minus_infinity_goes_first() -> None:
    assert lowest(torch.tensor([0.0, -torch.inf, -5.0]), 1).tolist() == [False, True, False]
