"""The four questions a recipe answers: how important, in which shape, how much where, when.

And a fifth where whole channels go: what pulls them towards zero before?
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from torch import Tensor, nn

from secateur.core.groups import Group, ScoredGroup
from secateur.core.task import Calibration

Scores: TypeAlias = Mapping[str, Tensor]
"""Parameter name -> importance of each element, in the parameter's shape; larger stays."""


class Criterion(Protocol):
    """How important is each element?

    One that scores all elements of an output channel alike says so: `by_channel: ClassVar[bool] = True`.
    Where whole channels go, such scores are pooled over what makes a channel, and not over what reads it.
    One that scores coupled units by itself has `of_units(group) -> (units,)`, taken as they are.
    """

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


@runtime_checkable
class CoupledPattern(Protocol):
    """What goes together in several tensors, as the network's graph says; `secateur.graph.coupling`."""

    @property
    def ceiling(self) -> float:
        """The largest sparsity that the shape allows."""

    @property
    def minimum(self) -> int:
        """Units that stay in every group; of blocks, which are a group each, so many in the network."""

    def select(self, groups: Sequence[Group]) -> Sequence[Group]:
        """Those of a network's groups that this pattern is about."""

    def units(self, group: Group, scores: Scores) -> Tensor:
        """Pool the scores of all members' elements into (units,); -inf for units that are gone."""

    def masks(self, group: Group, scores: Scores, units: Tensor, remove: int) -> dict[str, Tensor]:
        """Masks of the group's members, biases included, with the `remove` least important units gone."""

    def rounded(self, group: Group, remove: int) -> int:
        """The nearest number of units that may go; larger for a larger `remove`."""


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


class Penalty(Protocol):
    """What pulls units towards zero before they are removed?"""

    def __call__(
        self,
        groups: Sequence[Group],
        weights: Mapping[str, Tensor],
        doomed: Mapping[str, Tensor],
        progress: float,
    ) -> dict[str, Tensor]:
        """What to add to the gradients of the groups' weights; nothing where a unit is gone.

        Args:
            groups: of a coupled pattern.
            weights: parameters that are members of them, by name; removed elements are 0.
            doomed: group -> (units,) True for what would have gone, had all been due at the start.
            progress: in (0, 1], of the steps up to the one before which the last unit goes.
        """
