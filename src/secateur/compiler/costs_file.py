"""Where are the costs that were measured, and which are taken for a target?"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from secateur.compiler.costs import NARROW, WIDE, ConvCosts, Costs, MatrixCosts
from secateur.compiler.features import machine_features
from secateur.compiler.kernels.processor import lookup
from secateur.compiler.targets import Target
from secateur.errors import CompileError, OutputError
from secateur.files import cache_path, write_atomically
from secateur.measure import machine

FORMAT = "secateur costs 1"
T = TypeVar("T", ConvCosts, MatrixCosts)


def costs_of(target: Target) -> Costs:
    """Those measured on this machine for the target `native`; else those built in."""
    kept = kept_file()
    return read_costs(kept) if target.name == "native" and kept.is_file() else built_in(target)


def built_in(target: Target) -> Costs:
    """Measured on another machine whose vectors are as wide."""
    return WIDE if lookup(target) == 32 else NARROW


def make_room(path: Path) -> None:
    """Before a minute of measuring: the folder that the costs go to.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {path.parent} for the costs cannot be made: {error.strerror}. Name a file elsewhere "
            "(--out FILE.json)."
        ) from error


def kept_file() -> Path:
    """Of this machine's processor, as machines may share a home folder, and of the costs known today."""
    names = [field.name for kind in (ConvCosts, MatrixCosts) for field in fields(kind)]
    name = repr((FORMAT, names, machine.describe()["processor"], sorted(machine_features())))
    return cache_path("costs") / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"


def write_costs(costs: Costs, path: Path) -> None:
    """As `read_costs` reads them.

    Raises:
        OutputError: the file cannot be written.
    """
    content = {"format": FORMAT, "processor": machine.describe()["processor"], **asdict(costs)}
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())


def read_costs(path: Path) -> Costs:
    """What `secateur calibrate` wrote.

    Raises:
        CompileError: it is not there, or is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _refused(path, str(error)) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _refused(path, f"its format is not {FORMAT!r}")
    return Costs(_part(path, content, "conv", ConvCosts), _part(path, content, "matrix", MatrixCosts))


def _part(path: Path, content: Mapping[str, Any], name: str, kind: type[T]) -> T:
    part, wanted = content.get(name), {field.name for field in fields(kind)}
    if not isinstance(part, dict) or set(part) != wanted:
        raise _refused(path, f"{name!r} does not have exactly {', '.join(sorted(wanted))}")
    for key, value in part.items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or value < 0:
            raise _refused(path, f"{name}.{key} is {value!r}, not a number from 0 on")
    if part.get("cache", 1) <= 0:
        raise _refused(path, f"{name} has a cache of 0 bytes")
    return kind(**part)


def _refused(path: Path, why: str) -> CompileError:
    return CompileError(
        f"{path} does not hold the costs of a processor: {why}. Expected a file that `secateur calibrate` "
        "wrote; that command measures this machine again."
    )
