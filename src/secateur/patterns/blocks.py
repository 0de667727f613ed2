"""Blocks of rows x columns go together, so that one index serves many weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from secateur.core.groups import Group, Member
from secateur.core.protocols import Scores
from secateur.core.select import lowest
from secateur.errors import RecipeError
from secateur.patterns.rows import from_rows, row_shape, to_rows


@dataclass(frozen=True)
class Blocks:
    """Block sparsity: a unit is `rows` output channels x `columns` input channels."""

    rows: int = 1
    columns: int = 4

    ceiling = 1.0

    def __post_init__(self) -> None:
        if self.rows < 1 or self.columns < 1:
            raise RecipeError(
                f"Blocks(rows={self.rows}, columns={self.columns}) is empty. Expected at least 1 of "
                "each, for example Blocks(rows=1, columns=4)."
            )

    def groups(self, weights: Mapping[str, tuple[int, ...]]) -> Sequence[Group]:
        """One group per weight tensor; its axes 0 and 1 must be multiples of the block."""
        for name, shape in weights.items():
            if shape[0] % self.rows or shape[1] % self.columns:
                raise RecipeError(
                    f"Blocks(rows={self.rows}, columns={self.columns}) do not fit {name} of shape "
                    f"{shape}: {shape[0]} outputs x {shape[1]} inputs are not a multiple of "
                    f"{self.rows} x {self.columns}. Leave it out with skip = [{name!r}], or choose "
                    "another block."
                )
        return [
            Group(name, rows * columns // (self.rows * self.columns), (Member(name, shape),))
            for name, shape in weights.items()
            for rows, columns in [row_shape(shape)]
        ]

    def units(self, group: Group, scores: Scores) -> Tensor:
        """(blocks,) the sum of each block's scores."""
        member = group.members[0]
        rows, columns = row_shape(member.shape)
        grid = to_rows(scores[member.tensor]).reshape(
            rows // self.rows, self.rows, columns // self.columns, self.columns
        )
        return grid.sum(dim=(1, 3)).flatten()

    def masks(
        self,
        group: Group,
        scores: Scores,
        units: Tensor,
        remove: int,
    ) -> dict[str, Tensor]:
        """The `remove` lowest blocks go."""
        member = group.members[0]
        rows, columns = row_shape(member.shape)
        stays = ~lowest(units, remove).reshape(rows // self.rows, columns // self.columns)
        grid = stays.repeat_interleave(self.rows, dim=0).repeat_interleave(self.columns, dim=1)
        return {member.tensor: from_rows(grid, member.shape)}
