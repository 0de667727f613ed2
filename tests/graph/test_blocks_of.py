"""Each network is small; which of its blocks only pass on their input without weights is written out."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from secateur.core.groups import Group
from secateur.graph.blocks import blocks_of
from secateur.graph.structure import structure_of

X = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
IMAGE = torch.randn(1, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def names(model: nn.Module, *inputs: Any) -> list[str]:
    return [group.name for group in blocks_of(model, inputs)]


class Residual(nn.Module):
    """x + f(x), or `after` of that."""

    def __init__(self, *inner: nn.Module, after: nn.Module | None = None) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)
        self.after = after or nn.Identity()

    def forward(self, x: Tensor) -> Any:
        return self.after(x + self.inner(x))


def mlp(width: int = 4) -> Residual:
    return Residual(nn.Linear(width, 6), nn.ReLU(), nn.Linear(6, width))


class Basic(nn.Module):
    """ResNet's basic block."""

    def __init__(self, into: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.down = nn.Conv2d(into, out, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Any:
        y = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        y += self.down(x)
        return self.relu(y)


def test_basic_blocks_behind_a_relu_but_not_those_that_change_the_shape() -> None:
    stem = [nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)]
    stages = [nn.Sequential(Basic(4, 4), Basic(4, 4)), nn.Sequential(Basic(4, 8, 2), Basic(8, 8))]
    assert names(nn.Sequential(*stem, *stages), IMAGE) == ["2.0", "2.1", "3.1"]


def test_a_relu_behind_the_sum_passes_on_what_is_positive_only() -> None:
    def network(before: nn.Module) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 4), before, Residual(nn.Linear(4, 4), after=nn.ReLU()))

    assert names(network(nn.ReLU()), X) == ["2"]
    assert names(network(nn.Identity()), X) == []


def test_normalisation_before_the_sum_but_not_behind_it() -> None:
    def layers(first: bool) -> nn.Module:
        one = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True, norm_first=first)
        return nn.TransformerEncoder(one, 2, enable_nested_tensor=False)

    x = X[:, None].expand(2, 3, 4)
    assert names(layers(first=True), x) == ["layers.0", "layers.1"]
    assert names(layers(first=False), x) == []


def test_the_inner_blocks_unless_they_are_a_small_part() -> None:
    wide = nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 40), nn.Linear(40, 4))
    halves = nn.Sequential(mlp(), mlp())
    assert names(nn.Sequential(halves), X) == ["0.0", "0.1"]
    assert names(nn.Sequential(Residual(*wide, mlp())), X) == ["0"]


