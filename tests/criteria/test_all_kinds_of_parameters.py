"""Patterns that remove channels ask for scores of biases, normalisation weights and single numbers, too."""

import pytest
import torch
from torch import Tensor, nn

from secateur import Calibration, Magnitude, Random, Taylor, Wanda
from secateur.criteria import CRITERIA
from secateur.errors import RecipeError


class Small(nn.Module):
    """A bit of everything that criteria meet."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.PReLU(4)
        self.depthwise = nn.Conv2d(4, 4, 3, groups=4)
        self.group_norm = nn.GroupNorm(2, 4)
        self.head = nn.Linear(4, 2)
        self.temperature = nn.Parameter(torch.tensor(1.5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.down(x)))
        x = self.group_norm(self.depthwise(x))
        out: Tensor = self.head(x.mean(dim=(2, 3)))
        return out * self.temperature


def data() -> Calibration:
    x = torch.randn(2, 5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return Calibration(lambda: list(x), lambda m, batch: m(batch).square().mean())


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_parameter_has_finite_scores_in_its_shape(criterion: str) -> None:
    torch.manual_seed(0)
    model = Small()
    parameters = dict(model.named_parameters())
    scores = CRITERIA[criterion]()(model, parameters, data())
    assert set(scores) == set(parameters)
    for name, parameter in parameters.items():
        assert scores[name].shape == parameter.shape, name
        assert bool(torch.isfinite(scores[name]).all() and (scores[name] >= 0).all()), name
        assert not scores[name].requires_grad, name


@pytest.mark.parametrize("criterion", CRITERIA)
def test_channels_differ(criterion: str) -> None:
    """The sums over the first convolution's four channels, with what is behind it, are four numbers."""
    torch.manual_seed(0)
    model = Small()
    model.norm.weight.data = torch.rand(4)
    scores = CRITERIA[criterion]()(model, dict(model.named_parameters()), data())
    names = ("down.weight", "down.bias", "norm.weight", "norm.bias")
    own = [scores[name].reshape(4, -1).sum(dim=1) for name in names]
    assert len({f"{float(channel):.3g}" for channel in sum(own, torch.zeros(4))}) == 4


def test_vectors_by_hand() -> None:
    layer = nn.Linear(1, 2)
    layer.bias.data = torch.tensor([3.0, -4.0])
    parameters = dict(layer.named_parameters())
    summed = Calibration(lambda: [torch.ones(2, 1)], lambda m, x: (m(x) * torch.tensor([1.0, 2.0])).sum())
    assert Magnitude(p=2)(layer, parameters, None)["bias"].tolist() == [9.0, 16.0]
    # The gradient of each bias is its factor, once for both examples: (2 * 3)^2 and (4 * 4)^2.
    assert Taylor()(layer, parameters, summed)["bias"].tolist() == [36.0, 256.0]
    assert Wanda()(layer, parameters, summed)["bias"].tolist() == [0.0, 0.0]
    assert len(set(Random()(layer, parameters, None)["bias"].tolist())) == 2


def test_wanda_still_names_matrices_that_it_does_not_know() -> None:
    model = nn.Sequential(nn.Embedding(3, 2), nn.LayerNorm(2))
    words = Calibration(lambda: [torch.tensor([0, 1])], lambda m, x: m(x).sum())
    norm = {name: p for name, p in model.named_parameters() if name.startswith("1.")}
    assert all(not scores.any() for scores in Wanda()(model, norm, words).values())
    with pytest.raises(RecipeError, match="0.weight, of Embedding; it knows Linear and Conv"):
        Wanda()(model, dict(model.named_parameters()), words)
