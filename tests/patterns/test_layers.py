"""Whole blocks by hand: pooling, masks, what is counted, and how many must stay."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from secateur import Masks, Recipe, find_masks
from secateur.allocation import ALLOCATIONS
from secateur.core.groups import Group, Member
from secateur.errors import GoalError, RecipeError
from secateur.graph.structure import Structure, structure_of
from secateur.masking import plan
from secateur.masking.coupled import CoupledPlan
from secateur.masking.effects import effects
from secateur.patterns import Layers
from secateur.recipe.toml import dumps, read

GROUP = Group(
    "block",
    1,
    (
        Member("block.a", (2, 2), 0, torch.arange(2)[None]),
        Member("block.b", (3,), 0, torch.arange(3)[None]),
    ),
    "layers",
)
SCORES = {"block.a": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "block.b": torch.tensor([0.0, 6.0, 5.0])}


class Block(nn.Module):
    """x + f(x): 9 * inner + 4 parameters, 8 * inner weights and multiply-adds."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.up = nn.Linear(4, inner)
        self.down = nn.Linear(inner, 4)

    def forward(self, x: Tensor) -> Any:
        return x + self.down(torch.relu(self.up(x)))


class Deep(nn.Module):
    """Blocks of 16, 16, 48 and 48 multiply-adds, and 24 of other layers; the first is worth least."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Linear(4, 4)
        self.blocks = nn.Sequential(Block(2), Block(2), Block(6), Block(6))
        self.end = nn.Linear(4, 2)
        for number, block in enumerate(self.blocks):
            for parameter in block.parameters():
                nn.init.constant_(parameter, 0.1 * (1 + number))

    def forward(self, x: Tensor) -> Any:
        return self.end(self.blocks(self.start(x)))


@pytest.fixture(scope="module")
def model() -> Deep:
    torch.manual_seed(0)
    return Deep().eval()


@pytest.fixture(scope="module")
def structure(model: Deep) -> Structure:
    return structure_of(model, (torch.ones(1, 4),))


def layers(sparsity: float = 0.5, **changes: Any) -> Recipe:
    return replace(Recipe(sparsity=sparsity, measure="channels", pattern=Layers()), **changes)


def gone(masks: Masks) -> list[int]:
    """Numbers of the blocks of which nothing is left; of the others all is."""
    whole = {name: int(mask.sum()) in (0, mask.numel()) for name, mask in masks.tensors.items()}
    assert all(whole.values())
    removed = {name.split(".")[1] for name, mask in masks.tensors.items() if not bool(mask.any())}
    stay = {name.split(".")[1] for name, mask in masks.tensors.items() if bool(mask.all())}
    assert not removed & stay
    return sorted(map(int, removed))


@pytest.mark.parametrize(
    ("pool", "expected"), [("sum", 21.0), ("mean", 3.0), ("max", 6.0), ("l2", math.sqrt(30 + 61))]
)
def test_all_elements_of_a_block_are_pooled(pool: Any, expected: float) -> None:
    assert Layers(pool).units(GROUP, SCORES).tolist() == pytest.approx([expected])


def test_a_block_that_is_gone_scores_least() -> None:
    left = {name: torch.full_like(score, -torch.inf) for name, score in SCORES.items()}
    assert Layers().units(GROUP, left).tolist() == [-math.inf]


def test_masks_are_all_or_nothing() -> None:
    for remove in (0, 1):
        masks = Layers().masks(GROUP, SCORES, torch.tensor([3.0]), remove)
        assert {name: bool(mask.any()) for name, mask in masks.items()} == dict.fromkeys(SCORES, not remove)
        assert {name: bool(mask.all()) for name, mask in masks.items()} == dict.fromkeys(SCORES, not remove)


def test_only_blocks_are_selected(structure: Structure) -> None:
    kinds = {group.kind for group in structure.groups}
    assert kinds == {"channels", "layers"}
    chosen = Layers().select(structure.groups)
    assert [g.name for g in chosen] == ["blocks.0", "blocks.1", "blocks.2", "blocks.3"]


@pytest.mark.parametrize("allocation", ALLOCATIONS)
def test_the_least_important_blocks_go(model: Deep, structure: Structure, allocation: str) -> None:
    """Allocations that know shapes may choose others, but so many."""
    for sparsity, count in ((0.0, 0), (0.25, 1), (0.3, 2), (0.75, 3)):
        recipe = layers(sparsity, allocation=ALLOCATIONS[allocation]())
        found = gone(find_masks(model, recipe, structure=structure))
        assert len(found) == count
        if allocation in ("global", "uniform"):
            assert found == list(range(count))


def test_masks_are_nested_along_a_schedule(model: Deep, structure: Structure) -> None:
    masks, found = Masks(), []
    for due in (0.3, 0.6, 1.0):
        masks = find_masks(model, layers(0.75), due=due, previous=masks, structure=structure)
        found.append(gone(masks))
    assert found == [[0], [0, 1], [0, 1, 2]]


def test_every_measure_counts_what_it_says(model: Deep, structure: Structure) -> None:
    whole = {
        "channels": 4,
        "weights": 16 + 128 + 8,
        "parameters": 20 + 2 * 22 + 2 * 58 + 10,
        "multiply_adds": 152,
    }
    third = {"channels": 1, "weights": 48, "parameters": 58, "multiply_adds": 48}
    for measure, count in whole.items():
        layout = plan(model, layers(0.1, measure=measure), structure)
        assert isinstance(layout, CoupledPlan)
        assert layout.fraction({"blocks.2": 1}) == pytest.approx(third[measure] / count)


def test_as_few_blocks_as_come_to_the_goal_and_the_important_ones_stay(
    model: Deep, structure: Structure
) -> None:
    """Ranked, it takes blocks 0, 1 and 2 to come to 64 of 152; without block 1 that is exactly reached."""
    recipe = layers(64 / 152, measure="multiply_adds")
    assert gone(find_masks(model, recipe, structure=structure)) == [0, 2]


def test_skip_and_only_keep_blocks(model: Deep, structure: Structure) -> None:
    assert gone(find_masks(model, layers(0.4, skip=("blocks.0.up.weight",)), structure=structure)) == [1, 2]
    assert gone(find_masks(model, layers(0.4, only=("blocks.[123].*",)), structure=structure)) == [1, 2]


def test_the_minimum_stays_whichever_blocks_go(model: Deep, structure: Structure) -> None:
    for minimum in (0, 1, 2):
        recipe = layers((4 - minimum) / 4 - 1e-6, pattern=Layers(minimum=minimum))
        assert gone(find_masks(model, recipe, structure=structure)) == list(range(4 - minimum))
    with pytest.raises(GoalError, match=r"minimum=2\).*50\.00 % of the channels may go, from 4 groups"):
        plan(model, layers(0.6, pattern=Layers(minimum=2)), structure)


def test_what_is_possible_does_not_count_on_the_largest_block(model: Deep, structure: Structure) -> None:
    with pytest.raises(GoalError, match=f"{100 * 80 / 152:.2f} % of the multiply-adds"):
        plan(model, layers(0.6, measure="multiply_adds"), structure)


def test_effects_are_those_of_the_whole_block(model: Deep, structure: Structure) -> None:
    found = {e.group.name: e for e in effects(model, structure)}
    assert found["blocks.3"].parameters == 58
    assert found["blocks.3"].multiply_adds == 48
    assert found["blocks.3"].bytes == 4 * 58
    assert found["blocks.3.up"].multiply_adds == 8  # one of its channels: a row and a column


class Attention(nn.Module):
    """4 * 16 multiply-adds for each of 3 places, and twice 3 * 3 * 4 of products."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(4, 4) for _ in range(4))

    def forward(self, x: Tensor) -> Any:
        return x + self.out((self.q(x) @ self.k(x).transpose(1, 2)).softmax(-1) @ self.v(x))


