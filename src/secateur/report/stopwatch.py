"""How long did each part of a run take?"""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from secateur.recovery.progress import Progress


class Stopwatch:
    """Charges every second to one part of a run, so that the parts together are all of it."""

    def __init__(self, progress: Progress, part: str) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._progress = progress
        self._part, self._since = part, time.perf_counter()

    @contextmanager
    def part(self, name: str, note: str = "") -> Iterator[None]:
        """Tell that a part begins; the seconds of a part inside another are its own."""
        if note:
            self._progress.note(note)
        before = self._turn_to(name)
        try:
            yield
        finally:
            self._turn_to(before)

    def read(self) -> dict[str, float]:
        """Part -> its seconds up to now."""
        self._turn_to(self._part)
        return dict(self._seconds)

    def _turn_to(self, name: str) -> str:
        before, now = self._part, time.perf_counter()
        self._seconds[before] += now - self._since
        self._part, self._since = name, now
        return before
