"""Every criterion x coupled pattern x allocation keeps the same promises."""

import copy
import itertools
import pickle
from dataclasses import replace
from typing import Any

import pytest
import torch
from attentive import Attentive

from secateur import Calibration, Masks, Recipe, find_masks
from secateur.allocation import ALLOCATIONS
from secateur.core.groups import Group
from secateur.core.protocols import CoupledPattern
from secateur.criteria import CRITERIA
from secateur.errors import GoalError, RecipeError
from secateur.graph.structure import Structure, structure_of
from secateur.masking import plan
from secateur.masking.coupled import CoupledPlan
from secateur.patterns import PATTERNS, Channels
from secateur.recipe.recipe import Measure

COUPLED = {name: cls for name, cls in PATTERNS.items() if isinstance(cls(), CoupledPattern)}
COMBINATIONS = [
    (c, p, a) for c, p, a in itertools.product(CRITERIA, ("channels", "heads"), ALLOCATIONS) if c != "wanda"
]


@pytest.fixture(scope="module")
def task() -> Attentive:
    return Attentive()


@pytest.fixture(scope="module")
def structure(task: Attentive) -> Structure:
    return structure_of(task.model, task.example_inputs)


def recipe_of(criterion: str, pattern: str, allocation: str, **changes: Any) -> Recipe:
    options: dict[str, Any] = {"round_to": 4} if pattern == "channels" else {}
    recipe = Recipe(
        sparsity=0.5,
        measure="channels",
        criterion=CRITERIA[criterion](),
        pattern=COUPLED[pattern](**options),
        allocation=ALLOCATIONS[allocation](),
    )
    return replace(recipe, **changes)


def masks_of(task: Attentive, recipe: Recipe, structure: Structure, **options: Any) -> Masks:
    torch.manual_seed(7)
    data = Calibration(task.batches, task.loss, limit=2)
    return find_masks(task.model, recipe, data=data, structure=structure, **options)


def gone(group: Group, masks: Masks) -> torch.Tensor:
    """(units,) whether all of a unit's elements are masked."""
    masked = []
    for m in group.members:
        if not m.buffer and m.positions is not None:
            rows = ~masks.tensors[m.tensor].movedim(m.axis, 0).reshape(m.shape[m.axis], -1)
            masked.append(rows[m.positions].all(dim=2).all(dim=1))
    return torch.stack(masked).all(dim=0)


@pytest.mark.parametrize(("criterion", "pattern", "allocation"), COMBINATIONS)
class TestEveryCombination:
    def test_removes_whole_units_and_at_least_what_is_due(
        self, task: Attentive, structure: Structure, criterion: str, pattern: str, allocation: str
    ) -> None:
        recipe = recipe_of(criterion, pattern, allocation)
        layout = plan(task.model, recipe, structure)
        assert isinstance(layout, CoupledPlan)
        for due in (0.0, 0.3, 1.0):
            masks = masks_of(task, recipe, structure, due=due)
            removed = {group.name: gone(group, masks) for group in layout.groups}
            whole = {name: torch.ones_like(mask) for name, mask in masks.tensors.items()}
            for group in layout.groups:
                for m in group.members:
                    if not m.buffer and m.positions is not None:
                        rows = m.positions[removed[group.name]].flatten()
                        whole[m.tensor].index_fill_(m.axis, rows, False)
            for name, mask in masks.tensors.items():
                assert torch.equal(mask, whole[name]), f"{name} loses elements of no whole unit"
            fraction = layout.fraction({name: int(units.sum()) for name, units in removed.items()})
            largest = 4 / sum(g.units for g in layout.groups)  # one step of the rounding
            assert due * recipe.sparsity - 1e-9 <= fraction <= due * recipe.sparsity + largest

    def test_is_deterministic_and_leaves_the_model_alone(
        self, task: Attentive, structure: Structure, criterion: str, pattern: str, allocation: str
    ) -> None:
        recipe = recipe_of(criterion, pattern, allocation)
        before = copy.deepcopy(task.model.state_dict())
        first, second = (masks_of(task, recipe, structure) for _ in range(2))
        assert first.hash() == second.hash()
        assert all(torch.equal(before[name], tensor) for name, tensor in task.model.state_dict().items())
        assert all(parameter.grad is None for parameter in task.model.parameters())

    def test_masks_are_nested_along_a_schedule(
        self, task: Attentive, structure: Structure, criterion: str, pattern: str, allocation: str
    ) -> None:
        recipe = recipe_of(criterion, pattern, allocation)
        masks = Masks()
        for due in (0.2, 0.5, 0.51, 1.0):
            later = masks_of(task, recipe, structure, due=due, previous=masks)
            for name, mask in masks.tensors.items():
                assert not bool((later.tensors[name] & ~mask).any()), "a removed channel came back"
            masks = later

    def test_no_group_is_emptied_and_widths_are_round(
        self, task: Attentive, structure: Structure, criterion: str, pattern: str, allocation: str
    ) -> None:
        recipe = recipe_of(criterion, pattern, allocation, sparsity=0.7)
        masks = masks_of(task, recipe, structure)
        for group in plan(task.model, recipe, structure).groups:
            left = group.units - int(gone(group, masks).sum())
            assert left >= 1
            assert left % (4 if group.kind == "channels" else 1) == 0

    def test_recipe_survives_copy_and_pickle(
        self, task: Attentive, structure: Structure, criterion: str, pattern: str, allocation: str
    ) -> None:
        recipe = recipe_of(criterion, pattern, allocation)
        assert copy.deepcopy(recipe) == recipe
        assert pickle.loads(pickle.dumps(recipe)).fingerprint == recipe.fingerprint


