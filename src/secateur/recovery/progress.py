"""What can be seen and stopped while training runs?"""

from typing import Protocol

from secateur.core.task import Metric


class Progress(Protocol):
    """Told what happens; asked once per step whether to stop."""

    def stage(self, name: str, steps: int, done: int) -> None:
        """A stage of `steps` steps begins, `done` of which are behind it already."""

    def step(self, sparsity: float) -> None:
        """One optimizer step was taken."""

    def evaluated(self, metric: Metric) -> None:
        """The network was evaluated."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def stop_requested(self) -> bool:
        """Whether the run should leave a checkpoint and stop."""


class Silent:
    """Says nothing and never stops."""

    def stage(self, name: str, steps: int, done: int) -> None:
        """Nothing."""

    def step(self, sparsity: float) -> None:
        """Nothing."""

    def evaluated(self, metric: Metric) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def stop_requested(self) -> bool:
        """Never."""
        return False
