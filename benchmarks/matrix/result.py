"""What is noted of one architecture and one tool?"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Tool = Literal["secateur", "torch-pruning"]
TOOLS: tuple[Tool, ...] = ("secateur", "torch-pruning")


@dataclass
class Result:
    """Filled in on the way, so that a failure keeps what was found before it.

    Attributes:
        name: of the architecture.
        tool: who cut.
        stage: where it failed; "" when it passed all measures.
        problem: what happened there.
        groups: that lost channels.
        before: parameters.
        after: parameters after the cut.
        difference: between masked and cut network, relative; None where that cannot be asked.
        graph_seconds: of CPU time, until the groups were known.
        seconds: of CPU time, all measures included.
    """

    name: str
    tool: Tool
    stage: str = ""
    problem: str = ""
    groups: int | None = None
    before: int | None = None
    after: int | None = None
    difference: float | None = None
    graph_seconds: float | None = None
    seconds: float | None = None

    @property
    def passed(self) -> bool:
        """All measures."""
        return self.stage == ""

    @property
    def left(self) -> float | None:
        """Fraction of the parameters."""
        return self.after / self.before if self.after is not None and self.before else None


def append(path: Path, result: Result) -> None:
    """One line of JSON at the end of the file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(result)) + "\n")


def read(path: Path) -> list[Result]:
    """All results, the last one of each architecture and tool; a line that was cut off is left out."""
    latest: dict[tuple[str, str], Result] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            result = Result(**json.loads(line))
        except (json.JSONDecodeError, TypeError):
            continue
        latest[result.name, result.tool] = result
    return list(latest.values())


def passes(results: Iterable[Result], tool: Tool) -> int:
    """How many architectures it cut by all measures."""
    return sum(result.passed for result in results if result.tool == tool)
