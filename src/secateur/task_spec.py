"""Which name of which file is meant by `--task FILE.py:NAME`?

Answered without torch, so that a slip is told at once.
"""

from pathlib import Path

from secateur.errors import TaskError


def file_and_name(spec: str) -> tuple[Path, str]:
    """The two parts of a spec whose file is there.

    Raises:
        TaskError: it has another form, or there is no such file.
    """
    file, colon, name = spec.rpartition(":")
    if not colon or not file.endswith(".py") or not name:
        raise TaskError(f"--task {spec!r}: expected FILE.py:NAME, for example task.py:MyTask.")
    path = Path(file)
    if not path.is_file():
        raise TaskError(f"The task file {file} does not exist. `secateur init DIR` writes one to start from.")
    return path, name
