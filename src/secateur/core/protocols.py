"""The four questions a recipe answers: how important, in which shape, how much where, when."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from torch import Tensor, nn

from secateur.core.groups import Group, ScoredGroup
from secateur.core.task import Calibration

Scores: TypeAlias = Mapping[str, Tensor]
"""Parameter name -> importance of each element, in the parameter's shape; larger stays."""


class Criterion(Protocol):
    """How important is each element?"""

    def __call__(
        self, model: nn.Module, parameters: Mapping[str, Tensor], data: Calibration | None
    ) -> Scores:
        """Score every element of `parameters`, which are parameters of `model`."""


class Pattern(Protocol):
    """In which shape do elements go?"""

    @property
    def ceiling(self) -> float:
        """The largest sparsity the shape allows: 1 for free elements, 1 - keep/of for N:M."""

    def groups(self, weights: Mapping[str, tuple[int, ...]]) -> Sequence[Group]:
        """The groups of units in weights of these shapes; RecipeError where a shape does not fit."""

    def units(self, group: Group, scores: Scores) -> Tensor:
        """Pool the scores of elements into (units,) scores of what is lost with each unit."""

    def masks(self, group: Group, scores: Scores, units: Tensor, remove: int) -> dict[str, Tensor]:
        """Masks of the group's members with the `remove` least important units gone.

        `units` are this pattern's pooled scores, with -inf for units that must go.
        """


class Allocation(Protocol):
    """How many units go where?"""

    def __call__(self, groups: Sequence[ScoredGroup], remove: int) -> dict[str, int]:
        """Share out `remove` units: group name -> units to remove, between `least` and `most`."""


class Schedule(Protocol):
    """When? Schedules know only a step and have no state, so resuming and plotting are free."""

    @property
    def rewind(self) -> float | None:
        """Fraction of the first round whose weights every later round starts from; None: go on."""

    def __call__(self, step: int, steps: int) -> float | None:
        """Fraction of the goal due before `step` of `steps` is taken; None: leave the masks."""

    def round(self, step: int, steps: int) -> tuple[int, int]:
        """(first step, length) of the round that `step` belongs to; the learning rate restarts."""
