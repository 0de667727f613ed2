"""What lies in the folder of a run, and may this run use it?

run.json            what this is: recipe, seed and task; written first, deleted last
recipe.toml         the recipe, to run again
report.json/.html   the proof
model.sct           the pruned network, small
pruned.safetensors  the same weights for PyTorch
dense.safetensors   what it is compared with
work/               trained stages and checkpoints, for --resume
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secateur.errors import OutputError, ResumeError
from secateur.files import write_atomically
from secateur.recipe import Recipe
from secateur.recipe.toml import dumps

MARK = "secateur-run"
FILES = [
    *("recipe.toml", "report.json", "report.html"),
    *("model.sct", "pruned.safetensors", "dense.safetensors"),
    "run.json",
]


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run."""

    path: Path

    @property
    def work(self) -> Path:
        """Trained stages and checkpoints."""
        return self.path / "work"

    def file(self, name: str) -> Path:
        """A file that the user is meant to see."""
        return self.path / name


def claim(
    path: Path, recipe: Recipe, seed: int, task: Mapping[str, str], *, resume: bool, overwrite: bool
) -> RunFolder:
    """Make the folder, or go on in it.

    Args:
        path: of the run's folder.
        recipe: of this run; a resumed run must have the same.
        seed: likewise.
        task: what tells the task from another, likewise.
        resume: go on with the run in the folder; begin one where there is none.
        overwrite: delete an earlier run's files there first; never anything else.

    Raises:
        OutputError: the folder holds something else, or an earlier run and neither `resume` nor
            `overwrite`, or it cannot be written.
        ResumeError: the run there has another recipe, seed or task.
    """
    check_free(path, resume=resume, overwrite=overwrite)
    identity = {MARK: 1, **task, "seed": seed, "recipe": recipe.to_dict()}
    found = read_identity(path)
    if found is not None and overwrite:
        _clear(path)
    if found is None or overwrite or _untrained(path):
        _begin(path, identity, recipe)
    else:
        _check_same(path, found, identity)
    return RunFolder(path)


def check_free(path: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that this run may not use; quick, so that it can come before all work.

    Raises:
        OutputError: as `claim`.
    """
    if resume and overwrite:
        raise OutputError(
            f"{path}: a run cannot both go on (resume) and begin anew (overwrite). Leave one of them out; "
            "nothing was touched."
        )
    if read_identity(path) is not None and not (resume or overwrite or _untrained(path)):
        raise OutputError(
            f"{path} holds a run already. Go on with it with --resume, begin anew with --overwrite, or "
            "choose another --out."
        )
    there = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise OutputError(f"{path} cannot be made: {there} is no folder that you may write to.")


def _untrained(path: Path) -> bool:
    """Whether a run there failed before it came to anything."""
    return not (path / "report.json").exists() and not any(path.glob("work/*.pt"))


def read_identity(path: Path) -> dict[str, Any] | None:
    """What run the folder holds; None where there is nothing yet.

    Raises:
        OutputError: there is something, but it is not a run.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return None
    try:
        found = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or found.get(MARK) != 1:
        raise OutputError(
            f"{path} exists and is not the folder of a run: it has no readable run.json. Nothing was "
            "touched. Choose another --out."
        )
    return found


def _clear(path: Path) -> None:
    """Delete what a run writes; what is not ours stays."""
    try:
        if (path / "work").exists():
            shutil.rmtree(path / "work")
        for name in FILES:
            (path / name).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"The run in {path} cannot be deleted: {error}.") from error


def _begin(path: Path, identity: dict[str, Any], recipe: Recipe) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_atomically(path / "run.json", json.dumps(identity, indent=2).encode())
        (path / "work").mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be made: {error.strerror}. Choose a folder that you may write to."
        ) from error
    write_atomically(path / "recipe.toml", dumps(recipe).encode())


def _check_same(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    differences = _differences(found, json.loads(json.dumps(wanted)))
    if differences:
        listed = "".join(f"\n  {difference}" for difference in differences)
        raise ResumeError(
            f"The run in {path} was started otherwise:{listed}\n"
            f"Resume it as it was started (its recipe is {path / 'recipe.toml'}), or choose another --out."
        )


def _differences(found: Any, wanted: Any, where: str = "") -> list[str]:
    """`sparsity was 0.9, is 0.8`, for every value that differs."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = sorted({*found, *wanted})
        return [
            text
            for key in keys
            for text in _differences(found.get(key), wanted.get(key), f"{where}.{key}".lstrip("."))
        ]
    return [] if found == wanted else [f"{where} was {_written(found)}, is {_written(wanted)}"]


def _written(value: Any) -> str:
    """As in a recipe's file, where a person looks it up; a value that is left out has no text there."""
    return "left out" if value is None else json.dumps(value)
