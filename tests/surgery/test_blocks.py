"""Blocks go, and nothing else changes: answers, training, optimizers, and all of it back again."""

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from coupled import bits, stir
from torch import Tensor, nn
from torch.optim import Optimizer

import secateur
from secateur.core.groups import Group
from secateur.core.masks import Masks
from secateur.errors import SurgeryError
from secateur.graph.blocks import blocks_of
from secateur.graph.structure import Structure
from secateur.graph.trace import trace
from secateur.surgery import cut, cuttable, masks_without
from secateur.surgery.blocks import Skipped
from secateur.surgery.cutting import Cut

IMAGE = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
WORDS = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))


class Basic(nn.Module):
    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Any:
        y = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        return torch.relu(x + y)


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.blocks = nn.Sequential(*(Basic() for _ in range(3)))
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.blocks(torch.relu(self.stem(x))).mean((2, 3)))


def resnet() -> Any:
    torch.manual_seed(0)
    return stir(ResNet()).eval()


def encoder() -> Any:
    """Its layers get masks, and it asks the first one how it takes its input."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True, norm_first=True)
    return stir(nn.TransformerEncoder(layer, 3, norm=nn.LayerNorm(4), enable_nested_tensor=False)).eval()


def without(groups: tuple[Group, ...], *names: str) -> Masks:
    return masks_without(groups, {g.name: torch.full((g.units,), g.name in names) for g in groups})


def masked(model: nn.Module, masks: Masks) -> Any:
    other = copy.deepcopy(model)
    masks.apply_(other)
    return other


def cut_blocks(model: nn.Module, example: Tensor, *names: str, **options: Any) -> Cut:
    groups = blocks_of(model, (example,))
    assert set(names) <= {group.name for group in groups}
    return cut(model, without(groups, *names), groups, example_inputs=(example,), **options)


def test_a_block_becomes_an_identity_and_the_answers_stay_to_the_last_bit() -> None:
    model = resnet()
    whole = masked(model, without(blocks_of(model, (IMAGE,)), "blocks.0", "blocks.2"))
    done = cut_blocks(model, IMAGE, "blocks.0", "blocks.2")
    assert done.removed == {"blocks.0": 1, "blocks.2": 1}
    assert done.certificate.max_abs_diff == 0
    assert [type(block) for block in model.blocks] == [nn.Identity, Basic, nn.Identity]
    assert {name.split(".")[1] for name, _ in model.named_parameters() if "blocks" in name} == {"1"}
    assert torch.equal(model(IMAGE), whole(IMAGE))


def test_all_blocks_may_go() -> None:
    model = resnet()
    assert cut_blocks(model, IMAGE, "blocks.0", "blocks.1", "blocks.2").certificate.max_abs_diff == 0
    assert sum(p.numel() for p in model.parameters()) == 3 * 4 * 9 + 4 + 4 * 5 + 5


def test_a_block_that_is_called_with_more_leaves_what_others_ask_of_it() -> None:
    model = encoder()
    done = cut_blocks(model, WORDS, "layers.0")
    assert done.certificate.max_abs_diff == 0
    first: Any = model.get_submodule("layers.0")
    assert (type(first), first.norm_first, first.self_attn.batch_first) == (Skipped, True, True)
    assert not list(first.parameters())
    hidden = torch.tensor([[False, False, True], [False, False, False]])
    assert model(WORDS, src_key_padding_mask=hidden).shape == WORDS.shape


def test_a_skipped_block_is_saved_and_copied() -> None:
    model = encoder()
    cut_blocks(model, WORDS, "layers.1")
    expected = model(WORDS)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    for other in (copy.deepcopy(model), torch.load(file, weights_only=False)):
        assert torch.equal(other(WORDS), expected)


class Answers(nn.Module):
    """Answers a tuple, by names of its arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, hidden: Tensor, bias: Tensor) -> Any:
        return hidden + self.inner(hidden + bias), None, bias


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"a": Answers(), "b": Answers()})

    def forward(self, x: Tensor) -> Any:
        bias = x.mean(1, keepdim=True)
        for layer in self.layers.values():
            x, _, bias = layer(bias=bias, hidden=x) if x.shape[0] > 1 else layer(x, bias)
        return x + bias


