import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from secateur import (
    Activation,
    Calibration,
    Fisher,
    Gates,
    Magnitude,
    Random,
    Recipe,
    Taylor,
    Wanda,
    find_masks,
)
from secateur.core.protocols import Criterion
from secateur.criteria import CRITERIA
from secateur.errors import NumericalError, RecipeError, TaskError


def data_of(*batches: Tensor) -> Calibration:
    return Calibration(lambda: list(batches), lambda model, x: model(x).sum())


class Twice(nn.Module):
    """Two layers that share a weight; the second sees other numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
        self.second.weight = self.first.weight
        self.first.weight.data = torch.eye(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x) + torch.tensor([2.0, 0.0]))  # type: ignore[no-any-return]


def test_layers_that_share_a_weight_count_with_all_their_inputs() -> None:
    model = Twice()
    weights, data = dict(model.named_parameters()), data_of(torch.tensor([[1.0, 4.0]]))
    assert list(weights) == ["first.weight"]
    scores = Wanda()(model, weights, data)["first.weight"]
    torch.testing.assert_close(scores.diagonal(), torch.tensor([10.0, 32.0]).sqrt())  # 1 + 9, 16 + 16
    scores = Activation()(model, weights, data)["first.weight"]
    torch.testing.assert_close(scores.sum(1), torch.tensor([2.0, 4.0]))  # of 1 and 3, of 4 and 4


def linear(weight: list[list[float]]) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight), bias=False)
    layer.weight.data = torch.tensor(weight)
    return layer


def test_magnitude_by_hand() -> None:
    layer = linear([[1.0, -3.0]])
    weights = dict(layer.named_parameters())
    assert Magnitude(p=1)(layer, weights, None)["weight"].tolist() == [[1.0, 3.0]]
    assert Magnitude(p=2)(layer, weights, None)["weight"].tolist() == [[1.0, 9.0]]
    with pytest.raises(RecipeError, match="p = 1"):
        Magnitude(p=3)


def test_taylor_by_hand() -> None:
    # loss = sum of w * x, gradient = x: scores are the mean over batches of (x * w)^2.
    layer = linear([[2.0, -1.0]])
    data = data_of(torch.tensor([[1.0, 3.0]]), torch.tensor([[2.0, 1.0]]))
    scores = Taylor()(layer, dict(layer.named_parameters()), data)["weight"]
    assert scores.tolist() == [[(4.0 + 16.0) / 2, (9.0 + 1.0) / 2]]


def test_taylor_scores_a_parameter_that_the_loss_does_not_touch_with_zero() -> None:
    model = nn.ModuleDict({"used": linear([[1.0]]), "unused": linear([[1.0]])})
    data = Calibration(lambda: [torch.ones(1, 1)], lambda m, x: m.get_submodule("used")(x).sum())
    scores = Taylor()(model, dict(model.named_parameters()), data)
    assert scores["unused.weight"].tolist() == [[0.0]]


def test_wanda_by_hand() -> None:
    # Column norms over all rows of all batches: sqrt(9 + 16) = 5 and sqrt(0 + 1) = 1.
    layer = linear([[2.0, -7.0]])
    data = data_of(torch.tensor([[3.0, 0.0]]), torch.tensor([[4.0, 1.0]]))
    assert Wanda()(layer, dict(layer.named_parameters()), data)["weight"].tolist() == [[10.0, 7.0]]


def test_wanda_sees_the_input_of_a_layer_that_is_called_by_keyword() -> None:
    layer = linear([[2.0, -7.0]])
    data = Calibration(lambda: [torch.tensor([[5.0, 1.0]])], lambda model, x: model(input=x).sum())
    assert Wanda()(layer, dict(layer.named_parameters()), data)["weight"].tolist() == [[10.0, 7.0]]


def test_wanda_of_a_grouped_convolution_uses_the_channels_that_each_output_sees() -> None:
    conv = nn.Conv2d(4, 2, 1, groups=2, bias=False)
    conv.weight.data = torch.ones_like(conv.weight)
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1, 1)
    scores = Wanda()(conv, dict(conv.named_parameters()), data_of(x))["weight"]
    assert scores.flatten(1).tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_wanda_of_an_unbatched_convolution() -> None:
    conv = nn.Conv1d(2, 1, 1, bias=False)
    conv.weight.data = torch.ones_like(conv.weight)
    x = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    assert Wanda()(conv, dict(conv.named_parameters()), data_of(x))["weight"].flatten().tolist() == [5.0, 2.0]


def test_wanda_leaves_no_hook_behind_even_when_the_loss_fails() -> None:
    layer = linear([[1.0]])

    def broken(model: nn.Module, x: Tensor) -> Tensor:
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        Wanda()(layer, dict(layer.named_parameters()), Calibration(lambda: [torch.ones(1, 1)], broken))
    assert not layer._forward_pre_hooks


def test_wanda_names_what_it_cannot_see() -> None:
    gru = nn.GRU(3, 4)
    with pytest.raises(RecipeError, match="weight_ih_l0, of GRU; it knows Linear and Conv"):
        Wanda()(gru, {"weight_ih_l0": gru.get_parameter("weight_ih_l0")}, data_of(torch.ones(1, 1, 3)))
    model = nn.ModuleDict({"used": linear([[1.0]]), "unused": linear([[1.0]])})
    data = Calibration(lambda: [torch.ones(1, 1)], lambda m, x: m.get_submodule("used")(x).sum())
    with pytest.raises(RecipeError, match="saw no input of unused.weight"):
        Wanda()(model, dict(model.named_parameters()), data)


@pytest.mark.parametrize("criterion", [Taylor(), Wanda()])
def test_data_are_asked_for(criterion: Taylor | Wanda) -> None:
    layer = linear([[1.0]])
    with pytest.raises(RecipeError, match="choose 'magnitude'"):
        criterion(layer, dict(layer.named_parameters()), None)


def test_only_so_many_batches_are_used() -> None:
    layer, drawn = linear([[1.0]]), []

    def batches() -> object:
        for i in range(100):
            drawn.append(i)
            yield torch.ones(1, 1)

    data = Calibration(batches, lambda m, x: m(x).sum(), limit=3)  # type: ignore[arg-type]
    Taylor()(layer, dict(layer.named_parameters()), data)
    assert drawn == [0, 1, 2]


def test_an_infinite_loss_is_named() -> None:
    layer = linear([[1.0]])
    with pytest.raises(NumericalError, match="calibration batch 0 is inf"):
        Taylor()(layer, dict(layer.named_parameters()), data_of(torch.tensor([[torch.inf]])))


def test_random_is_its_own_stream() -> None:
    a, b = linear([[1.0, 2.0]]), nn.ModuleDict({"x": linear([[1.0, 2.0]]), "y": linear([[1.0, 2.0]])})
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = Random(seed=1)(a, dict(a.named_parameters()), None)["weight"]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, Random(seed=1)(a, dict(a.named_parameters()), None)["weight"])
    assert not torch.equal(first, Random(seed=2)(a, dict(a.named_parameters()), None)["weight"])
    both = Random(seed=1)(b, dict(b.named_parameters()), None)
    assert not torch.equal(both["x.weight"], both["y.weight"])


@pytest.mark.parametrize(
    "criterion", [*(made() for made in CRITERIA.values() if made is not Random), Magnitude(p=2)], ids=repr
)
def test_half_precision_ranks_as_single_precision(criterion: Criterion) -> None:
    """Squares of most weights and gradients vanish in float16, and the sum of the inputs' overflows."""
    torch.manual_seed(0)
    half = nn.Sequential(nn.Linear(64, 96), nn.BatchNorm1d(96), nn.ReLU(), nn.Linear(96, 8)).half()
    nn.init.normal_(half.get_parameter("0.weight"), std=1e-4)
    nn.init.uniform_(half.get_parameter("1.weight"))
    batches = 30 * torch.randn(8, 64, 64)
    data = Calibration(
        lambda: batches, lambda m, x: m(x.to(next(m.parameters()).dtype)).float().square().mean()
    )
    masks = [
        find_masks(model, Recipe(sparsity=0.5, criterion=criterion), data=data)
        for model in (half, copy.deepcopy(half).float())
    ]
    rank = [torch.cat([m.flatten() for m in mask.tensors.values()]) for mask in masks]
    assert float((rank[0] == rank[1]).float().mean()) > 0.97


