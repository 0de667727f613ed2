"""Where does a report lie, and how does it get there?"""

import json
from pathlib import Path
from typing import NoReturn, cast

from secateur.errors import OutputError
from secateur.files import write_atomically
from secateur.report import html
from secateur.report.fit import fault
from secateur.report.schema import SCHEMA, Report

JSON, HTML = "report.json", "report.html"


def read(folder: Path) -> Report:
    """The report of a run's folder.

    Raises:
        OutputError: there is none, or it is not a report of this version.
    """
    path = folder / JSON
    try:
        report = json.loads(path.read_bytes(), parse_constant=_no_number)
    except OSError as error:
        raise OutputError(
            f"{path} could not be read: {error.strerror or error}. Expected the folder of a finished run, "
            "as `secateur demo` and `secateur prune` write one."
        ) from error
    except (ValueError, RecursionError) as error:
        raise OutputError(f"{path} is not valid JSON: {error}. {_AGAIN}") from error
    _check(report, path)
    return cast(Report, report)


def write_json(report: Report, folder: Path) -> Path:
    """Write `report.json`; NaN and infinity, which JSON lacks, are refused with a ValueError."""
    text = json.dumps(report, indent=1, allow_nan=False)
    write_atomically(folder / JSON, f"{text}\n".encode())
    return folder / JSON


def write_html(report: Report, folder: Path) -> Path:
    """Write `report.html`."""
    try:
        page = html.render(report)
    except (ArithmeticError, ValueError, LookupError) as error:
        raise OutputError(f"{folder / JSON} holds values that no run gives: {error}. {_AGAIN}") from error
    # Half a surrogate pair stands for a byte of a file's name that is no UTF-8; a page cannot hold it.
    write_atomically(folder / HTML, page.encode(errors="replace"))
    return folder / HTML


_AGAIN = "It was altered or cut off; `secateur prune` or `secateur demo` writes it anew."


def _check(report: object, path: Path) -> None:
    schema = report.get("schema") if isinstance(report, dict) else None
    if schema != SCHEMA:
        raise OutputError(
            f"{path} says schema {schema!r}. Expected {SCHEMA!r}: this is a report of another version of "
            "secateur, or of another program. Read it with the version that wrote it."
        )
    wrong = fault(report, Report, "report")
    if wrong:
        raise OutputError(f"{path} does not fit its schema: {wrong}. {_AGAIN}")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which JSON does not know")
