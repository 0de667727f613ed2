from typing import Any

import torch
from torch import Tensor, nn

from secateur.core.groups import Group, Member
from secateur.surgery.foreign import Change, Option, candidates, changes, new_values, reads
from secateur.surgery.sizes import Sizes, sizes_near

HEADS = torch.arange(12).reshape(4, 3)


class Config:
    def __init__(self) -> None:
        self.heads, self.layers = 4, 2


class SelfAttention(nn.Module):
    """Four heads of three in a network of width 12."""

    def __init__(self) -> None:
        super().__init__()
        self.num_heads, self.h, self.width, self.unused = 4, 4, 12, 12
        self.splits = [12, 12, 5]
        self.flag = True
        self.config = Config()
        self.query = nn.Linear(12, 12)
        self.out = nn.Linear(12, 12)

    def forward(self, x: Tensor) -> Any:
        return x, self.num_heads, self.h, self.width, self.splits, self.config.heads


def model() -> nn.Module:
    return nn.ModuleDict({"layer": nn.ModuleDict({"attention": SelfAttention()})})


def near(gone: int = 2) -> dict[str, Sizes]:
    path = "layer.attention."
    members = (
        Member(path + "query.weight", (12, 12), 0, HEADS),
        Member(path + "query.bias", (12,), 0, HEADS),
        Member(path + "out.weight", (12, 12), 1, HEADS),
    )
    group = Group("query", 4, members, "heads")
    left = 12 - 3 * gone
    sizes = {(m.tensor, m.axis): left for m in members}
    return sizes_near([group], {"query": torch.arange(4) < gone}, sizes)


def test_sizes_are_noted_from_the_owners_up_to_where_they_meet() -> None:
    found = near()
    assert list(found) == ["layer.attention.query", "layer.attention", "layer.attention.out"]
    attention = found["layer.attention"]
    assert (attention.widths, attention.inner, attention.heads) == ({12: {6: 1}}, {12: {6: 1}}, {4: {2: 1}})


def test_well_known_names_follow_and_equal_numbers_under_other_names_do_not() -> None:
    network = model()
    assert list(changes(network, near(), {})) == [Change("layer.attention", "num_heads", 2)]


def test_a_choice_makes_others_follow_or_known_ones_stay() -> None:
    network = model()
    choice: dict[Option, int] = {
        (SelfAttention, "h"): 0,
        (SelfAttention, "num_heads"): -1,
        (SelfAttention, "splits"): 0,
    }
    assert list(changes(network, near(), choice)) == [
        Change("layer.attention", "h", 2),
        Change("layer.attention", "splits", [6, 6, 5]),
    ]


def test_candidates_are_attributes_that_the_code_reads() -> None:
    network = model()
    tried = list(candidates(network, near(), ["", "layer", "layer.attention"]))
    names = ["num_heads", "h", "width", "splits", "config.heads"]
    both = [which for name in names for which in ((name, -1), (name, 0))]
    assert [(name, which) for (kind, name), which in tried if kind is SelfAttention][:10] == both
    assert [(name, which) for (path, name), which in tried if path == "layer.attention"][:10] == both
    assert tried.index(((SelfAttention, "config.heads"), 0)) < tried.index(
        (("layer.attention", "num_heads"), -1)
    )
    assert not reads(SelfAttention, "unused")


def test_one_module_may_differ_from_the_others_of_its_class() -> None:
    network = model()
    choice: dict[Option, int] = {(SelfAttention, "h"): 0, ("layer.attention", "h"): -1}
    assert list(changes(network, near(), choice)) == [Change("layer.attention", "num_heads", 2)]


def test_small_multiples_and_parts_of_a_width_come_after_it() -> None:
    """Of 16 channels 6 stay: of both halves together 12 of 32, of one quarter 1.5, which is none."""
    sizes = Sizes(widths={16: {6: 0}, 32: {20: 1}})
    assert new_values("width", 32, sizes) == [20, 12]
    assert new_values("width", 8, sizes) == [3, 5]
    assert new_values("width", 4, sizes) == []
    assert new_values("width", 512, sizes) == []


def test_key_and_value_heads_take_their_query_heads_along() -> None:
    """Two heads of keys stand for eight of queries; one of them goes."""
    sizes = Sizes(heads={2: {1: 0}}, widths={}, inner={})
    assert new_values("num_heads", 8, sizes) == [4]
    assert new_values("num_key_value_heads", 2, sizes) == [1]
    assert new_values("num_heads", 7, sizes) == []


def test_the_nearest_of_two_equal_widths_comes_first() -> None:
    sizes = Sizes(widths={64: {40: 2, 32: 0}})
    assert new_values("width", 64, sizes) == [32, 40]
    assert new_values("width", 63, sizes) == []