def test_an_answer_of_several_elements_keeps_its_form() -> None:
    model = Named().eval()
    assert [group.name for group in blocks_of(model, (WORDS[:1],))] == ["layers.a", "layers.b"]
    done = cut_blocks(model, WORDS, "layers.b")
    assert done.certificate.max_abs_diff == 0
    given = torch.ones(1, 4)
    answer = model.layers["b"](hidden=WORDS, bias=given)
    assert answer[0] is WORDS
    assert answer[1] is None
    assert answer[2] is given
    weights = {name for name in trace(model, (WORDS,)).graph.initializers if "layers" in name}
    assert weights == {"layers.a.inner.weight", "layers.a.inner.bias"}


class TestOptimizers:
    MAKERS: tuple[Callable[[Any], Optimizer], ...] = (
        lambda p: torch.optim.SGD(p, lr=1e-4, momentum=0.9),
        lambda p: torch.optim.AdamW(p, lr=0.01),
    )

    @staticmethod
    def step(model: nn.Module, optimizer: Optimizer) -> None:
        optimizer.zero_grad()
        model(IMAGE).square().sum().backward()
        optimizer.step()

    @pytest.mark.parametrize("make", MAKERS)
    def test_training_goes_on_as_that_of_the_masked_network(self, make: Callable[[Any], Optimizer]) -> None:
        model = resnet()
        optimizer = make(model.parameters())
        for _ in range(2):
            self.step(model, optimizer)
        other = copy.deepcopy(model)
        others = make(other.parameters())
        others.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        masks = without(blocks_of(model, (IMAGE,)), "blocks.1")
        masks.apply_(other)
        cut_blocks(model, IMAGE, "blocks.1", optimizers=[optimizer])
        own = {id(p) for p in model.parameters()}
        held = [p for group in optimizer.param_groups for p in group["params"]]
        assert {id(p) for p in held} == own
        assert {id(p) for p in optimizer.state} == own
        for _ in range(3):
            self.step(model, optimizer)
            self.step(other, others)
            masks.apply_(other)
        for name, parameter in model.named_parameters():
            assert torch.equal(parameter, other.get_parameter(name)), name

    def test_a_group_of_parameters_may_be_left_with_none(self) -> None:
        model = resnet()
        rest: list[Any] = [*model.stem.parameters(), *model.head.parameters()]
        groups: list[Any] = [{"params": list(model.blocks[0].parameters()), "lr": 0.1}, {"params": rest}]
        optimizer = torch.optim.Adam(groups)
        self.step(model, optimizer)
        cut_blocks(model, IMAGE, "blocks.0", optimizers=[optimizer])
        assert [len(group["params"]) for group in optimizer.param_groups] == [0, 4]
        self.step(model, optimizer)

    def test_names_of_parameters_follow(self) -> None:
        model = resnet()
        optimizer = torch.optim.SGD(model.named_parameters(), lr=0.1)
        cut_blocks(model, IMAGE, "blocks.1", optimizers=[optimizer])
        assert optimizer.param_groups[0]["param_names"] == [name for name, _ in model.named_parameters()]

    def test_undo_gives_back_every_bit(self) -> None:
        model, average = resnet(), resnet()
        optimizer = torch.optim.AdamW(model.named_parameters(), lr=0.01)
        self.step(model, optimizer)
        before = bits(model), bits(average), copy.deepcopy(optimizer.state_dict())
        blocks = list(model.blocks)
        done = cut_blocks(model, IMAGE, "blocks.0", "blocks.1", optimizers=[optimizer], copies=[average])
        assert [type(block) for block in average.blocks] == [nn.Identity, nn.Identity, Basic]
        self.step(model, optimizer)
        done.undo()
        assert bits(model) == before[0]
        assert bits(average) == before[1]
        assert list(model.blocks) == blocks
        after = optimizer.state_dict()
        assert after["param_groups"] == before[2]["param_groups"]
        for number, state in before[2]["state"].items():
            assert all(torch.equal(after["state"][number][key], value) for key, value in state.items())


