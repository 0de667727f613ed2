"""Runs the command line as a user does."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from secateur.cli import main


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


def secateur(*arguments: str | Path, cwd: Path | None = None) -> Answer:
    """In this process, which has torch already: a second instead of five."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with _place(arguments, cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    assert isinstance(code, int)
    return Answer(code, out.getvalue(), err.getvalue())


def secateur_process(*arguments: str | Path, cwd: Path | None = None) -> Answer:
    """In a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "secateur", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=240,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def _place(arguments: tuple[str | Path, ...], cwd: Path | None) -> Iterator[None]:
    before, path = sys.argv, list(sys.path)
    sys.argv = ["secateur", *map(str, arguments)]
    try:
        with contextlib.chdir(cwd or Path.cwd()):
            yield
    finally:
        sys.argv, sys.path[:] = before, path