def test_every_measure_counts_what_it_says(task: Attentive, structure: Structure) -> None:
    """Half the channels of `inner` only: 12 of 24, with 16 x 9 + 1 + 16 weights each."""
    recipe = recipe_of("magnitude", "channels", "uniform", only=("inner.weight",), sparsity=0.5)
    parameters = sum(p.numel() for p in task.model.parameters())
    left: dict[Measure, float] = {
        "channels": 0.5,
        "weights": 0.5,
        "parameters": 12 * (16 * 9 + 1 + 16) / parameters,
    }
    for measure, fraction in left.items():
        there = replace(recipe, measure=measure, sparsity=fraction)
        assert (
            int(gone(plan(task.model, there, structure).groups[0], masks_of(task, there, structure)).sum())
            == 12
        )


def test_multiply_adds_of_attention_go_with_its_heads(task: Attentive, structure: Structure) -> None:
    recipe = recipe_of("magnitude", "heads", "uniform", measure="multiply_adds", sparsity=0.1)
    layout = plan(task.model, recipe, structure)
    assert isinstance(layout, CoupledPlan)
    half = {group.name: 2 for group in layout.groups}
    places, width = 16, 16
    attention = places * (4 * width * width + 2 * places * width)
    others = places * (4 * 16 * 9 + 16 * 24 * 9 + 24 * 16) + 16 * 4
    assert layout.fraction(half) == pytest.approx(attention / 2 / (attention + others))


def test_a_goal_out_of_reach_says_what_is_possible(task: Attentive, structure: Structure) -> None:
    recipe = recipe_of("magnitude", "heads", "uniform", measure="weights", sparsity=0.5)
    with pytest.raises(GoalError, match=r"out of reach.*of the weights may go, from 1 groups\. Ask for"):
        plan(task.model, recipe, structure)


def test_what_is_skipped_keeps_its_whole_group(task: Attentive, structure: Structure) -> None:
    recipe = recipe_of("magnitude", "channels", "uniform", skip=("back.weight",), sparsity=0.1)
    assert {g.name for g in plan(task.model, recipe, structure).groups} == {"attention.qkv"}


def test_the_structure_is_asked_for(task: Attentive) -> None:
    with pytest.raises(RecipeError, match="structure=secateur.cuttable"):
        find_masks(task.model, recipe_of("magnitude", "channels", "uniform"))


def test_nothing_to_remove_is_said(task: Attentive, structure: Structure) -> None:
    with pytest.raises(RecipeError, match="finds nothing to remove"):
        plan(task.model, recipe_of("magnitude", "channels", "uniform", only=("classes.weight",)), structure)


def test_counting_arithmetic_needs_a_pattern_that_saves_some() -> None:
    with pytest.raises(RecipeError, match="'multiply_adds' counts what only whole channels take along"):
        Recipe(measure="multiply_adds")
    assert Recipe(measure="multiply_adds", pattern=Channels()).sparsity == 0.9
