"""Which elements does a recipe remove from this model now?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from secateur.core.groups import Group, ScoredGroup
from secateur.core.masks import Masks
from secateur.core.protocols import Scores
from secateur.core.task import Calibration
from secateur.errors import GoalError, NumericalError, RecipeError
from secateur.graph.weights import check_finite, prunable
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

    def units_due(self, sparsity: float) -> int:
        """Units to remove for this fraction of what is counted: round(sparsity * counted) elements."""
        return round(round(sparsity * self.counted) / self.unit_size)


def plan(model: nn.Module, recipe: Recipe) -> Plan:
    """Lay the recipe out over the model, and refuse what cannot be reached.

    Raises:
        RecipeError: a name pattern matches nothing, or the pattern does not fit a weight's shape.
        GoalError: the sparsity is out of reach; the message says how much is possible.
    """
    weights = prunable(model, recipe.only, recipe.skip)
    groups = recipe.pattern.groups({name: tuple(w.shape) for name, w in weights.items()})
    pruned = sum(w.numel() for w in weights.values())
    everything = sum(p.numel() for p in model.parameters())
    ceiling = recipe.pattern.ceiling
    result = Plan(
        weights,
        groups,
        [_most(group.units, recipe.floor) if ceiling == 1 else group.units for group in groups],
        pruned * ceiling / sum(group.units for group in groups),
        pruned if recipe.measure == "weights" else everything,
    )
    if result.units_due(recipe.sparsity) > sum(result.most):
        raise _out_of_reach(result, recipe)
    return result


def find_masks(
    model: nn.Module,
    recipe: Recipe,
    *,
    data: Calibration | None = None,
    due: float = 1.0,
    previous: Masks | None = None,
) -> Masks:
    """Masks that remove `due * recipe.sparsity` of the model's weights; the model stays untouched.

    Exactly `round(due * sparsity * n)` elements go, to the pattern's unit. What `previous` removed
    stays removed, so masks along a schedule are nested.

    Args:
        model: the network.
        recipe: criterion, pattern, allocation and sparsity; schedule and recovery are not used.
        data: batches and loss, for criteria that look at data.
        due: fraction of the goal, in [0, 1].
        previous: earlier masks of the same model and recipe.

    Raises:
        RecipeError, GoalError: as `plan`.
        NumericalError: weights or scores are NaN or infinite.

    Example:
        >>> import torch, secateur
        >>> layer = torch.nn.Linear(2, 2, bias=False)
        >>> layer.weight.data = torch.tensor([[1.0, -4.0], [0.5, 3.0]])
        >>> masks = secateur.find_masks(layer, secateur.Recipe(sparsity=0.5))
        >>> masks.tensors["weight"]
        tensor([[False,  True],
                [False,  True]])
    """
    check_finite(model)
    layout = plan(model, recipe)
    scores = _scores(model, layout.weights, recipe, data, previous)
    units = [recipe.pattern.units(group, scores) for group in layout.groups]
    scored = [
        ScoredGroup(group, pooled, gone, max(gone, most))  # earlier masks may have had a lower floor
        for group, pooled, most in zip(layout.groups, units, layout.most, strict=True)
        for gone in [int(torch.isneginf(pooled).sum())]
    ]
    remove = max(sum(group.least for group in scored), layout.units_due(due * recipe.sparsity))
    counts = recipe.allocation(scored, remove)
    tensors: dict[str, Tensor] = {}
    for group, pooled in zip(layout.groups, units, strict=True):
        tensors |= recipe.pattern.masks(group, scores, pooled, counts[group.name])
    return Masks(tensors)


def _scores(
    model: nn.Module,
    weights: Mapping[str, nn.Parameter],
    recipe: Recipe,
    data: Calibration | None,
    previous: Masks | None,
) -> Scores:
    """The criterion's scores, checked, with -inf for elements that are already gone."""
    scores = recipe.criterion(model, weights, data)
    for name, weight in weights.items():
        if not bool(torch.isfinite(scores[name]).all()):
            raise NumericalError(
                f"{recipe.criterion} scored {name} with NaN or infinity. Look for overflow in the "
                "network's activations or gradients on the calibration batches."
            )
        if previous is not None and name in previous.tensors:
            if previous.tensors[name].shape != weight.shape:
                raise RecipeError(
                    f"The previous mask of {name} has shape {tuple(previous.tensors[name].shape)}, the "
                    f"weight {tuple(weight.shape)}. Pass masks that were found for this model."
                )
            mask = previous.tensors[name].to(weight.device)
            scores = {**scores, name: scores[name].masked_fill(~mask, -torch.inf)}
    return scores


def _most(units: int, floor: float) -> int:
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
