import pytest
import torch
from torch import Tensor, nn

from secateur import Calibration, GlobalRank
from secateur.core.groups import Group, ScoredGroup
from secateur.criteria import Gates
from secateur.errors import RecipeError


def data_of(*batches: Tensor) -> Calibration:
    return Calibration(lambda: list(batches), lambda model, x: model(x).sum(), 16)


def scores_of(model: nn.Module, data: Calibration) -> dict[str, Tensor]:
    return dict(Gates()(model, dict(model.named_parameters()), data))


def test_a_channel_is_scored_by_its_output_once() -> None:
    layer = nn.Linear(2, 2)
    layer.weight.data = torch.tensor([[1.0, -1.0], [2.0, 3.0]])
    layer.bias.data = torch.tensor([0.5, -4.0])
    # The loss is the sum of the outputs, so each gate's derivative is the output: (3 - 1 + .5), (6 + 3 - 4).
    scores = scores_of(layer, data_of(torch.tensor([[3.0, 1.0]])))
    assert scores["bias"].tolist() == pytest.approx([2.5**2, 5.0**2])
    assert not scores["weight"].any()


def test_gradients_are_there_without_being_asked_for() -> None:
    layer, data = nn.Linear(2, 2), data_of(torch.ones(1, 2))
    with torch.no_grad():
        quiet = scores_of(layer, data)
        assert not torch.is_grad_enabled()
    assert quiet["bias"].tolist() == scores_of(layer, data)["bias"].tolist()


def test_without_a_bias_the_weights_share_it() -> None:
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.data = torch.tensor([[2.0, -1.0]])
    batches = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 4.0]])  # outputs 2 and -4
    assert scores_of(layer, data_of(*batches))["weight"].tolist() == [[5.0, 5.0]]  # (4 + 16) / 2, halved


def test_what_cancels_within_a_channel_counts_for_nothing() -> None:
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.data = torch.tensor([[100.0, -100.0]])
    assert scores_of(layer, data_of(torch.ones(1, 2)))["weight"].tolist() == [[0.0, 0.0]]


def test_the_batchnorm_behind_a_layer_is_the_gate() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3)).eval()
    norm = model[1]
    assert isinstance(norm, nn.BatchNorm2d)
    norm.weight.data = torch.tensor([1.0, 0.0, 2.0])
    norm.bias.data = torch.tensor([0.0, 0.25, -1.0])
    x = torch.randn(2, 1, 3, 3)
    scores = scores_of(model, data_of(x))
    assert scores["1.bias"].tolist() == pytest.approx(model(x).sum(dim=(0, 2, 3)).square().tolist(), rel=1e-4)
    assert not any(scores[name].any() for name in ("0.weight", "0.bias", "1.weight"))


def test_it_needs_data() -> None:
    with pytest.raises(RecipeError, match="gates"):
        Gates()(nn.Linear(1, 1), {}, None)


def test_per_cost_the_expensive_unit_goes_first() -> None:
    scored = [
        ScoredGroup(Group("cheap", 2, ()), torch.tensor([1.0, 2.0]), 0, 2, cost=1.0),
        ScoredGroup(Group("dear", 2, ()), torch.tensor([5.0, 30.0]), 0, 2, cost=10.0),
        ScoredGroup(Group("free", 1, ()), torch.tensor([0.0]), 0, 1, cost=0.0),
    ]
    assert GlobalRank()(scored, 2) == {"cheap": 1, "dear": 0, "free": 1}
    assert GlobalRank(per_cost=True)(scored, 2) == {"cheap": 1, "dear": 1, "free": 0}
    assert GlobalRank(per_cost=True)(scored, 5) == {"cheap": 2, "dear": 2, "free": 1}
