"""When is how much of the goal due?

A schedule knows only a step and has no state: resuming, plotting and testing it are free. `begin` and
`end` are fractions of the run, so that a recipe fits runs of any length; `every` is in steps.
`SCHEDULES` maps the names that recipes use to the classes; the contract tests loop over it.
"""

from dataclasses import dataclass
from typing import ClassVar

from secateur.core.protocols import Schedule
from secateur.errors import RecipeError


def step_at(fraction: float, steps: int) -> int:
    """The step at a fraction of the run: 29 of 100 for 0.29, which times 100 is a little less."""
    return int(fraction * steps + 1e-9)


@dataclass(frozen=True)
class OneShot:
    """Everything at once, at fraction `at` of the run; the rest of the run recovers."""

    at: float = 0.0

    rewind: ClassVar[None] = None

    def __post_init__(self) -> None:
        if not 0 <= self.at < 1:
            raise RecipeError(f"OneShot(at={self.at}): expected a fraction of the run in [0, 1).")

    def __call__(self, step: int, steps: int) -> float | None:
        """1 at the step, otherwise leave the masks."""
        return 1.0 if step == step_at(self.at, steps) else None

    def round(self, step: int, steps: int) -> tuple[int, int]:
        """One round, the whole run."""
        return 0, steps


@dataclass(frozen=True)
class Gradual:
    """Cubic ramp: fast while much is redundant, slow near the goal (arXiv 1710.01878).

    due(t) = 1 - (1 - t)^3, with t the fraction of the way from `begin` to `end`.
    """

    begin: float = 0.0
    end: float = 0.5
    every: int = 10

    rewind: ClassVar[None] = None

    def __post_init__(self) -> None:
        if not (0 <= self.begin < self.end < 1 and self.every >= 1):
            raise RecipeError(
                f"Gradual(begin={self.begin}, end={self.end}, every={self.every}): expected "
                "0 <= begin < end < 1 (fractions of the run) and every >= 1 (steps)."
            )

    def __call__(self, step: int, steps: int) -> float | None:
        """The cubic ramp, every `every` steps and at its end."""
        first, last = step_at(self.begin, steps), step_at(self.end, steps)
        if step == last:
            return 1.0
        if not first <= step < last or (step - first) % self.every:
            return None
        return 1 - (1 - (step - first) / (last - first)) ** 3

    def round(self, step: int, steps: int) -> tuple[int, int]:
        """One round, the whole run."""
        return 0, steps


@dataclass(frozen=True)
class Iterative:
    """Train, prune a part, go back to early weights, train again (arXiv 1912.05671).

    The run is cut into `rounds + 1` equal rounds. After each but the last a part goes, the weights
    return to those at fraction `rewind` of the first round, the optimizer starts afresh and the
    learning rate restarts. `rewind = 0` returns to the weights that were handed over.

    due(r) = 1 - (1 - r / rounds)^2, which for goals near 90 % is within 0.05 of the paper's steps (the
    same fraction of what is left each time) and needs no knowledge of the goal.
    """

    rounds: int = 5
    rewind: float = 0.1

    def __post_init__(self) -> None:
        if self.rounds < 1 or not 0 <= self.rewind < 1:
            raise RecipeError(
                f"Iterative(rounds={self.rounds}, rewind={self.rewind}): expected rounds >= 1 and "
                "rewind in [0, 1), a fraction of the first round."
            )

    def __call__(self, step: int, steps: int) -> float | None:
        """The next part at the start of each round but the first."""
        start, _ = self.round(step, steps)
        if step != start or step == 0:
            return None
        return 1 - (1 - self._index(step, steps) / self.rounds) ** 2

    def round(self, step: int, steps: int) -> tuple[int, int]:
        """The round that `step` belongs to; the last one takes the remainder."""
        length = max(1, steps // (self.rounds + 1))
        index = self._index(step, steps)
        return index * length, length if index < self.rounds else steps - index * length

    def _index(self, step: int, steps: int) -> int:
        """0 for the first round."""
        return min(step // max(1, steps // (self.rounds + 1)), self.rounds)


SCHEDULES: dict[str, type[Schedule]] = {
    "one_shot": OneShot,
    "gradual": Gradual,
    "iterative": Iterative,
}
