"""Runs the command line as a user does: in a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


def secateur(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Answer:
    done = subprocess.run(
        [sys.executable, "-m", "secateur", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "120", "OMP_NUM_THREADS": "1", **environment},
        timeout=240,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)
