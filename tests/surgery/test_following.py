import copy
from typing import Any

import pytest
import torch
from coupled import EXAMPLES, ConvNet, Transformer, bits, coupling_of, groups_of, half_of, stir
from torch import Tensor, nn

from secateur.core.groups import Group
from secateur.errors import SurgeryError
from secateur.graph.coupling import Coupling
from secateur.surgery import cut, cuttable, followed
from secateur.surgery.following import OVER
from secateur.surgery.removal import masks_without

X = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0))


class HandWritten(nn.Module):
    """Attention whose attributes have unusual names; heads that are wrong would run, and answer otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.h, self.sizes = 4, (16, 16, 16)
        self.qkv = nn.Linear(16, 48)
        self.proj = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Any:
        q, k, v = (self._split(y) for y in self.qkv(x).split(self.sizes, -1))
        y = (q @ k.transpose(-2, -1)).softmax(-1) @ v
        return self.proj(y.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.h, -1).transpose(1, 2)


class Fixed(nn.Module):
    """The reshape has a width in the code itself, and the scale depends on how many channels come in."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(16, 48)
        self.proj = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Any:
        q, k, v = self.qkv(x).reshape(*x.shape[:2], 3, 4, 4).permute(2, 0, 3, 1, 4)
        y = (q @ k.transpose(-2, -1)).softmax(-1) @ v
        return self.proj(y.transpose(1, 2).reshape(x.shape))


class Layer(nn.Module):
    """Attention of either kind, and an MLP."""

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention
        self.up, self.down = nn.Linear(16, 12), nn.Linear(12, 16)

    def forward(self, x: Tensor) -> Any:
        x = x + self.attention(x)
        return x + self.down(torch.relu(self.up(x)))


def names(groups: tuple[Group, ...]) -> list[str]:
    return [group.name for group in groups]


@pytest.mark.parametrize("kind", [ConvNet, Transformer])
def test_plain_modules_follow_and_stay_as_they_are(kind: Any) -> None:
    model = stir(kind())
    before = bits(model)
    coupling = Coupling(groups_of(kind), ())
    assert followed(model, coupling, (EXAMPLES[kind],)) == coupling
    assert bits(model) == before


def test_attributes_with_unusual_names_are_found_by_trying() -> None:
    model: Any = stir(nn.Sequential(HandWritten(), HandWritten()))
    coupling = coupling_of(model, X)
    assert names(coupling.groups) == ["0.qkv", "0.proj", "1.qkv"]
    assert [group.kind for group in coupling.groups] == ["heads", "channels", "heads"]
    assert followed(model, coupling, (X,)) == coupling
    done = cut(model, half_of(coupling.groups), coupling.groups, example_inputs=(X,))
    assert done.certificate.relative <= 1e-5
    assert (model[0].h, model[1].h, model[0].sizes) == (2, 2, (8, 8, 8))
    done.undo()
    assert (model[0].h, model[1].h, model[0].sizes) == (4, 4, (16, 16, 16))


def test_groups_that_the_code_cannot_follow_become_fixed_with_the_line_that_stops_them() -> None:
    layers = [Layer(Fixed()), Layer(HandWritten()), Layer(Fixed()), Layer(Fixed())]
    model = stir(nn.Sequential(*layers))
    coupling = coupling_of(model, X)
    assert len(coupling.groups) == 8
    result = followed(model, coupling, (X,))
    assert names(result.groups) == ["0.up", "1.attention.qkv", "1.up", "2.up", "3.up"]
    new = result.fixed[len(coupling.fixed) :]
    assert [(w.tensor, w.axis, w.size) for w in new[:2]] == [
        ("0.attention.qkv.weight", 0, 48),
        ("0.attention.proj.weight", 1, 16),
    ]
    assert all("Fixed" in w.reason and "reshape(*x.shape[:2], 3, 4, 4)" in w.reason for w in new)
    assert {w.tensor.split(".")[0] for w in new} == {"0", "2", "3"}


