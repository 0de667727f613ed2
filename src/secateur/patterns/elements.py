"""Any single weight may go: the finest shape, the most accurate at a given sparsity."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from secateur.core.groups import Group, Member
from secateur.core.protocols import Scores
from secateur.core.select import lowest


@dataclass(frozen=True)
class Elements:
    """Unstructured sparsity: a unit is one weight."""

    ceiling = 1.0

    def groups(self, weights: Mapping[str, tuple[int, ...]]) -> Sequence[Group]:
        """One group per weight tensor."""
        return [Group(name, math.prod(shape), (Member(name, shape),)) for name, shape in weights.items()]

    def units(self, group: Group, scores: Scores) -> Tensor:
        """(elements,) the scores themselves."""
        return scores[group.members[0].tensor].flatten()

    def masks(
        self,
        group: Group,
        scores: Scores,
        units: Tensor,
        remove: int,
    ) -> dict[str, Tensor]:
        """The `remove` lowest elements go."""
        member = group.members[0]
        return {member.tensor: ~lowest(units, remove).reshape(member.shape)}