class TestNoBlock:
    def test_the_network_itself(self) -> None:
        assert names(mlp(), X) == []

    def test_what_is_called_twice(self) -> None:
        class Twice(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.block = mlp()

            def forward(self, x: Tensor) -> Any:
                return self.block(self.block(x))

        assert names(Twice(), X) == []

    def test_what_is_in_two_places(self) -> None:
        block = mlp()
        assert names(nn.Sequential(block, nn.ReLU(), block, mlp()), X) == ["3"]

    def test_what_shares_a_weight(self) -> None:
        first, second, third = mlp(), mlp(), mlp()
        second.inner[0].weight = first.inner[0].weight
        assert names(nn.Sequential(first, second, third), X) == ["2"]

    def test_what_is_never_called(self) -> None:
        class Unused(nn.Sequential):
            def forward(self, x: Tensor) -> Any:
                return self[1](x)

        assert names(Unused(mlp(), mlp()), X) == ["1"]

    def test_a_plain_layer_or_a_gate(self) -> None:
        class Gate(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.gate = nn.Linear(4, 4)

            def forward(self, x: Tensor) -> Any:
                return x * torch.sigmoid(self.gate(x))

        assert names(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), Gate()), X) == []

    def test_code_that_needs_its_weights(self) -> None:
        class Fragile(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = nn.Linear(4, 4)

            def forward(self, x: Tensor) -> Any:
                return x + torch.linalg.inv(self.inner.weight) @ self.inner(x).T.sum(1)

        assert names(nn.Sequential(Fragile(), mlp()), X) == ["1"]

    def test_one_that_writes_into_its_input(self) -> None:
        class Writes(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = nn.Linear(4, 4)

            def forward(self, x: Tensor) -> Any:
                return x.relu_() + self.inner(x)

        assert names(nn.Sequential(Writes(), mlp()), X) == ["1"]


class Attends(nn.Module):
    """Answers what it attended to as well, as many do."""

    def __init__(self, answers: str) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.answers = answers

    def forward(self, x: Tensor, *, bias: Tensor, cache: Any = None) -> Any:
        y = self.inner(x + bias)
        return x + y, {"nothing": None, "bias": bias, "y": y, "cache": cache}[self.answers]


@pytest.mark.parametrize(
    ("answers", "found"), [("nothing", True), ("bias", True), ("cache", True), ("y", False)]
)
def test_a_tuple_whose_other_elements_are_known_without_the_block(answers: str, found: bool) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = Attends(answers)

        def forward(self, x: Tensor) -> Any:
            return self.block(x, bias=torch.ones(4), cache=self)[0]

    assert names(Net(), X) == (["block"] if found else [])


def test_members_are_all_parameters_with_an_axis_but_no_buffers() -> None:
    class Scaled(Basic):
        def __init__(self) -> None:
            super().__init__(3, 3)
            self.scale = nn.Parameter(torch.tensor(0.5))

        def forward(self, x: Tensor) -> Any:
            return super().forward(x) * self.scale / 0.5

    (group,) = blocks_of(nn.Sequential(nn.ReLU(), Scaled()), (IMAGE,))
    assert (group.name, group.units, group.kind) == ("1", 1, "layers")
    found = {m.tensor: (m.shape, m.axis, m.buffer) for m in group.members}
    assert found == {
        "1.conv1.weight": ((3, 3, 3, 3), 0, False),
        "1.norm1.weight": ((3,), 0, False),
        "1.norm1.bias": ((3,), 0, False),
        "1.conv2.weight": ((3, 3, 3, 3), 0, False),
        "1.norm2.weight": ((3,), 0, False),
        "1.norm2.bias": ((3,), 0, False),
    }
    for member in group.members:
        assert member.positions is not None
        assert member.positions.tolist() == [[0, 1, 2]]


def test_the_network_stays_as_it_is() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), Basic(4, 4)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert names(model, IMAGE) == ["2"]
    assert all(module.training and not module._forward_hooks for module in model.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


class Block(nn.Module):
    """Attention by hand, whose values come from outside of it where `memory` is given."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(4, 4) for _ in range(4))

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Any:
        scores = self.q(x) @ self.k(x).transpose(1, 2)
        return x + self.out(scores.softmax(-1) @ (self.v(x) if memory is None else memory))


class Positions(nn.Module):
    """Adds something learned to each place."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(3, 4)

    def forward(self, x: Tensor) -> Any:
        return x + self.table(torch.arange(3))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Linear(4, 4)
        self.positions = Positions()
        self.first, self.second = Block(), Block()

    def forward(self, x: Tensor) -> Any:
        memory = self.positions(self.start(x))
        return self.second(self.first(memory), memory)


def test_structure_has_blocks_that_multiply_and_what_is_multiplied_in_them() -> None:
    structure = structure_of(Net().eval(), (X[:, None].expand(2, 3, 4).contiguous(),))
    blocks: list[Group] = [group for group in structure.groups if group.kind == "layers"]
    assert [group.name for group in blocks] == ["first", "second"]
    owners = [structure.blocks.get(cost.node) for cost in structure.costs if not cost.weights]
    assert owners == ["first", "first", "second", None]  # the last multiplies by a state from outside
    layers = {c.weights[0]: structure.blocks.get(c.node) for c in structure.costs if c.weights}
    assert layers["first.q.weight"] == "first"
    assert layers["start.weight"] is None


class Masked(nn.Module):
    def __init__(self, *, clears: bool) -> None:
        super().__init__()
        self.inner, self.clears = nn.Linear(4, 4), clears

    def forward(self, x: Tensor, keep: Tensor) -> Any:
        more = self.inner(x).masked_fill(~keep[..., None], 0)
        return (x + more).masked_fill(~keep[..., None], 0) if self.clears else x + more


@pytest.mark.parametrize("clears", [False, True])
def test_what_sets_padding_to_zero_is_no_block_though_the_example_has_none(clears: bool) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = Masked(clears=clears)

        def forward(self, tokens: Tensor) -> Any:
            return self.block(tokens[..., None].float().expand(-1, -1, 4), tokens != 0)

    found = blocks_of(Net(), (torch.ones(2, 5, dtype=torch.long),))
    assert [block.name for block in found] == ([] if clears else ["block"])
