"""Which elements does a recipe remove from this model now?"""

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn

from secateur.core.groups import ScoredGroup
from secateur.core.masks import Masks
from secateur.core.protocols import CoupledPattern, Scores
from secateur.core.select import lowest
from secateur.core.task import Calibration
from secateur.criteria.outputs import made
from secateur.errors import NumericalError, RecipeError
from secateur.graph.structure import Structure
from secateur.graph.weights import check_finite
from secateur.masking.coupled import CoupledPlan, coupled_plan
from secateur.masking.free import Plan, free_plan
from secateur.recipe import Recipe

AnyPlan: TypeAlias = Plan | CoupledPlan


def plan(model: nn.Module, recipe: Recipe, structure: Structure | None = None) -> AnyPlan:
    """Lay the recipe out over the model, and refuse what cannot be reached.

    Raises:
        RecipeError: a name pattern matches nothing, the pattern does not fit a weight's shape, or it needs
            the network's structure.
        GoalError: the sparsity is out of reach; the message says how much is possible.
    """
    pattern = recipe.pattern
    if not isinstance(pattern, CoupledPattern):
        return free_plan(model, recipe, pattern)
    if structure is None:
        raise RecipeError(
            f"{pattern} removes what hangs together in several layers, and needs to know how. Pass "
            "structure=secateur.cuttable(model, example_inputs)."
        )
    return coupled_plan(model, recipe, pattern, structure)


def find_masks(
    model: nn.Module,
    recipe: Recipe,
    *,
    data: Calibration | None = None,
    due: float = 1.0,
    previous: Masks | None = None,
    structure: Structure | None = None,
) -> Masks:
    """Masks that remove `due * recipe.sparsity` of the model's weights; the model stays untouched.

    Exactly `round(due * sparsity * n)` elements go, to the pattern's unit; where whole channels go, the
    fewest that come to it. What `previous` removed stays removed, so masks along a schedule are nested.

    Args:
        model: the network.
        recipe: criterion, pattern, allocation and sparsity; schedule and recovery are not used.
        data: batches and loss, for criteria that look at data.
        due: fraction of the goal, in [0, 1].
        previous: earlier masks of the same model and recipe.
        structure: what hangs together in the network, for patterns such as `Channels`.

    Raises:
        RecipeError, GoalError: as `plan`; or `due`, `previous` or `data` is not what is expected.
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
    if not 0 <= due <= 1:
        raise RecipeError(f"due = {due}. Expected a fraction of the goal, in [0, 1].")
    if previous is not None:
        previous.parameters(model)
    check_finite(model)
    layout = plan(model, recipe, structure)
    scores = _scores(model, layout, recipe, data, previous)
    units, counts = _due(model, layout, recipe, scores, due)
    tensors: dict[str, Tensor] = {}
    for group, pooled in zip(layout.groups, units, strict=True):
        for name, mask in recipe.pattern.masks(group, scores, pooled, counts[group.name]).items():
            tensors[name] = tensors[name] & mask if name in tensors else mask
    return Masks(tensors)


def find_units(
    model: nn.Module, recipe: Recipe, *, data: Calibration | None = None, structure: Structure | None = None
) -> dict[str, Tensor]:
    """Group -> (units,) True for the units that `find_masks` would remove for the whole goal.

    Raises:
        RecipeError, GoalError, NumericalError: as `find_masks`.
    """
    check_finite(model)
    layout = plan(model, recipe, structure)
    units, counts = _due(model, layout, recipe, _scores(model, layout, recipe, data, None), 1.0)
    return {
        group.name: lowest(pooled, counts[group.name])
        for group, pooled in zip(layout.groups, units, strict=True)
    }


def _due(
    model: nn.Module, layout: AnyPlan, recipe: Recipe, scores: Scores, due: float
) -> tuple[list[Tensor], dict[str, int]]:
    """The units' scores in each group, and how many of them go."""
    criterion, coupled = recipe.criterion, isinstance(recipe.pattern, CoupledPattern)
    drawn = getattr(criterion, "of_units", None) if coupled else None
    by_channel = coupled and getattr(criterion, "by_channel", False)
    # the scores of whole channels lie where these are made, and count once
    read = [made(group, model) if by_channel else group for group in layout.groups]
    units = [recipe.pattern.units(group, scores) for group in read]
    if drawn is not None:
        units = [
            drawn(group).to(pooled).masked_fill(torch.isneginf(pooled), -torch.inf)
            for group, pooled in zip(layout.groups, units, strict=True)
        ]
    scored = [
        # earlier masks may have had a lower floor
        ScoredGroup(group, pooled, gone, max(gone, most), 1.0 if drawn else layout.cost(group))
        for group, pooled, most in zip(layout.groups, units, layout.most, strict=True)
        for gone in [int(torch.isneginf(pooled).sum())]
    ]
    return units, layout.counts(scored, recipe, due * recipe.sparsity)


def _scores(
    model: nn.Module, layout: AnyPlan, recipe: Recipe, data: Calibration | None, previous: Masks | None
) -> Scores:
    """The criterion's scores, checked, with -inf for elements that are already gone."""
    if data is not None and not isinstance(data, Calibration):
        raise RecipeError(
            f"data is a {type(data).__name__}. Expected secateur.Calibration(batches=lambda: loader, "
            "loss=...)."
        )
    scores = recipe.criterion(model, layout.weights, data)
    for name, weight in layout.weights.items():
        _check_shape(recipe, scores, name, weight)
        if not bool(torch.isfinite(scores[name]).all()):
            raise NumericalError(
                f"{recipe.criterion} scored {name} with NaN or infinity. Look for overflow in the "
                "network's activations or gradients on the calibration batches."
            )
        if previous is not None and name in previous.tensors:
            mask = previous.tensors[name].to(weight.device)
            scores = {**scores, name: scores[name].masked_fill(~mask, -torch.inf)}
    return scores


def _check_shape(recipe: Recipe, scores: object, name: str, weight: Tensor) -> None:
    """Criteria are anyone's code."""
    own = scores.get(name) if isinstance(scores, Mapping) else scores
    if not (isinstance(scores, Mapping) and isinstance(own, Tensor) and own.shape == weight.shape):
        found = f"a tensor of shape {tuple(own.shape)}" if isinstance(own, Tensor) else type(own).__name__
        raise RecipeError(
            f"{recipe.criterion} answered {found} for {name}, of shape {tuple(weight.shape)}. Expected a "
            "dictionary that holds, for each of the parameters it is given, a tensor of scores of the same "
            "shape. With whole channels, biases and normalisation weights are among them."
        )
