"""What does a recipe mean where whole channels go?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from secateur.core.groups import Group, ScoredGroup, another
from secateur.core.protocols import CoupledPattern
from secateur.errors import GoalError, RecipeError
from secateur.graph.structure import Structure
from secateur.graph.weights import prunable
from secateur.masking.budget import Budget, Counts, budget_of
from secateur.masking.free import most_units
from secateur.masking.rounding import Rounding
from secateur.recipe import Recipe


@dataclass(frozen=True)
class CoupledPlan:
    """What a recipe means for one network: its groups, how many units may go, and what is counted.

    Attributes:
        weights: parameters that lose elements, biases and normalisation included.
        groups: the pattern's.
        most: (groups,) units that may go at most, so that floor, minimum and rounding hold.
        stay: blocks that stay whole, whichever they are.
        budget: what the recipe's sparsity is a fraction of.
    """

    weights: Mapping[str, nn.Parameter]
    groups: Sequence[Group]
    most: Sequence[int]
    stay: int
    budget: Budget

    def counts(self, scored: Sequence[ScoredGroup], recipe: Recipe, sparsity: float) -> dict[str, int]:
        """Units to remove from each group: the fewest that come to the sparsity, in steps of the rounding."""
        pattern = recipe.pattern
        assert isinstance(pattern, CoupledPattern), "only these have such a plan"
        rounding = Rounding(pattern, scored, self.fraction, sparsity)

        def counts_of(remove: int) -> dict[str, int]:
            return rounding.rounded(recipe.allocation(scored, remove))

        least = sum(g.least for g in scored)
        most = max(least, sum(g.most for g in scored) - self.stay)
        enough = _first(lambda remove: rounding.reaches(counts_of(remove)), least, most)
        counts = rounding.nearest(counts_of(max(least, enough - 1)), counts_of(enough))
        return rounding.stepped_back(counts)

    def cost(self, group: Group) -> float:
        """What a unit of the whole network takes along of what is counted."""
        return self.budget.total - self.budget.left({group.name: 1})

    def fraction(self, gone: Counts) -> float:
        """Fraction of what is counted that goes with so many units of each group."""
        return 1 - self.budget.left(gone) / self.budget.total


def coupled_plan(
    model: nn.Module, recipe: Recipe, pattern: CoupledPattern, structure: Structure
) -> CoupledPlan:
    """Lay the recipe out over the network's groups.

    A group may go when `only` names all the weights that make its channels, and `skip` none of its weights.

    Raises:
        RecipeError: a name pattern matches nothing, no group is left, or the structure is another network's.
        GoalError: the sparsity is out of reach; the message says how much is possible.
    """
    _check_structure(model, structure)
    chosen = prunable(model, recipe.only, recipe.skip, normed=False)
    barred = set(prunable(model, normed=False)) - set(prunable(model, skip=recipe.skip, normed=False))
    groups = [g for g in pattern.select(structure.coupling.groups) if _allowed(g, chosen, barred)]
    if not groups:
        raise RecipeError(
            f"{pattern} finds nothing to remove: the network has {len(structure.coupling.groups)} groups of "
            f"channels, heads and blocks, and only = {list(recipe.only)}, skip = {list(recipe.skip)} leave "
            "none that fits. `secateur explain` shows the groups, and why other widths cannot change."
        )
    parameters = dict(model.named_parameters())
    names = dict.fromkeys(m.tensor for g in groups for m in g.members if not m.buffer)
    budget = budget_of(recipe.measure, model, chosen, groups, structure)
    most = [_most(g, pattern, recipe.floor) for g in groups]
    stay = pattern.minimum if groups[0].kind == "layers" else 0
    plan = CoupledPlan({name: parameters[name] for name in names}, groups, most, stay, budget)
    _check_reachable(plan, recipe)
    return plan


def _check_structure(model: nn.Module, structure: Structure) -> None:
    """Positions of another network's channels would mean nothing here."""
    if not isinstance(structure, Structure):
        raise RecipeError(
            f"structure is a {type(structure).__name__}. Expected what secateur.cuttable(model, "
            "example_inputs) answers."
        )
    parameters = dict(model.named_parameters(remove_duplicate=False))
    for group in structure.groups:
        if strange := another((m for m in group.members if not m.buffer), parameters):
            raise RecipeError(
                f"The structure is another network's: its group {group.name} names {strange}. Call "
                "secateur.cuttable(model, example_inputs) for this very network, and again after a cut."
            )


def _allowed(group: Group, chosen: Mapping[str, object], barred: set[str]) -> bool:
    weights = [m for m in group.members if len(m.shape) > 1 and not m.buffer]
    return all(m.tensor in chosen for m in weights if m.axis == 0) and barred.isdisjoint(
        m.tensor for m in weights
    )


def _most(group: Group, pattern: CoupledPattern, floor: float) -> int:
    """Of channels some stay; a block is a group of its own and goes whole."""
    return pattern.rounded(group, group.units if group.kind == "layers" else most_units(group.units, floor))


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The smallest number from `low` to `high` for which it holds, `high` where none is known to."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return high


def _limits(recipe: Recipe) -> str:
    """What holds units back, of the recipe and its pattern."""
    own = [f"the pattern's {name}" for name in ("minimum", "round_to") if hasattr(recipe.pattern, name)]
    return " or ".join(["the floor", *own])


def _check_reachable(plan: CoupledPlan, recipe: Recipe) -> None:
    gone = {g.name: most for g, most in zip(plan.groups, plan.most, strict=True)}
    if plan.stay:  # which blocks is not known yet: it may be the largest
        gone |= dict.fromkeys(sorted(gone, key=lambda name: plan.fraction({name: 1}))[-plan.stay :], 0)
    possible = plan.fraction(gone)
    if recipe.sparsity > possible + 1e-9:
        raise GoalError(
            f"sparsity = {recipe.sparsity:g} is out of reach: with {recipe.pattern} and a floor of "
            f"{100 * recipe.floor:g} %, {100 * possible:.2f} % of the {recipe.measure.replace('_', '-')} may "
            f"go, from {len(plan.groups)} groups. Ask for sparsity = {int(possible * 1e4) / 1e4:g} at most, "
            f"lower {_limits(recipe)}, or skip fewer weights."
        )
