"""N:M sparsity: of every `of` neighbours in a row, `keep` stay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from secateur.core.groups import Group, Member
from secateur.core.protocols import Scores
from secateur.core.select import lowest
from secateur.errors import RecipeError
from secateur.patterns.rows import from_rows, row_shape, to_rows


@dataclass(frozen=True)
class NofM:
    """Of every `of` consecutive input channels, the `keep` most important stay (arXiv 2104.08378).

    A unit is the `of - keep` least important of one such run; they go together. Written with names,
    never as "2:4": the field reads that string both ways.
    """

    keep: int = 2
    of: int = 4

    def __post_init__(self) -> None:
        if not 0 < self.keep < self.of:
            raise RecipeError(
                f"NofM(keep={self.keep}, of={self.of}) does not keep a part of a run. Expected "
                "0 < keep < of, for example NofM(keep=2, of=4)."
            )

    @property
    def ceiling(self) -> float:
        """The sparsity of the finished pattern."""
        return 1 - self.keep / self.of

    def groups(self, weights: Mapping[str, tuple[int, ...]]) -> Sequence[Group]:
        """One group per weight tensor; its input channels must be a multiple of `of`."""
        for name, shape in weights.items():
            if shape[1] % self.of:
                raise RecipeError(
                    f"NofM(keep={self.keep}, of={self.of}) does not fit {name} of shape {shape}: "
                    f"{shape[1]} input channels are not a multiple of {self.of}. Leave it out with "
                    f"skip = [{name!r}], or choose another `of`."
                )
        return [
            Group(name, rows * columns // self.of, (Member(name, shape),))
            for name, shape in weights.items()
            for rows, columns in [row_shape(shape)]
        ]

    def units(self, group: Group, scores: Scores) -> Tensor:
        """(runs,) the importance that is lost with the least important of each run."""
        runs = self._runs(scores[group.members[0].tensor])
        return runs.sort(dim=1).values[:, : self.of - self.keep].sum(dim=1)

    def masks(self, group: Group, scores: Scores, units: Tensor, remove: int) -> dict[str, Tensor]:
        """The `of - keep` lowest of the `remove` lowest runs go."""
        member = group.members[0]
        runs = self._runs(scores[member.tensor])
        rank = runs.argsort(dim=1, stable=True).argsort(dim=1)
        gone = (rank < self.of - self.keep) & lowest(units, remove)[:, None]
        return {member.tensor: from_rows(~gone, member.shape)}

    def _runs(self, scores: Tensor) -> Tensor:
        """(runs, of)."""
        return torch.reshape(to_rows(scores), (-1, self.of))
