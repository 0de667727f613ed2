"""The four answers that pruning needs, and how to recover."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from secateur.allocation import GlobalRank
from secateur.core.protocols import Allocation, CoupledPattern, Criterion, Pattern, Schedule
from secateur.criteria import Magnitude
from secateur.errors import RecipeError
from secateur.patterns import Elements, NofM
from secateur.recipe.compression import Compression
from secateur.recipe.options import Recovery
from secateur.recipe.tables import to_dict
from secateur.schedules import Gradual, OneShot

Measure = Literal["weights", "parameters", "channels", "multiply_adds"]

DEFAULTS = {
    "criterion": Magnitude(),
    "pattern": Elements(),
    "allocation": GlobalRank(),
    "schedule": Gradual(),
}


@dataclass(frozen=True)
class Recipe:
    """What to remove and how to recover; immutable, so that a run can be named by its fingerprint.

    Attributes:
        sparsity: fraction removed of what `measure` counts, in [0, 1).
        criterion: how important is each weight?
        pattern: in which shape do weights go?
        allocation: how much goes where?
        schedule: when?
        measure: "weights" counts the weights that the recipe may touch, "parameters" all parameters of
            the network, biases and skipped layers included. Where whole channels go, "channels" counts
            these, and "multiply_adds" the arithmetic of one forward call.
        only: shell-style name patterns of weights that may be pruned.
        skip: shell-style name patterns of weights that stay dense.
        floor: fraction of every weight tensor that stays at least; one unit always does.
        recovery: training under the masks.
        compress: what happens to the weights that are left; None leaves them as they are.

    Raises:
        RecipeError: a value is impossible, alone or together with another.
    """

    sparsity: float = 0.9
    criterion: Criterion = field(default_factory=Magnitude)
    pattern: Pattern | CoupledPattern = field(default_factory=Elements)
    allocation: Allocation = field(default_factory=GlobalRank)
    schedule: Schedule = field(default_factory=Gradual)
    measure: Measure = "weights"
    only: tuple[str, ...] = ("*",)
    skip: tuple[str, ...] = ()
    floor: float = 0.005
    recovery: Recovery = field(default_factory=Recovery)
    compress: Compression | None = None

    def __post_init__(self) -> None:
        self._check_types()
        if not 0 <= self.sparsity < 1:
            raise RecipeError(
                f"sparsity = {self.sparsity}: expected 0 up to, not including, 1. It is the fraction "
                "that is removed: 0.9 removes 90 %."
            )
        if not 0 <= self.floor < 1:
            raise RecipeError(f"floor = {self.floor}: expected 0 up to, not including, 1.")
        self._check_criterion()
        self._check_measure()
        ceiling = self.pattern.ceiling
        if self.sparsity and ceiling < 1 and abs(self.sparsity - ceiling) > 1e-4:
            raise RecipeError(
                f"{self.pattern} removes exactly {100 * ceiling:g} %, and the recipe asks for "
                f"{100 * self.sparsity:g} %. Set sparsity = {ceiling:g}, or choose another pattern."
            )
        if ceiling < 1 and self.measure != "weights":
            raise RecipeError(f"{self.pattern} fixes the sparsity of its weights: use measure = 'weights'.")
        self._check_schedule()
        self._check_penalty()
        self._check_refit()

    def _check_types(self) -> None:
        """Texts belong into TOML; in Python, answers are objects and name patterns come in tuples."""
        for name, default in DEFAULTS.items():
            value = getattr(self, name)
            if isinstance(value, (str, type)):
                raise RecipeError(f"{name} = {value!r}: expected an object, such as {default}.")
        for name in ("only", "skip"):
            value = getattr(self, name)
            if isinstance(value, str) or not all(isinstance(pattern, str) for pattern in value):
                raise RecipeError(f"{name} = {value!r}: expected a tuple of texts, such as ({value!r},).")
        for name in ("sparsity", "floor"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise RecipeError(f"{name} = {value!r}: expected a number.")

    def _check_criterion(self) -> None:
        """Where neighbours compete, each needs a score of its own."""
        if isinstance(self.pattern, NofM) and getattr(self.criterion, "by_channel", False):
            raise RecipeError(
                f"The criterion {self.criterion} scores whole channels, all weights of one alike, and "
                f"{self.pattern} chooses among the weights of one. Expected a criterion of single weights, "
                "such as Magnitude(), Taylor() or Wanda(), or the pattern Channels()."
            )

    def _check_measure(self) -> None:
        """What is counted must be something that the pattern removes."""
        if self.measure not in get_args(Measure):
            raise RecipeError(
                f"measure = {self.measure!r} is unknown. Known: {', '.join(map(repr, get_args(Measure)))}."
            )
        if self.measure in ("channels", "multiply_adds") and not isinstance(self.pattern, CoupledPattern):
            raise RecipeError(
                f"measure = {self.measure!r} counts what only whole channels take along, and "
                f"{self.pattern} leaves every channel where it is. Use measure = 'weights', or the pattern "
                "'channels', 'heads' or 'layers'."
            )

    def _check_schedule(self) -> None:
        """A schedule must come to the whole goal within the steps that the recipe gives it."""
        steps = self.recovery.steps
        due = [self.schedule(step, steps) for step in range(steps)]
        if steps and 1.0 not in due:
            most = max((d for d in due if d is not None), default=0.0)
            raise RecipeError(
                f"{self.schedule} comes to {100 * most:.0f} % of the goal within {steps} recovery "
                "steps. Give more steps, or a schedule that ends earlier."
            )

    def _check_penalty(self) -> None:
        """A penalty needs whole units to pull at, and steps before they go."""
        if self.compress is not None and self.compress.recovery.penalty is not None:
            raise RecipeError(
                f"compress.recovery.penalty = {self.compress.recovery.penalty}: nothing is removed after "
                "sharing or quantising. Expected it in [recovery], or nowhere."
            )
        penalty = self.recovery.penalty
        if penalty is None:
            return
        if not isinstance(self.pattern, CoupledPattern):
            raise RecipeError(
                f"recovery.penalty = {penalty} pulls whole channels towards zero, and {self.pattern} removes "
                "none. Use the pattern 'channels', 'heads' or 'layers', or leave the penalty out."
            )
        if self.recovery.steps and not self.complete_at:
            raise RecipeError(
                f"{self.schedule} removes all at once before the first of {self.recovery.steps} steps, and "
                f"leaves recovery.penalty = {penalty} nothing to pull at. Give it time: a schedule such as "
                "OneShot(at=0.5), or more steps."
            )

    def _check_refit(self) -> None:
        """Layers are fitted to the network from before, which must be as good as it was."""
        batches, steps = self.recovery.refit_batches, self.recovery.steps
        parts = {due for step in range(steps) if (due := self.schedule(step, steps))}
        if batches and len(parts) > 1:
            raise RecipeError(
                f"recovery.refit_batches = {batches} fits layers when all goes at once, and {self.schedule} "
                f"removes it in {len(parts)} parts. Use the schedule OneShot(), or refit_batches = 0."
            )

    @property
    def complete_at(self) -> int:
        """The step before which the last part of the goal is removed."""
        steps = self.recovery.steps
        return next((step for step in range(steps) if self.schedule(step, steps) == 1.0), 0)

    def with_sparsity(self, sparsity: float) -> "Recipe":
        """The same recipe with another goal."""
        return replace(self, sparsity=sparsity)

    @classmethod
    def without_pruning(cls, compress: Compression) -> "Recipe":
        """A recipe that only shares or quantises.

        The networks it is compared with are trained as the compressed one is.
        """
        return cls(sparsity=0.0, recovery=replace(compress.recovery, steps=0), compress=compress)

    @property
    def steps(self) -> int:
        """Optimizer steps of all stages together."""
        return self.recovery.steps + (self.compress.recovery.steps if self.compress else 0)

    def for_compression(self) -> "Recipe":
        """The recipe of the training after sharing or quantising: its own recovery, in one round."""
        assert self.compress is not None, "only a recipe that compresses has such a stage"
        return replace(self, recovery=self.compress.recovery, schedule=OneShot())

    def to_dict(self) -> dict[str, Any]:
        """Plain data, the tables of the TOML form."""
        return to_dict(self)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name this recipe: equal recipes, equal fingerprints."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
