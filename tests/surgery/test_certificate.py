import copy
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from secateur.errors import SurgeryError
from secateur.surgery.answers import answers, samples
from secateur.surgery.certificate import Comparison, compare


def test_random_inputs_are_like_the_example() -> None:
    image = torch.rand(2, 3, 8, 8, dtype=torch.float64) * 255
    tokens = torch.tensor([[3, 9], [4, 5]])
    mask = torch.tensor([True, False])
    drawn = samples((image, tokens, mask, None), random=2)
    assert len(drawn) == 3
    for x, ids, same, nothing in drawn[1:]:
        assert (x.shape, x.dtype) == (image.shape, torch.float64)
        assert abs(float(x.mean() - image.mean())) < 20
        assert ids.dtype == torch.int64
        assert 3 <= int(ids.min()) <= int(ids.max()) <= 9
        assert torch.equal(same, mask)
        assert nothing is None
    assert not torch.equal(drawn[1][0], drawn[2][0])


@dataclass
class Answer:
    logits: Tensor
    more: dict[str, list[Tensor]]


class Structured(nn.Module):
    def forward(self, x: Tensor) -> Any:
        return Answer(x, {"a": [x + 1, x + 2]}), "text", 3


def test_tensors_are_found_in_structures_that_pytorch_does_not_know() -> None:
    found = answers(Structured(), (torch.zeros(2),))
    assert [x.tolist() for x in found] == [[0, 0], [1, 1], [2, 2]]


def test_a_network_that_draws_numbers_answers_the_same_each_time() -> None:
    class Noisy(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return x + torch.randn(3)

    assert torch.equal(answers(Noisy(), (torch.zeros(3),))[0], answers(Noisy(), (torch.zeros(3),))[0])


def test_the_difference_is_the_largest_of_all_outputs() -> None:
    a, b = torch.tensor([1.0, -4.0]), torch.tensor([2, 3])
    assert compare([a, b], [a + 0.5, b]) == (0.5, 0.5 / 4)
    assert compare([a, b], [a, b + 1]) == (1.0, 1 / 3)


def test_a_small_output_is_not_hidden_by_a_large_one() -> None:
    large, small = torch.tensor([1e5]), torch.tensor([0.5])
    assert compare([large, small], [large, small + 0.05])[1] == pytest.approx(0.05 / 10)
    assert compare([large, small], [large, small + 1e-6])[1] < 1e-5  # of order 1e5 before it cancelled


def test_infinities_and_nans_at_the_same_places_agree_and_others_do_not() -> None:
    expected = torch.tensor([1.0, torch.inf, -torch.inf, torch.nan])
    assert compare([expected], [expected.clone()]) == (0.0, 0.0)
    for place in range(4):
        other = expected.clone()
        other[place] = torch.inf if place == 3 else torch.nan
        assert compare([expected], [other])[0] > 1e30


def test_other_shapes_are_told() -> None:
    with pytest.raises(SurgeryError, match=r"answers shapes \[\(2, 3\)\], the masked one \[\(2, 4\)\]"):
        compare([torch.zeros(2, 4)], [torch.zeros(2, 3)])


class Logarithm(nn.Module):
    """Refuses what is negative."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Any:
        if (x <= 0).any():
            raise ValueError("negative")
        return self.scale * x.log()


def test_random_inputs_that_the_network_refuses_are_left_out() -> None:
    example = (torch.tensor([0.001, 100.0]),)
    comparison = Comparison(Logarithm(), samples(example, [(torch.ones(2),)]), 2, 1e-5)
    certificate = comparison(Logarithm())
    assert 2 <= certificate.inputs < 4
    with pytest.raises(SurgeryError, match="does not run .* negative"):
        Comparison(Logarithm(), samples(example, [(-torch.ones(2),)]), 2, 1e-5)


def test_zeros_tell_nothing() -> None:
    """Logarithms of 1: whatever was cut, the answers would agree."""
    with pytest.raises(SurgeryError, match="answers all its inputs with zeros"):
        Comparison(Logarithm(), [(torch.ones(2),)], 0, 1e-5)
    assert Comparison(Logarithm(), samples((torch.ones(2) * 2,), []), 2, 1e-5).inputs


def test_relative_is_to_the_largest_output_of_the_masked_network() -> None:
    model, other = Logarithm(), Logarithm()
    with torch.no_grad():
        other.scale.fill_(1.25)
    comparison = Comparison(model, [(torch.tensor([1.0, 2.0]),)], 0, 1e-5)
    certificate = comparison(other)
    assert certificate.relative == pytest.approx(0.25)
    assert certificate.max_abs_diff == pytest.approx(0.25 * 0.6931, abs=1e-4)
    precise = comparison.precisely(other)
    assert precise.dtype == "float64"
    assert precise.relative == pytest.approx(0.25, abs=1e-12)


def test_whether_a_network_trains_is_known_after_a_comparison_in_float64_too() -> None:
    model, x = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), torch.randn(5, 3)
    comparison = Comparison(copy.deepcopy(model), [(x,)], 0, 1e-5)
    comparison.precisely(model)
    assert comparison.trains
    assert not Comparison(copy.deepcopy(model), [(x[:1],)], 0, 1e-5).trains  # one example has no variance