def test_a_zero_at_the_end_of_a_branch_hides_nothing() -> None:
    """Behind it, everything answers the same; the copy that is tried has no such zeros."""
    model = Layer(Fixed())
    with torch.no_grad():
        model.attention.get_submodule("proj").weight.zero_()  # type: ignore[operator]
        model.down.weight.zero_()
    assert names(followed(model, coupling_of(model, X), (X,)).groups) == ["up"]


class Divided(nn.Module):
    """A head is as wide as the input over the number of heads: if both shrink alike, and for no other cut."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.stem, self.heads = nn.Linear(16, 32), heads
        self.qkv, self.proj = nn.Linear(32, 96), nn.Linear(32, 16)

    def forward(self, x: Tensor) -> Any:
        b, n, c = (x := self.stem(x)).shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = (q @ k.transpose(-2, -1)).softmax(-1) @ v
        return self.proj(y.transpose(1, 2).flatten(2))


@pytest.mark.parametrize("heads", [2, 4, 8, 16])
def test_widths_that_only_shrink_together_are_no_groups(heads: int) -> None:
    model = stir(Divided(heads))
    assert {"stem", "qkv"} <= set(names(coupling_of(model, X).groups))
    structure = cuttable(model, (X,))
    for group in structure.groups:
        for units in range(1, group.units):
            gone = torch.arange(group.units) < units
            masks = masks_without([group], {group.name: gone})
            cut(copy.deepcopy(model), masks, [group], example_inputs=(X,))


class Counting(nn.Module):
    """Its mean counts channels, which nothing in the graph of the example shows."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(16, 12), nn.Linear(12, 16)

    def forward(self, x: Tensor) -> Any:
        x = torch.relu(self.up(x))
        return self.down(x * (12 / x.shape[-1]))


def test_a_silent_dependence_on_a_width_is_found_behind_zeros() -> None:
    model = Counting()
    nn.init.zeros_(model.down.weight)
    result = followed(model, coupling_of(model, X), (X,))
    assert result.groups == ()
    assert "depends on the width: its answers differ" in result.fixed[-1].reason


def test_groups_not_tried_in_time_become_fixed() -> None:
    model = stir(Transformer())
    coupling = Coupling(groups_of(Transformer), ())
    result = followed(model, coupling, (EXAMPLES[Transformer],), seconds=0.0)
    assert result.groups == ()
    assert {width.reason for width in result.fixed} == {OVER}


def test_computed_weights_become_fixed_without_a_trial() -> None:
    model = nn.Sequential(nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 4))
    nn.utils.parametrizations.weight_norm(model[2])
    coupling = coupling_of(model, X)
    result = followed(model, coupling, (X,))
    assert (len(coupling.groups), result.groups) == (1, ())
    width = result.fixed[-1]
    assert (width.tensor, width.axis, width.size) == ("4.weight", 1, 6)
    assert width.reason == "its weight is computed from others"


def test_a_wrapped_network_is_refused() -> None:
    with pytest.raises(SurgeryError, match="wrapped in DataParallel"):
        followed(nn.DataParallel(nn.Linear(2, 2)), Coupling((), ()), (X,))


class ByNumber(nn.Module):
    """Takes some channels by their numbers; what lies behind them could go, what lies before could not."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self.make, self.read, self.first = nn.Linear(5, 16), nn.Linear(8, 3), first

    def forward(self, x: Tensor) -> Any:
        return self.read(self.make(x).relu()[:, self.first : self.first + 8])


@pytest.mark.parametrize("first", [1, 2, 3])
def test_channels_that_code_takes_by_number_stay(first: int) -> None:
    example = (torch.randn(4, 5, generator=torch.Generator().manual_seed(0)),)
    names = {m.tensor for group in cuttable(ByNumber(first), example).groups for m in group.members}
    assert "make.weight" not in names
