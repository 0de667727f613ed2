"""What can be believed of the values in a header?"""

import reprlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from secateur.errors import ArtifactError


def typed(row: Any, *kinds: type) -> list[Any]:
    """The row, if it is a list of these kinds; a bool is no int, and no number is negative."""
    if not isinstance(row, list) or [type(value) for value in row] != list(kinds):
        expected = ", ".join(kind.__name__ for kind in kinds)
        raise ArtifactError(f"it has {reprlib.repr(row)} in place of [{expected}].")
    if any(type(value) is int and value < 0 for value in row):
        raise ArtifactError(f"it has a negative number in {reprlib.repr(row)}.")
    return row


def known(what: str, name: str, table: Iterable[str]) -> None:
    """Refuse a name that is not in the table."""
    if name not in table:
        reads = ", ".join(table)
        raise ArtifactError(f"its {what} {name!r} is unknown: this secateur reads {reads}.")


@contextmanager
def about(part: str) -> Iterator[None]:
    """Let every ArtifactError raised inside begin with the part it is about."""
    try:
        yield
    except ArtifactError as error:
        raise ArtifactError(f"{part}: {error}") from error
