"""Heads that share keys, in code that names nothing as others do."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from secateur import Channels, Heads, Recipe, cut, cuttable, find_masks

WIDTH = 32


class Attention(nn.Module):
    """As Llama's own code repeats keys; `this` in place of `self`."""

    def __init__(self, h: int, shared: int) -> None:
        super().__init__()
        self.h, self.shared, self.each = h, shared, WIDTH // h
        self.q, self.o = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.k, self.v = (nn.Linear(WIDTH, shared * self.each) for _ in range(2))

    def forward(this, x: Tensor) -> Any:  # noqa: N805
        batch, places, _ = x.shape
        q = this.q(x).view(batch, places, this.h, this.each).transpose(1, 2)
        k, v = (
            y.view(batch, places, this.shared, this.each)
            .transpose(1, 2)
            .repeat_interleave(this.h // this.shared, 1)
            for y in (this.k(x), this.v(x))
        )
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return this.o(y.transpose(1, 2).reshape(batch, places, -1))


@pytest.mark.parametrize(("h", "shared"), [(8, 2), (4, 2), (4, 4)])
def test_keys_go_with_all_heads_that_share_them(h: int, shared: int) -> None:
    torch.manual_seed(h)
    attention = Attention(h, shared)
    model = nn.Sequential(attention, nn.Linear(WIDTH, 3)).eval()
    x = (torch.randn(2, 5, WIDTH),)
    structure = cuttable(model, x)
    heads = next(group for group in structure.groups if group.kind == "heads")
    assert heads.units == shared
    assert {m.tensor.removeprefix("0.") for m in heads.members} == {
        *("q.weight", "q.bias", "k.weight", "k.bias", "v.weight", "v.bias", "o.weight")
    }
    masks = find_masks(model, Recipe(sparsity=0.4, pattern=Heads()), structure=structure)
    masks.apply_(model)
    masked = copy.deepcopy(model)
    cut(model, masks, structure.groups, example_inputs=x)
    assert 0 < attention.shared < shared
    assert (attention.h, attention.each) == (attention.shared * h // shared, WIDTH // h)
    assert attention.k.out_features == attention.shared * attention.each
    torch.testing.assert_close(model(*x), masked(*x))


def test_places_that_the_example_does_not_reach_stay() -> None:
    class Placed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.places = nn.Parameter(torch.randn(1, 16, 8))
            self.up, self.down = nn.Linear(8, 32), nn.Linear(32, 8)

        def forward(self, x: Tensor) -> Any:
            return self.down(functional.gelu(self.up(x + self.places[:, : x.shape[1]])))

    model = Placed()
    structure = cuttable(model, (torch.randn(2, 12, 8),))
    assert [group.name for group in structure.groups] == ["up"]
    masks = find_masks(model, Recipe(sparsity=0.5, pattern=Channels()), structure=structure)
    cut(model, masks, structure.groups, example_inputs=(torch.randn(2, 12, 8),))
    assert model(torch.randn(2, 16, 8)).shape == (2, 16, 8)
