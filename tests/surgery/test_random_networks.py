"""Whatever blocks follow one another: cut is masked, and undo restores the bits."""

import copy
from typing import Any

import torch
from coupled import Block, bits, coupling_of, recurrent_group, stir
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from secateur.core.groups import Group
from secateur.surgery import cut, followed, masks_without


class Concat(nn.Module):
    """A convolution whose answer is joined to its input, and narrowed again."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.grow = nn.Conv2d(channels, 4, 3, padding=1)
        self.norm = nn.InstanceNorm2d(channels + 4)
        self.narrow = nn.Conv2d(channels + 4, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Any:
        return self.narrow(self.norm(torch.cat([self.grow(x), x], 1)))


class Separable(nn.Module):
    """Depthwise, bare GroupNorm, then pointwise, in a residual of twice the width."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.depthwise = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.norm = nn.GroupNorm(channels, 2 * channels, affine=False)
        self.project = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Any:
        return x + self.project(nn.functional.hardswish(self.norm(self.depthwise(self.expand(x)))))


class Pixels(nn.Module):
    """Attention between the pixels of an image, of two heads."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(channels, 2, batch_first=True)

    def forward(self, x: Tensor) -> Any:
        rows = x.flatten(2).transpose(1, 2)
        mixed = self.attention(rows, rows, rows, need_weights=False)[0]
        return x + mixed.transpose(1, 2).reshape(x.shape)


class Transposed(nn.Module):
    """Down and up again, with chunks that gate one another."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, 12, 2, stride=2)
        self.up = nn.ConvTranspose2d(6, channels, 2, stride=2)

    def forward(self, x: Tensor) -> Any:
        value, gate = self.down(x).chunk(2, 1)
        return self.up(value * torch.sigmoid(gate))


BLOCKS = {
    "residual": Block,
    "grouped": lambda channels: Block(channels, groups=2),
    "concat": Concat,
    "separable": Separable,
    "pixels": Pixels,
    "transposed": Transposed,
}


def network(names: list[str], flat: bool) -> nn.Sequential:
    ends = [nn.Flatten(), nn.Linear(8 * 16, 3)] if flat else [nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 3, 1)]
    middle = [BLOCKS[name](8) for name in names]
    return nn.Sequential(nn.Conv2d(2, 8, 1), nn.BatchNorm2d(8), *middle, *ends)


X = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(0))


def check(model: nn.Module, groups: tuple[Group, ...], gone: dict[str, Tensor], x: Tensor) -> None:
    masks = masks_without(groups, gone)
    masked = copy.deepcopy(model).eval()
    masks.apply_(masked)
    before, shown = bits(model), repr(model)
    done = cut(model, masks, groups, example_inputs=(x,))
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(x), masked(x), rtol=1e-5, atol=1e-5)
    assert done.removed == {name: int(units.sum()) for name, units in gone.items() if units.any()}
    done.undo()
    assert (bits(model), repr(model)) == (before, shown)


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from(sorted(BLOCKS)), min_size=1, max_size=3, unique=True), st.booleans(), st.data()
)
def test_cut_is_masked_and_undo_restores_the_bits(names: list[str], flat: bool, data: st.DataObject) -> None:
    model = stir(network(names, flat))
    coupling = coupling_of(model, X)
    assert coupling.groups
    assert followed(model, coupling, (X,)).groups == coupling.groups
    gone = {
        group.name: torch.tensor(data.draw(st.permutations([i < n for i in range(group.units)]), group.name))
        for group in coupling.groups
        for n in [data.draw(st.integers(0, group.units - 1), f"units of {group.name}")]
    }
    check(model, coupling.groups, gone, X)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(5, 6, num_layers=2, bidirectional=True, batch_first=True)
        self.lstm = nn.LSTM(12, 4, batch_first=True)

    def forward(self, x: Tensor) -> Any:
        return self.lstm(self.gru(x)[0])[0]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.booleans(), min_size=6, max_size=6).filter(lambda gone: not all(gone)))
def test_hidden_units_of_a_stacked_gru_of_both_directions(gone: list[bool]) -> None:
    x = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    check(stir(Recurrent()), (recurrent_group(),), {"gru": torch.tensor(gone)}, x)