def test_products_of_attention_go_with_its_block() -> None:
    model = nn.Sequential(nn.Linear(4, 4), Attention(), Attention()).eval()
    structure = structure_of(model, (torch.ones(1, 3, 4),))
    layout = plan(model, layers(0.1, measure="multiply_adds"), structure)
    assert isinstance(layout, CoupledPlan)
    assert layout.budget.total == 48 + 2 * (192 + 72)
    assert layout.fraction({"1": 1}) == pytest.approx(264 / 576)


def test_a_network_without_blocks_says_so() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
    structure = structure_of(model, (torch.ones(1, 4),))
    with pytest.raises(RecipeError, match="finds nothing to remove: the network has 1 groups of channels"):
        plan(model, layers(), structure)


def test_impossible_values_are_refused() -> None:
    with pytest.raises(RecipeError, match="pool = 'median' is unknown"):
        Layers("median")  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="minimum = -1: expected 0 or more"):
        Layers(minimum=-1)


def test_a_recipe_in_toml(tmp_path: Path) -> None:
    recipe = layers(0.3, pattern=Layers("sum", minimum=2))
    file = tmp_path / "recipe.toml"
    file.write_text(dumps(recipe), encoding="utf-8")
    assert 'name = "layers"' in file.read_text(encoding="utf-8")
    assert read(file) == recipe
