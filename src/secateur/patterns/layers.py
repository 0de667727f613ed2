"""Whole residual blocks go: the network becomes shallower."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from secateur.core.groups import Group
from secateur.core.protocols import Scores
from secateur.errors import RecipeError
from secateur.patterns.channels import Channels, Pool


@dataclass(frozen=True)
class Layers:
    """Residual blocks whose removal is the same as setting their weights to zero.

    A unit is a block, and each block is a group of its own. Blocks compare by their pooled scores; the floor
    of a recipe says nothing of them, since a block goes whole.

    Attributes:
        pool: how the scores of a block's elements become one, see `Channels`. The mean does not ask how large
            a block is. The "sum" of a criterion that estimates a loss, such as `Taylor`, is the estimate for
            the block.
        minimum: blocks that stay in the network.
    """

    pool: Pool = "mean"
    minimum: int = 1

    ceiling = 1.0

    def __post_init__(self) -> None:
        if self.minimum < 0:
            raise RecipeError(f"minimum = {self.minimum}: expected 0 or more blocks that stay.")
        self._channels  # noqa: B018 - its check of `pool` is this one

    @property
    def _channels(self) -> Channels:
        return Channels(self.pool, relative=False)

    def select(self, groups: Sequence[Group]) -> list[Group]:
        """Blocks."""
        return [group for group in groups if group.kind == "layers"]

    def units(self, group: Group, scores: Scores) -> Tensor:
        """(1,) the pooled score of a block."""
        return self._channels.units(group, scores)

    def masks(self, group: Group, scores: Scores, units: Tensor, remove: int) -> dict[str, Tensor]:
        """All or nothing of the block goes."""
        return self._channels.masks(group, scores, units, remove)

    def rounded(self, group: Group, remove: int) -> int:
        """The same number: a block cannot be rounded."""
        return min(remove, group.units)
