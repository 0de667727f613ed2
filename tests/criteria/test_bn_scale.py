import pytest
import torch
from torch import Tensor, nn

from secateur.criteria import BnScale
from secateur.errors import RecipeError


def scores_of(model: nn.Module, *names: str) -> dict[str, Tensor]:
    """Of these parameters, or of all."""
    parameters = {n: p for n, p in model.named_parameters() if not names or n in names}
    return dict(BnScale()(model, parameters, None))


def with_gamma(norm: nn.BatchNorm1d | nn.BatchNorm2d, *gamma: float) -> nn.Module:
    norm.weight.data = torch.tensor(gamma)
    return norm


def linear(*rows: list[float], bias: bool = True) -> nn.Linear:
    layer = nn.Linear(len(rows[0]), len(rows), bias=bias)
    layer.weight.data = torch.tensor(rows)
    return layer


def test_a_channel_is_scored_where_its_gamma_is() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 2), with_gamma(nn.BatchNorm2d(2), -3.0, 0.5), nn.ReLU())
    scores = scores_of(model)
    assert scores["1.weight"].tolist() == [3.0, 0.5]
    assert all(not scores[name].any() for name in ("0.weight", "0.bias", "1.bias"))
    assert all(scores[name].shape == parameter.shape for name, parameter in model.named_parameters())


def test_without_the_gamma_among_the_parameters_it_is_spread_over_the_row() -> None:
    model = nn.Sequential(nn.Conv2d(2, 2, 2), with_gamma(nn.BatchNorm2d(2), -4.0, 0.5))
    scores = scores_of(model, "0.weight")["0.weight"]
    assert scores.flatten(1).tolist() == [[4 / 8] * 8, [0.5 / 8] * 8]


def test_channels_without_a_gamma_get_the_typical_one_and_rank_by_magnitude() -> None:
    # The mean |gamma| is 2; rows of L1 norms 1 and 3, whose mean is 2, score 2 * 1 / 2 and 2 * 3 / 2.
    head = linear([1.0, 0.0], [1.0, -2.0])
    model = nn.Sequential(nn.Linear(3, 2), with_gamma(nn.BatchNorm1d(2), 1.0, -3.0), head)
    scores = scores_of(model)
    assert scores["2.bias"].tolist() == [1.0, 3.0]
    assert not scores["2.weight"].any()
    assert scores_of(model, "2.weight")["2.weight"].tolist() == [[0.5, 0.5], [1.5, 1.5]]
    head.weight.data.zero_()
    assert not scores_of(model)["2.bias"].any()


def test_rows_of_a_layer_without_bias_or_norm() -> None:
    model = nn.Sequential(linear([1.0, 1.0], [3.0, -3.0], bias=False), nn.Tanh(), nn.BatchNorm1d(3))
    assert scores_of(model)["0.weight"].tolist() == [[0.25, 0.25], [0.75, 0.75]]


@pytest.mark.parametrize("between", [nn.PReLU(), nn.LayerNorm(2), nn.GRU(2, 2)])
def test_a_norm_behind_other_parameters_is_not_the_layers_own(between: nn.Module) -> None:
    model = nn.Sequential(linear([1.0], [3.0]), between, with_gamma(nn.BatchNorm1d(2), 2.0, 2.0))
    scores = scores_of(model)
    assert scores["0.bias"].tolist() == [1.0, 3.0]
    assert scores["2.weight"].tolist() == [2.0, 2.0]


def test_two_norms_in_a_row_belong_to_one_layer_only() -> None:
    model = nn.Sequential(linear([1.0], [1.0]), nn.BatchNorm1d(2), with_gamma(nn.BatchNorm1d(2), 0.0, 5.0))
    scores = scores_of(model)
    assert scores["1.weight"].tolist() == [1.0, 1.0]
    assert scores["2.weight"].tolist() == [0.0, 5.0]
    assert not scores["0.weight"].any()
    assert not scores["0.bias"].any()


def test_a_transposed_convolution_is_spread_along_its_outputs() -> None:
    model = nn.Sequential(nn.ConvTranspose2d(3, 2, 1), with_gamma(nn.BatchNorm2d(2), 3.0, 6.0))
    assert scores_of(model, "0.weight")["0.weight"][..., 0, 0].tolist() == [[1.0, 2.0]] * 3


def test_a_network_that_is_one_norm() -> None:
    assert scores_of(with_gamma(nn.BatchNorm1d(2), -1.0, 2.0), "weight")["weight"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("norm", [nn.LayerNorm(2), nn.InstanceNorm1d(2), nn.BatchNorm1d(2, affine=False)])
def test_a_network_without_gammas_is_refused(norm: nn.Module) -> None:
    model = nn.Sequential(nn.Linear(2, 2), norm)
    with pytest.raises(RecipeError, match="found no BatchNorm with a learned scale.*Choose 'magnitude'"):
        scores_of(model)
