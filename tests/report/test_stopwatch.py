import time

import pytest

from secateur.recovery.progress import Silent
from secateur.report.stopwatch import Stopwatch


class Heard(Silent):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_every_second_belongs_to_one_part(monkeypatch: pytest.MonkeyPatch) -> None:
    now, heard = [0.0], Heard()
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    watch = Stopwatch(heard, "rest")

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    def interrupted() -> None:
        with watch.part("inner"):
            pass_by(4)
            raise KeyboardInterrupt

    pass_by(1)
    with watch.part("outer", "outer begins"):
        pass_by(2)
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        pass_by(8)
    pass_by(16)
    with watch.part("outer"):
        pass_by(32)
        assert watch.read() == {"rest": 17, "outer": 42, "inner": 4}
    assert heard.notes == ["outer begins"]
