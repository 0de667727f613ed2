"""How many units of each group go, where the pattern rounds what is left, so that a goal is met?"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from secateur.core.groups import ScoredGroup
from secateur.core.protocols import CoupledPattern
from secateur.masking.budget import Counts

FAR = 0.05  # part of the goal by which a step of one wide group may go past it before others are tried


@dataclass(frozen=True)
class Rounding:
    """Steps from one rounded number of units to the next.

    Attributes:
        pattern: that rounds.
        scored: all groups.
        fraction: of what is counted, that goes with so many units of each group.
        sparsity: the fraction that is to go.
    """

    pattern: CoupledPattern
    scored: Sequence[ScoredGroup]
    fraction: Callable[[Counts], float]
    sparsity: float

    def reaches(self, counts: Counts) -> bool:
        """Whether the goal is met."""
        return self.fraction(counts) >= self.sparsity - 1e-9

    def rounded(self, wishes: Mapping[str, int]) -> dict[str, int]:
        """The numbers of units to remove that are nearest to those wished for."""
        return {g.group.name: self._rounded(g, wishes[g.group.name]) for g in self.scored}

    def nearest(self, short: dict[str, int], counts: dict[str, int]) -> dict[str, int]:
        """`counts`, unless they go far past the goal, and one step from `short` meets it nearer.

        Eight channels of a wide layer may be a quarter of the network; blocks go in their own order.
        """
        if self.scored[0].group.kind == "layers" or self.fraction(counts) <= (1 + FAR) * self.sparsity:
            return counts
        for g in self.scored:
            now = short[g.group.name]
            more = self._next(g, now, range(now, g.most + 1))
            if more is not None and self.reaches(step := {**short, g.group.name: more}):
                counts = min(counts, step, key=self.fraction)
        return counts

    def stepped_back(self, counts: dict[str, int]) -> dict[str, int]:
        """Rounding moves many groups at once, and past the goal; those that lost most take a step back."""
        for g in sorted(self.scored, key=lambda g: _most_lost(g, counts[g.group.name]), reverse=True):
            now = counts[g.group.name]
            fewer = self._next(g, now, range(now - 1, -1, -1))
            if fewer is not None and self.reaches(back := {**counts, g.group.name: fewer}):
                counts = back
        return counts

    def _rounded(self, g: ScoredGroup, wish: int) -> int:
        return min(max(self.pattern.rounded(g.group, wish), g.least), g.most)

    def _next(self, g: ScoredGroup, now: int, wishes: Iterable[int]) -> int | None:
        """The first other number that a wish is rounded to."""
        return next((r for wish in wishes if (r := self._rounded(g, wish)) != now), None)


def _most_lost(scored: ScoredGroup, count: int) -> tuple[float, float]:
    """The fraction that a group loses; of blocks, the most important is first."""
    return count / scored.group.units, float(scored.scores[0]) if scored.group.units == 1 else 0.0
