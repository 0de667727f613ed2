from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from secateur.errors import RecipeError
from secateur.quantize import Int8, WeightOnly
from secateur.quantize.grid import GridWeight, best_scales

ROWS = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=12)


def grid(weight: Tensor, bits: int = 8, mask: Tensor | None = None) -> GridWeight:
    form = WeightOnly(bits)(weight, weight != 0 if mask is None else mask)
    assert isinstance(form, GridWeight)
    return form


def levels(form: GridWeight) -> Tensor:
    rows: Tensor = form().detach().flatten(1) / form.scales[:, None]
    return rows.round()


def test_each_row_has_a_scale_of_its_own() -> None:
    weight = torch.tensor([[3.0, -1.0, 2.0], [0.03, 0.01, -0.02]])
    form = grid(weight, bits=3)  # levels -3 to 3
    assert form.scales.tolist() == pytest.approx([1.0, 0.01])
    assert levels(form).tolist() == [[3.0, -1.0, 2.0], [3.0, 1.0, -2.0]]
    assert form().flatten().tolist() == pytest.approx(weight.flatten().tolist())


def test_one_outlier_is_clipped_where_all_others_gain() -> None:
    """Levels -1, 0, 1: with the scale 1.2 two small ones would be lost; half of it is nearer to all."""
    row = torch.tensor([[1.0] * 20 + [1.2]])
    scale = float(best_scales(row, 1))
    assert scale == pytest.approx(1.0, abs=0.02)
    outlier = torch.tensor([[0.5] * 50 + [1.2]])
    assert float(best_scales(outlier, 1)) < 0.6


@given(ROWS, st.integers(2, 8))
def test_no_tried_scale_has_a_smaller_error(row: list[float], bits: int) -> None:
    rows = torch.tensor([row])
    top = 2 ** (bits - 1) - 1

    def error(scale: float) -> float:
        nearest = np.clip(np.round(np.array(row) / scale), -top, top) * scale
        return float(np.square(nearest - np.array(row)).sum())

    found = error(float(best_scales(rows, top)))
    largest = max(map(abs, row))
    if largest > 1e-6:
        for share in np.linspace(0.25, 1, 40):
            assert found <= error(share * largest / top) * 1.0001 + 1e-6 * largest**2


@given(ROWS, st.integers(2, 8))
def test_values_are_one_float32_product_of_level_and_scale(row: list[float], bits: int) -> None:
    """So that a file may hold levels and scales, and give back every bit."""
    form = grid(torch.tensor([row, [2 * x for x in row]]), bits)
    level, scale = levels(form).numpy(), form.scales.numpy()
    assert np.abs(level).max() <= 2 ** (bits - 1) - 1
    products = level.astype(np.float32) * scale[:, None]
    assert products.dtype == np.float32
    assert np.array_equal(products, form().detach().numpy())


def test_int8_has_255_levels_and_a_scale_for_each_channel_of_a_convolution() -> None:
    torch.manual_seed(0)
    weight = torch.randn(4, 3, 3, 3) * torch.tensor([1.0, 10.0, 0.1, 5.0])[:, None, None, None]
    form = Int8()(weight, torch.ones_like(weight, dtype=torch.bool))
    assert isinstance(form, GridWeight)
    assert form.scales.shape == (4,)
    assert float(levels(form).abs().max()) == 127
    assert torch.allclose(form(), weight, atol=float(form.scales.max()) / 2)


def test_gradients_pass_where_nothing_is_clipped_and_reach_the_scale() -> None:
    """Learned step size, arXiv 1902.08153: dw/dscale = level - latent / scale inside, +-levels outside."""
    form = grid(torch.tensor([[1.0, 0.4, -1.0, 0.6]]), bits=2)
    scale = float(form.scales)
    torch.autograd.backward(form(), torch.ones(1, 4))
    inside = (form.latent.detach() / scale).abs() <= 1
    assert form.latent.grad is not None
    assert form.latent.grad.flatten().tolist() == pytest.approx(inside.float().flatten().tolist())
    shares = (form.latent.detach() / scale).clamp(-1, 1)
    expected = float((shares.round() - shares * inside).sum()) * scale  # of the logarithm: times the scale
    assert form.scale.growth.grad is not None
    assert float(form.scale.growth.grad) == pytest.approx(expected, rel=1e-5)


def test_weight_decay_does_not_pull_the_scales_to_one() -> None:
    torch.manual_seed(0)
    form = grid(0.01 * torch.randn(3, 20))
    before = form.scales.clone()
    optimizer = torch.optim.AdamW(form.parameters(), lr=0.1, weight_decay=0.5)
    for _ in range(20):
        form.scale.growth.grad = torch.zeros(3)
        optimizer.step()
    assert torch.equal(form.scales, before)


def test_a_row_of_zeros_divides() -> None:
    form = grid(torch.zeros(2, 3), mask=torch.tensor([[True] * 3, [False] * 3]))
    assert form().detach().numpy().tobytes() == bytes(24)
    torch.autograd.backward(form(), torch.ones(2, 3))
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in form.parameters())


@pytest.mark.parametrize(
    ("method", "options", "says"),
    [
        (WeightOnly, {"bits": 1}, "WeightOnly(bits=1): expected 2 to 8"),
        (WeightOnly, {"bits": 9}, "WeightOnly(bits=9): expected 2 to 8"),
        (Int8, {"ranges": "max"}, "ranges = 'max' is unknown. Known: mse, percentile, minmax"),
        (Int8, {"batches": 0}, "Int8(batches=0): expected at least 1 batch"),
    ],
)
def test_impossible_options(method: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        method(**options)
    assert says in str(caught.value)


def test_rows_that_pruning_emptied_learn_in_half_precision_too() -> None:
    weight = torch.randn(6, 8, generator=torch.Generator().manual_seed(0)).half() * 0.01
    weight[0] = 0
    form = grid(weight)
    form().float().square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in form.parameters())
    assert form().dtype == torch.float16
    assert torch.allclose(form(), weight, atol=2e-4)
