"""Every criterion x pattern x allocation keeps the same promises."""

import copy
import itertools
import pickle
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny import Tiny, make_model
from torch import nn

from secateur import Calibration, Masks, Recipe, find_masks
from secateur.allocation import ALLOCATIONS
from secateur.core.protocols import CoupledPattern
from secateur.criteria import CRITERIA
from secateur.errors import RecipeError
from secateur.masking import plan
from secateur.masking.free import Plan
from secateur.patterns import PATTERNS

FREE = [name for name, pattern in PATTERNS.items() if not isinstance(pattern(), CoupledPattern)]
# one score for each output channel, on its whole row
BY_CHANNEL = {name for name, criterion in CRITERIA.items() if hasattr(criterion, "by_channel")}
COMBINATIONS = [
    (criterion, pattern, allocation)
    for criterion, pattern, allocation in itertools.product(CRITERIA, FREE, ALLOCATIONS)
    if criterion not in BY_CHANNEL or pattern != "n_of_m"  # which recipes refuse
]


@pytest.fixture(scope="module")
def task() -> Tiny:
    return Tiny()


def recipe_of(criterion: str, pattern: str, allocation: str, sparsity: float | None = None) -> Recipe:
    shape = PATTERNS[pattern]()
    return Recipe(
        sparsity=shape.ceiling if shape.ceiling < 1 else (0.8 if sparsity is None else sparsity),
        criterion=CRITERIA[criterion](),
        pattern=shape,
        allocation=ALLOCATIONS[allocation](),
    )


def free_plan(model: nn.Module, recipe: Recipe) -> Plan:
    layout = plan(model, recipe)
    assert isinstance(layout, Plan)
    return layout


def masks_of(task: Tiny, model: nn.Module, recipe: Recipe, **options: Any) -> Masks:
    torch.manual_seed(7)
    return find_masks(model, recipe, data=Calibration(task.batches, task.loss, limit=3), **options)


@pytest.mark.parametrize(("criterion", "pattern", "allocation"), COMBINATIONS)
class TestEveryCombination:
    def test_removes_exactly_what_is_due(
        self, task: Tiny, criterion: str, pattern: str, allocation: str
    ) -> None:
        recipe = recipe_of(criterion, pattern, allocation)
        layout = free_plan(task.model, recipe)
        for due in (0.0, 0.01, 0.37, 0.5, 1.0):
            masks = masks_of(task, task.model, recipe, due=due)
            assert masks.removed == layout.units_due(due * recipe.sparsity) * layout.unit_size
            if pattern == "elements":
                assert masks.removed == round(due * recipe.sparsity * masks.total)

    def test_is_deterministic_and_leaves_the_model_alone(
        self, task: Tiny, criterion: str, pattern: str, allocation: str
    ) -> None:
        recipe = recipe_of(criterion, pattern, allocation)
        model = copy.deepcopy(task.model).train()
        before = copy.deepcopy(model.state_dict())
        first, second = (masks_of(task, model, recipe) for _ in range(2))
        assert first.hash() == second.hash()
        assert model.training
        assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
        assert all(parameter.grad is None for parameter in model.parameters())

    def test_masks_are_boolean_and_have_the_weights_shapes(
        self, task: Tiny, criterion: str, pattern: str, allocation: str
    ) -> None:
        masks = masks_of(task, task.model, recipe_of(criterion, pattern, allocation))
        weights = {name: p for name, p in task.model.named_parameters() if p.dim() >= 2}
        assert {name: m.shape for name, m in masks.tensors.items()} == {
            n: w.shape for n, w in weights.items()
        }
        assert all(mask.dtype is torch.bool for mask in masks.tensors.values())

    def test_ties_do_not_change_the_count(
        self, task: Tiny, criterion: str, pattern: str, allocation: str
    ) -> None:
        model = make_model().eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(0.5)
        recipe = recipe_of(criterion, pattern, allocation)
        layout = free_plan(model, recipe)
        masks = masks_of(task, model, recipe)
        assert masks.removed == layout.units_due(recipe.sparsity) * layout.unit_size

    def test_masks_are_nested_along_a_schedule(
        self, task: Tiny, criterion: str, pattern: str, allocation: str
    ) -> None:
        recipe = recipe_of(criterion, pattern, allocation)
        layout = free_plan(task.model, recipe)
        model = copy.deepcopy(task.model)
        masks = Masks()
        for due in (0.1, 0.3, 0.31, 0.6, 0.9, 1.0):
            later = masks_of(task, model, recipe, due=due, previous=masks)
            for name, mask in masks.tensors.items():
                assert not bool((later.tensors[name] & ~mask).any()), "a removed weight came back"
            assert later.removed == layout.units_due(due * recipe.sparsity) * layout.unit_size
            masks = later
            with torch.no_grad():  # training moves the weights between two removals
                for parameter in model.parameters():
                    parameter.add_(0.1 * torch.randn_like(parameter))

    def test_no_layer_is_emptied(self, task: Tiny, criterion: str, pattern: str, allocation: str) -> None:
        recipe = recipe_of(criterion, pattern, allocation, sparsity=0.97)
        masks = masks_of(task, task.model, recipe)
        for name, mask in masks.tensors.items():
            assert int(mask.sum()) >= max(1, int(recipe.floor * mask.numel())), name

    def test_zero_sparsity_removes_nothing(
        self, task: Tiny, criterion: str, pattern: str, allocation: str
    ) -> None:
        recipe = replace(recipe_of(criterion, pattern, allocation), sparsity=0.0)
        assert masks_of(task, task.model, recipe).removed == 0

    def test_recipe_survives_copy_and_pickle(
        self, task: Tiny, criterion: str, pattern: str, allocation: str
    ) -> None:
        recipe = recipe_of(criterion, pattern, allocation)
        assert copy.deepcopy(recipe) == recipe
        assert pickle.loads(pickle.dumps(recipe)).fingerprint == recipe.fingerprint


@pytest.mark.parametrize("criterion", CRITERIA)
def test_scores_rank_something_other_than_position(task: Tiny, criterion: str) -> None:
    weights = {name: p for name, p in task.model.named_parameters() if p.dim() >= 2}
    torch.manual_seed(7)
    scores = CRITERIA[criterion]()(task.model, weights, Calibration(task.batches, task.loss, limit=2))
    for name, weight in weights.items():
        assert scores[name].shape == weight.shape
        assert not scores[name].requires_grad
        assert bool((scores[name] >= 0).all())
        distinct = len(set(scores[name].flatten().tolist()))
        assert distinct > (weight.shape[0] // 2 if criterion in BY_CHANNEL else weight.numel() // 4)


@pytest.mark.parametrize("allocation", ALLOCATIONS)
def test_earlier_masks_with_a_lower_floor_stay_nested(task: Tiny, allocation: str) -> None:
    low = replace(recipe_of("magnitude", "elements", allocation, sparsity=0.9), floor=0.0)
    first = masks_of(task, task.model, low)
    later = masks_of(task, task.model, replace(low, floor=0.3, sparsity=0.5), previous=first)
    assert later.hash() == first.hash()


@pytest.mark.parametrize("criterion", sorted(BY_CHANNEL))
def test_neighbours_that_compete_need_scores_of_their_own(criterion: str) -> None:
    with pytest.raises(RecipeError, match=r"scores whole channels.* Expected a criterion of single weights"):
        recipe_of(criterion, "n_of_m", "global")