@pytest.fixture(scope="module")
def structure() -> Structure:
    return cuttable(resnet(), (IMAGE,))


def test_the_code_follows_and_all_groups_are_found(structure: Structure) -> None:
    kinds: dict[str, list[str]] = {}
    for group in structure.groups:
        kinds.setdefault(group.kind, []).append(group.name)
    assert kinds["layers"] == ["blocks.0", "blocks.1", "blocks.2"]
    assert kinds["channels"] == ["stem", "blocks.0.conv1", "blocks.1.conv1", "blocks.2.conv1"]


def test_blocks_and_channels_go_in_one_cut(structure: Structure) -> None:
    model = resnet()
    removed = {group.name: torch.zeros(group.units, dtype=torch.bool) for group in structure.groups}
    removed["blocks.1"][0] = True
    removed["stem"][2] = True
    removed["blocks.0.conv1"][:3] = True
    masks = masks_without(structure.groups, removed)
    whole = masked(model, masks)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    before = bits(model)
    done = cut(model, masks, structure.groups, example_inputs=(IMAGE,), optimizers=[optimizer])
    assert done.removed == {"stem": 1, "blocks.0.conv1": 3, "blocks.1": 1, "blocks.1.conv1": 6}
    assert done.certificate.relative <= 1e-6
    assert type(model.blocks[1]) is nn.Identity
    assert model.blocks[0].conv1.weight.shape == (3, 3, 3, 3)
    assert model.head.in_features == 3
    assert torch.allclose(model(IMAGE), whole(IMAGE), atol=1e-6)
    model(IMAGE).sum().backward()
    optimizer.step()
    done.undo()
    assert bits(model) == before


def test_a_block_of_which_biases_stay_is_not_removed() -> None:
    """Its weights are zero, but what its normalisation adds is not."""
    model = resnet()
    groups = blocks_of(model, (IMAGE,))
    masks = without(groups, "blocks.1")
    part = Masks({name: mask for name, mask in masks.tensors.items() if "norm2.bias" not in name})
    done = cut(model, part, groups, example_inputs=(IMAGE,))
    assert done.removed == {}
    assert isinstance(model.blocks[1], Basic)


def test_what_is_no_block_is_not_skipped() -> None:
    """The groups of another network may name it so: the masked network tells."""
    model = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(4, 4)), nn.Linear(4, 2)).eval()
    group = Group("1", 1, tuple(_member(model, "1.0.weight", "1.0.bias")), "layers")
    before = bits(model)
    with pytest.raises(SurgeryError, match="The block 1 cannot be left out: without its weights it answers"):
        cut(model, without((group,), "1"), [group], example_inputs=(WORDS,))
    assert bits(model) == before


def _member(model: nn.Module, *names: str) -> Any:
    from secateur.core.groups import Member

    for name in names:
        shape = tuple(model.get_parameter(name).shape)
        yield Member(name, shape, 0, torch.arange(shape[0])[None])


class Reads(nn.Module):
    """Its code looks into a block."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Basic(3), Basic(3)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Any:
        x = self.second(self.first(x.abs()))
        return self.head(x.mean((2, 3))) * self.first.conv1.weight.shape[1]


def test_a_block_that_the_code_looks_into_is_no_group() -> None:
    torch.manual_seed(0)
    model = Reads().eval()
    assert [g.name for g in blocks_of(model, (IMAGE,))] == ["first", "second"]
    structure = secateur.cuttable(model, (IMAGE,))
    assert [g.name for g in structure.groups if g.kind == "layers"] == ["second"]
