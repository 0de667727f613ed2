import pytest
import torch
from torch import Tensor, nn

from secateur import Calibration
from secateur.criteria import Activation
from secateur.errors import RecipeError


def scores_of(model: nn.Module, *batches: Tensor, names: tuple[str, ...] = ()) -> dict[str, Tensor]:
    data = Calibration(lambda: list(batches), lambda m, x: m(x).sum())
    parameters = {n: p for n, p in model.named_parameters() if not names or n in names}
    return dict(Activation()(model, parameters, data))


def linear(rows: list[list[float]], bias: list[float]) -> nn.Linear:
    layer = nn.Linear(len(rows[0]), len(rows))
    layer.weight.data, layer.bias.data = torch.tensor(rows), torch.tensor(bias)
    return layer


def test_linear_by_hand() -> None:
    # Outputs (1, -3), (-1, -1) and, in a batch of its own, (4, 1): means of |.| are 2 and 5 / 3.
    layer = linear([[1.0, 0.0], [0.0, 1.0]], [0.0, -1.0])
    scores = scores_of(layer, torch.tensor([[1.0, -2.0], [-1.0, 0.0]]), torch.tensor([[4.0, 2.0]]))
    assert scores["bias"].tolist() == pytest.approx([2.0, 5 / 3])
    assert scores["weight"].tolist() == [pytest.approx([1.0, 1.0]), pytest.approx([5 / 6, 5 / 6])]


def constant(layer: nn.Module) -> nn.Module:
    """A layer whose outputs are 1, -2, 3, ..., whatever comes in."""
    layer.get_parameter("weight").data.zero_()
    bias = layer.get_parameter("bias")
    bias.data = torch.arange(1.0, 1 + len(bias)) * (1 - 2 * (torch.arange(len(bias)) % 2))
    return layer


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(4, 4), (2, 5, 4)),
        (nn.Conv1d(4, 4, 2, groups=2), (4, 4, 5)),
        (nn.Conv2d(4, 4, 1), (4, 4, 4, 4)),
        (nn.Conv2d(4, 4, 1), (4, 4, 4)),
        (nn.Conv3d(2, 4, 1), (4, 2, 4, 4, 4)),
        (nn.ConvTranspose1d(4, 4, 2), (4, 4, 3)),
        (nn.ConvTranspose2d(4, 4, 1, groups=2), (4, 4, 4, 4)),
        (nn.ConvTranspose3d(4, 4, 1), (4, 4, 4, 4, 4)),
        (nn.BatchNorm1d(4), (4, 4)),
        (nn.BatchNorm1d(4), (4, 4, 4)),
        (nn.BatchNorm2d(4), (4, 4, 4, 4)),
        (nn.BatchNorm3d(4), (4, 4, 4, 4, 4)),
        (nn.GroupNorm(2, 4), (4, 4, 4)),
        (nn.InstanceNorm1d(4, affine=True), (4, 4)),
        (nn.InstanceNorm2d(4, affine=True), (4, 4, 4, 4)),
        (nn.InstanceNorm3d(4, affine=True), (4, 4, 4, 4, 4)),
        (nn.LayerNorm(4), (4, 4, 4)),
        (nn.LayerNorm(4), (2, 4)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_the_channels_of_every_layer_are_found(layer: nn.Module, shape: tuple[int, ...]) -> None:
    """Most sizes are 4, so that an axis which only fits by its size is not taken for the right one."""
    scores = scores_of(constant(layer), torch.ones(shape))
    assert scores["bias"].tolist() == pytest.approx([1.0, 2.0, 3.0, 4.0])
    assert float(scores["weight"].sum()) == pytest.approx(10.0)


def test_a_weight_is_spread_over_what_makes_its_channel() -> None:
    embedding = nn.Embedding(2, 2)
    embedding.weight.data = torch.tensor([[1.0, -4.0], [5.0, 0.0]])
    assert scores_of(embedding, torch.tensor([0, 1]))["weight"].tolist() == [[1.5, 1.0], [1.5, 1.0]]
    up = constant(nn.ConvTranspose1d(3, 2, 1))
    assert scores_of(up, torch.ones(1, 3, 4))["weight"][..., 0].sum(dim=0).tolist() == pytest.approx(
        [1.0, 2.0]
    )


class ChannelsFirst(nn.LayerNorm):
    """As ConvNeXt normalises images."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.tensor([2.0, 3.0]))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


def test_modules_that_are_not_known_are_watched_too() -> None:
    assert scores_of(constant(ChannelsFirst(2)), torch.ones(1, 2, 2, 2))["weight"].tolist() == [1.0, 2.0]
    assert scores_of(Scale(), torch.tensor([[1.0, -1.0], [3.0, 0.0]]))["gamma"].tolist() == [4.0, 1.5]


def test_a_vector_without_a_channel_axis_scores_zero() -> None:
    assert scores_of(nn.PReLU(), torch.ones(2, 3))["weight"].tolist() == [0.0]


class NormAndActivation(nn.BatchNorm2d):
    """As timm writes it: with modules of its own inside."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(super().forward(x))
        return out


def test_a_norm_with_modules_inside_is_watched() -> None:
    scores = scores_of(constant(NormAndActivation(2)), torch.ones(2, 2, 1, 1))
    assert scores["weight"].tolist() == scores["bias"].tolist() == [1.0, 0.0]  # of 1 and -2


class Embedded(nn.Module):
    """What larger networks hold beside their layers."""

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.ones(1, 3, 2))
        self.scale = nn.Parameter(torch.ones(2, 1, 1))
        self.bias = nn.Parameter(torch.ones(2))
        self.temperature = nn.Parameter(torch.tensor(1.0))
        self.layer = constant(nn.Linear(2, 2))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x + self.position + self.bias)
        return out * self.temperature * self.scale[:, 0, 0]


def test_what_is_added_everywhere_scores_zero() -> None:
    scores = scores_of(Embedded(), torch.ones(1, 3, 2))
    assert all(not scores[name].any() for name in ("position", "scale", "bias", "temperature"))
    assert scores["layer.bias"].tolist() == [1.0, 2.0]
    assert scores["position"].shape == (1, 3, 2)


def test_the_network_evaluates_and_is_left_as_it_was() -> None:
    model = nn.Sequential(constant(nn.Linear(2, 2)), nn.Dropout(0.5), nn.BatchNorm1d(2)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    scores_of(model, torch.ones(4, 2))
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(not module._forward_hooks for module in model.modules())


def test_what_cannot_be_seen_is_named() -> None:
    with pytest.raises(RecipeError, match="weight_ih_l0, weight_hh_l0, of GRU; it knows Linear, Conv, "):
        scores_of(nn.GRU(3, 4), torch.ones(1, 1, 3))
    model = nn.ModuleDict({"used": nn.Linear(1, 1), "unused": nn.Linear(1, 1)})
    data = Calibration(lambda: [torch.ones(1, 1)], lambda m, x: m.get_submodule("used")(x).sum())
    with pytest.raises(RecipeError, match="saw no output of unused.weight, unused.bias"):
        Activation()(model, dict(model.named_parameters()), data)
    with pytest.raises(RecipeError, match="criterion 'activation' needs batches"):
        Activation()(model, dict(model.named_parameters()), None)
