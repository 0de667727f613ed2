"""What does a recipe mean where weights go one by one, or in shapes inside one weight?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from secateur.core.groups import Group, ScoredGroup
from secateur.core.protocols import Pattern
from secateur.errors import GoalError
from secateur.graph.weights import prunable
from secateur.recipe import Recipe


@dataclass(frozen=True)
class Plan:
    """What a recipe means for one model: its weights, their groups, and how many units may go.

    Attributes:
        weights: the parameters that may be pruned.
        groups: their units.
        most: (groups,) units that may go at most, so that the floor stays.
        unit_size: elements that go with one unit.
        counted: elements that the recipe's sparsity is a fraction of.
    """

    weights: Mapping[str, nn.Parameter]
    groups: Sequence[Group]
    most: Sequence[int]
    unit_size: float
    counted: int

    def cost(self, group: Group) -> float:
        """Elements that go with a unit, the same in every group."""
        return self.unit_size

    def units_due(self, sparsity: float) -> int:
        """Units to remove for this fraction of what is counted: round(sparsity * counted) elements."""
        return round(round(sparsity * self.counted) / self.unit_size)

    def counts(self, scored: Sequence[ScoredGroup], recipe: Recipe, sparsity: float) -> dict[str, int]:
        """Units to remove from each group; all together exactly those that are due."""
        gone = sum(group.least for group in scored)
        return recipe.allocation(scored, max(gone, self.units_due(sparsity)))


def free_plan(model: nn.Module, recipe: Recipe, pattern: Pattern) -> Plan:
    """Lay the recipe out over the model's weights.

    Raises:
        RecipeError: a name pattern matches nothing, or the pattern does not fit a weight's shape.
        GoalError: the sparsity is out of reach; the message says how much is possible.
    """
    weights = prunable(model, recipe.only, recipe.skip)
    groups = pattern.groups({name: tuple(w.shape) for name, w in weights.items()})
    pruned = sum(w.numel() for w in weights.values())
    everything = sum(p.numel() for p in model.parameters())
    ceiling = pattern.ceiling
    result = Plan(
        weights,
        groups,
        [most_units(group.units, recipe.floor) if ceiling == 1 else group.units for group in groups],
        pruned * ceiling / sum(group.units for group in groups),
        pruned if recipe.measure == "weights" else everything,
    )
    if result.units_due(recipe.sparsity) > sum(result.most):
        raise _out_of_reach(result, recipe)
    return result


def most_units(units: int, floor: float) -> int:
    """Units that may go when the floor, and at least one unit, must stay."""
    return units - max(1, math.ceil(floor * units - 1e-9))


def _out_of_reach(layout: Plan, recipe: Recipe) -> GoalError:
    possible = sum(layout.most) * layout.unit_size / layout.counted
    return GoalError(
        f"sparsity = {recipe.sparsity:g} is out of reach: of {layout.counted:,} {recipe.measure}, "
        f"{round(sum(layout.most) * layout.unit_size):,} may go ({100 * possible:.2f} %), with a floor "
        f"of {100 * recipe.floor:g} % and at least one unit in each of {len(layout.groups)} tensors. "
        f"Ask for sparsity = {int(possible * 1e4) / 1e4:g} at most, lower the floor, or skip fewer weights."
    )
