import pytest
import torch
from torch import Tensor, nn

from secateur.criteria import FPGM, fpgm


def of_conv(filters: list[list[float]]) -> tuple[nn.Conv2d, dict[str, Tensor]]:
    """1x1 filters, given as rows."""
    conv = nn.Conv2d(len(filters[0]), len(filters), 1)
    conv.weight.data = torch.tensor(filters)[..., None, None]
    return conv, dict(conv.named_parameters())


def test_by_hand() -> None:
    # Corners of a 3-4-5 triangle: sums of distances 7, 8, 9, half of each on both elements.
    conv, parameters = of_conv([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    scores = FPGM()(conv, parameters, None)
    assert scores["weight"].flatten(1).tolist() == [
        pytest.approx([3.5, 3.5]),
        pytest.approx([4.0, 4.0]),
        pytest.approx([4.5, 4.5]),
    ]
    assert scores["bias"].tolist() == [0.0, 0.0, 0.0]


def test_the_largest_filter_goes_first_where_the_others_surround_it() -> None:
    conv, parameters = of_conv([[9.0, 10.0], [9.0, 9.0], [9.0, 8.0], [9.5, 9.0], [8.5, 9.0]])
    scores = FPGM()(conv, parameters, None)["weight"].sum(dim=(1, 2, 3))
    assert int(scores.argmin()) == 1


def test_what_all_filters_share_does_not_cost_precision() -> None:
    torch.manual_seed(0)
    filters = 0.01 * torch.randn(64, 9, dtype=torch.float64)
    conv, parameters = of_conv((1000 + filters).tolist())
    scores = FPGM()(conv, parameters, None)["weight"].sum(dim=(1, 2, 3))
    held = conv.weight.detach().flatten(1).double()  # float32 has rounded them
    expected = torch.cdist(held, held, compute_mode="donot_use_mm_for_euclid_dist").sum(dim=1)
    assert torch.allclose(scores.double(), expected, rtol=1e-4)


def test_distances_in_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 7, 2)
    whole = FPGM()(conv, dict(conv.named_parameters()), None)["weight"]
    monkeypatch.setattr(fpgm, "DISTANCES", 14)
    assert torch.allclose(FPGM()(conv, dict(conv.named_parameters()), None)["weight"], whole)


def test_filters_of_a_transposed_convolution_lie_along_its_outputs() -> None:
    layer = nn.ConvTranspose1d(2, 3, 1, bias=False)
    layer.weight.data = torch.tensor([[0.0, 3.0, 0.0], [0.0, 0.0, 4.0]])[..., None]
    scores = FPGM()(layer, dict(layer.named_parameters()), None)["weight"]
    assert scores.sum(dim=(0, 2)).tolist() == pytest.approx([7.0, 8.0, 9.0])


def test_half_precision_is_measured_in_single() -> None:
    conv, parameters = of_conv([[0.0, 0.0], [300.0, 0.0], [0.0, 400.0]])
    scores = FPGM()(conv, {name: p.half() for name, p in parameters.items()}, None)["weight"]
    assert scores.sum(dim=(1, 2, 3)).tolist() == pytest.approx([700.0, 800.0, 900.0])
