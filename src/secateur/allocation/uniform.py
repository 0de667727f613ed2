"""The same fraction of every layer."""

from collections.abc import Sequence
from dataclasses import dataclass

from secateur.allocation.apportion import apportion
from secateur.core.groups import ScoredGroup


@dataclass(frozen=True)
class Uniform:
    """Every group loses the same fraction of its units."""

    def __call__(self, groups: Sequence[ScoredGroup], remove: int) -> dict[str, int]:
        """`remove * units / all units` from each group."""
        everything = sum(g.group.units for g in groups)
        return apportion(groups, [remove * g.group.units / everything for g in groups], remove)