@pytest.mark.parametrize("criterion", [Taylor(), Fisher(), Gates()], ids=repr)
def test_recurrent_layers_are_differentiated_without_cudnn(criterion: Taylor | Fisher | Gates) -> None:
    """CuDNN computes no gradients of a recurrent layer in evaluation mode."""
    model, allowed = nn.GRU(3, 4, batch_first=True), []

    def loss(model: nn.Module, x: Tensor) -> Tensor:
        answer: Tensor = model(x)[0]
        answer.register_hook(lambda _: allowed.append(torch.backends.cudnn.enabled))  # type: ignore[no-untyped-call]
        return answer.square().mean()

    criterion(model, dict(model.named_parameters()), Calibration(lambda: [torch.randn(2, 5, 3)], loss))
    assert allowed == [False]
    assert torch.backends.cudnn.enabled


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (None, "NoneType"),
        ([torch.ones(1, 2)], "list"),
        ({}, "NoneType"),
        ({"weight": [[1.0, 2.0]]}, "list"),
        ({"weight": torch.ones(2, 1)}, r"a tensor of shape \(2, 1\)"),
    ],
)
def test_a_criterion_of_ones_own_that_answers_something_else_is_told_so(answer: Any, found: str) -> None:
    recipe = Recipe(sparsity=0.5, criterion=lambda model, parameters, data: answer)
    with pytest.raises(RecipeError, match=rf"answered {found} for weight, of shape \(1, 2\)"):
        find_masks(linear([[1.0, 2.0]]), recipe)


@pytest.mark.parametrize("criterion", [Taylor(), Gates()], ids=["taylor", "gates"])
def test_a_loss_of_another_network_is_refused(criterion: Criterion) -> None:
    layer = linear([[1.0, 2.0]])
    weights, x = dict(layer.named_parameters()), torch.ones(1, 2)
    other, data = copy.deepcopy(layer), data_of(x)
    for loss in (lambda _, x: other(x).sum(), lambda model, x: model(x).detach().sum()):
        with pytest.raises(TaskError, match="not depend on any weight of the network"):
            criterion(layer, weights, replace(data, loss=loss))
    assert criterion(layer, weights, data)["weight"].any()
