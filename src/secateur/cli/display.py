"""What does a person see while the work runs, and how do they stop it?"""

import signal
import time
from types import FrameType, TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from secateur.core.task import Metric

QUIET_SECONDS = 10.0  # between lines where there is no terminal
TITLES = {
    "pruned": "pruning and recovering",
    "compressed": "training what was rounded",
    "dense_control": "baseline: dense, trained on",
    "random_baseline": "baseline: random pruning",
    "small_dense_baseline": "baseline: small dense",
}


class Display:
    """A progress bar on a terminal, a line now and then elsewhere; the first Ctrl-C asks to stop.

    A second Ctrl-C stops at once, and the last checkpoint on disk is what `--resume` finds.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._title, self._steps, self._done = "", 0, 0
        self._sparsity, self._metric = 0.0, ""
        self._stop = False
        self._last_line = 0.0

    def __enter__(self) -> "Display":
        self._bar.start()
        self._before = signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)
        self._bar.stop()

    def stage(self, name: str, steps: int, done: int) -> None:
        """A new bar."""
        self._title, self._steps, self._done = TITLES.get(name, name), steps, done
        self._sparsity = 0.0
        self._task = self._bar.add_task(self._title, total=steps, completed=done, state=self._state())
        self._last_line = 0.0

    def step(self, sparsity: float) -> None:
        """Moves the bar."""
        self._done += 1
        self._sparsity = sparsity
        self._show(finished=self._done == self._steps)

    def evaluated(self, metric: Metric) -> None:
        """Shows the metric beside the bar."""
        self._metric = str(metric)

    def note(self, text: str) -> None:
        """A line."""
        self._console.print(text, markup=False)

    def stop_requested(self) -> bool:
        """After the first Ctrl-C."""
        return self._stop

    def _show(self, *, finished: bool) -> None:
        if self._task is not None:
            self._bar.update(self._task, completed=self._done, state=self._state())
        now = time.monotonic()
        if not self._console.is_terminal and (finished or now - self._last_line > QUIET_SECONDS):
            line = f"{self._title}: step {self._done} of {self._steps}, {self._state()}"
            self._console.print(line, markup=False)
            self._last_line = now

    def _state(self) -> str:
        zeros = f"{100 * self._sparsity:.1f} % zeros" if self._sparsity else ""
        return ", ".join(part for part in (self._metric, zeros) if part)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> Any:
        if self._stop:
            raise KeyboardInterrupt
        self._stop = True
        self._console.print("Stopping after this step; press Ctrl-C again to stop at once.")
