import pytest
import torch
from torch import nn

from secateur.criteria.outputs import spread, to_outputs

LAYERS = [
    nn.Linear(6, 4),
    nn.Conv2d(6, 4, 3, groups=2),
    nn.ConvTranspose1d(6, 4, 3),
    nn.ConvTranspose2d(6, 4, 2, groups=2),
    nn.Embedding(7, 4),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_a_channel_depends_on_its_elements_and_on_no_others(layer: nn.Module) -> None:
    """Asked of the layer itself: without the elements of channel 1, channel 1 is 0 and the rest as before."""
    torch.manual_seed(0)
    weight = layer.get_parameter("weight")
    x = torch.arange(5) if isinstance(layer, nn.Embedding) else torch.randn(2, 6, 6, 6)
    x = x[0] if isinstance(layer, nn.ConvTranspose1d) else x
    axis = -1 if isinstance(layer, nn.Linear | nn.Embedding) else 1
    with torch.no_grad():
        if "bias" in dict(layer.named_parameters()):
            layer.get_parameter("bias").zero_()
        before = layer(x).movedim(axis, 0)
        weight[spread(torch.tensor([0.0, 1.0, 0.0, 0.0]), weight, layer) > 0] = 0
        after = layer(x).movedim(axis, 0)
    assert before.shape[0] == 4
    assert bool((after[1] == 0).all())
    assert torch.allclose(after[[0, 2, 3]], before[[0, 2, 3]], atol=1e-6)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_the_elements_of_a_channel_sum_to_its_score(layer: nn.Module) -> None:
    channels = torch.tensor([1.0, 2.0, 3.0, 4.0])
    spread_out = spread(channels, layer.get_parameter("weight"), layer)
    assert spread_out.shape == layer.get_parameter("weight").shape
    assert to_outputs(spread_out, layer).sum(dim=1).tolist() == pytest.approx(channels.tolist())


def test_a_vector_has_one_element_per_channel() -> None:
    channels = torch.tensor([1.0, 2.0])
    for module in (nn.BatchNorm1d(2), nn.ConvTranspose2d(3, 2, 1), nn.Linear(3, 2)):
        assert spread(channels, module.get_parameter("bias"), module).tolist() == [1.0, 2.0]


def test_grouped_transposed_convolution_by_hand() -> None:
    # Inputs 0 and 1 make outputs 0 and 1, inputs 2 and 3 make 2 and 3: weight[input, output of group].
    layer = nn.ConvTranspose1d(4, 4, 1, groups=2)
    weight = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])[..., None]
    assert to_outputs(weight, layer).tolist() == [[0.0, 2.0], [1.0, 3.0], [4.0, 6.0], [5.0, 7.0]]
