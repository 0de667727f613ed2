from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from secateur import Calibration, Taylor
from secateur.criteria import Fisher
from secateur.errors import RecipeError


def linear(*weights: float) -> nn.Linear:
    layer = nn.Linear(len(weights), 1, bias=False)
    layer.weight.data = torch.tensor([weights])
    return layer


def mean_of(*batches: Tensor, limit: int = 16) -> Calibration:
    return Calibration(lambda: list(batches), lambda model, x: model(x).mean(), limit)


def weight_score(criterion: Fisher | Taylor, layer: nn.Module, data: Calibration) -> list[float]:
    scores = criterion(layer, dict(layer.named_parameters()), data)["weight"]
    return [float(score) for score in scores.flatten()]


def test_batches_of_one_by_hand() -> None:
    # The gradient of an example is x: E[g^2] = (1 + 9) / 2 and (4 + 0) / 2, times w^2 / 2.
    data = mean_of(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 0.0]]))
    assert weight_score(Fisher(), linear(2.0, -1.0), data) == pytest.approx([4 * 5 / 2, 1 * 2 / 2])


def test_examples_of_a_batch_count_alone() -> None:
    # Each example touches one weight, so signs change nothing: E[g^2] = 4 / 2 and 9 / 2.
    data = mean_of(torch.tensor([[2.0, 0.0], [0.0, 3.0]]))
    assert weight_score(Fisher(), linear(1.0, 1.0), data) == pytest.approx([4 / 2 / 2, 9 / 2 / 2])


def test_opposite_examples_do_not_cancel() -> None:
    layer, batch = linear(1.0), torch.tensor([[1.0], [-1.0], [2.0], [-2.0]])
    data = mean_of(*[batch] * 400, limit=400)
    assert weight_score(Taylor(), layer, data) == [0.0]
    assert weight_score(Fisher(), layer, data) == pytest.approx([2.5 / 2], rel=0.15)  # E[g^2] = (1+1+4+4)/4


class TwoOutputs(nn.Module):
    """The second output is made of the first; both are in the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = linear(3.0), linear(5.0)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.first(x)
        return {"hidden": hidden, "answer": self.second(hidden)}


def test_an_output_that_another_is_made_of_is_signed_once() -> None:
    # d(hidden + answer) / d first = 1 + 5, d / d second = hidden = 3, whatever the one example's sign is.
    model = TwoOutputs()
    data = Calibration(lambda: [torch.ones(1, 1)] * 8, lambda m, x: sum(out.mean() for out in m(x).values()))
    scores = Fisher()(model, dict(model.named_parameters()), data)
    assert float(scores["first.weight"]) == pytest.approx(3**2 * 6**2 / 2)
    assert float(scores["second.weight"]) == pytest.approx(5**2 * 3**2 / 2)


def test_signs_are_repeatable_and_leave_nothing_behind() -> None:
    torch.manual_seed(0)
    layer, state = nn.Linear(3, 2), torch.get_rng_state()
    generator = torch.Generator().manual_seed(1)
    data = mean_of(*torch.randn(3, 8, 3, generator=generator))
    assert weight_score(Fisher(), layer, data) == weight_score(Fisher(), layer, data)
    assert torch.equal(torch.get_rng_state(), state)
    assert not layer._forward_hooks
    assert layer.weight.grad is None


def test_hooks_are_gone_when_the_loss_fails() -> None:
    layer = linear(1.0)

    def broken(model: nn.Module, x: Tensor) -> Tensor:
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        Fisher()(layer, dict(layer.named_parameters()), Calibration(lambda: [torch.ones(1, 1)], broken))
    assert not layer._forward_hooks


class Loss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = linear(2.0)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        return out.mean()


def test_a_network_that_answers_its_loss_gets_the_gradients_of_batches() -> None:
    model = Loss()
    data = Calibration(lambda: [torch.tensor([[1.0], [3.0]])], lambda m, x: m(x))
    scores = Fisher()(model, dict(model.named_parameters()), data)
    assert float(scores["layer.weight"]) == pytest.approx(4 * 2**2 / 2)


def test_data_are_asked_for() -> None:
    layer = linear(1.0)
    with pytest.raises(RecipeError, match="criterion 'fisher' needs batches and a loss"):
        Fisher()(layer, dict(layer.named_parameters()), None)

    def nothing() -> Iterator[Tensor]:
        return iter(())

    with pytest.raises(RecipeError, match="criterion 'fisher' got no batch"):
        Fisher()(layer, dict(layer.named_parameters()), Calibration(nothing, lambda m, x: m(x).mean()))


def test_an_example_has_one_sign_in_both_calls_of_a_pair() -> None:
    layer = nn.Linear(1, 1)  # whose bias cancels in the difference of two calls
    layer.weight.data, layer.bias.data = torch.tensor([[1.0]]), torch.tensor([3.0])
    pairs = (torch.tensor([[1.0], [2.0], [5.0]]), torch.tensor([[0.0], [4.0], [2.0]]))
    data = Calibration(lambda: [pairs] * 50, lambda model, x: (model(x[0]) - model(x[1])).mean(), 50)
    scores = Fisher()(layer, dict(layer.named_parameters()), data)
    assert float(scores["bias"]) == 0.0
    assert float(scores["weight"]) == pytest.approx((1 + 4 + 9) / 3 / 2, rel=0.5)


@dataclass
class Answer:
    logits: Tensor


class Answering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = linear(1.0)

    def forward(self, x: Tensor) -> Answer:
        return Answer(self.inner(x))


def test_answers_in_a_dataclass_are_signed_too() -> None:
    model, batch = Answering(), torch.tensor([[1.0], [-1.0], [2.0], [-2.0]])
    data = Calibration(lambda: [batch] * 400, lambda network, x: network(x).logits.mean(), 400)
    scores = Fisher()(model, dict(model.named_parameters()), data)
    assert float(scores["inner.weight"]) == pytest.approx(2.5 / 2, rel=0.15)  # 0 if examples cancelled


def test_a_loss_that_goes_around_the_network_is_refused() -> None:
    model = Answering()
    data = Calibration(
        lambda: [torch.ones(2, 1)], lambda network, x: network.get_submodule("inner")(x).mean()
    )
    with pytest.raises(RecipeError, match=r"never called model"):
        Fisher()(model, dict(model.named_parameters()), data)
