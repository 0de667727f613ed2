"""Which names stand for which classes, and how is a recipe written as plain tables?

Strings stand for classes only here, through the tables of each folder (CRITERIA, PATTERNS, ...).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from secateur.allocation import ALLOCATIONS
from secateur.criteria import CRITERIA
from secateur.patterns import PATTERNS
from secateur.schedules import SCHEDULES

TABLES: dict[str, Mapping[str, type[Any]]] = {
    "criterion": CRITERIA,
    "pattern": PATTERNS,
    "allocation": ALLOCATIONS,
    "schedule": SCHEDULES,
}


def to_dict(recipe: Any) -> dict[str, Any]:
    """Tables with a `name` for each of the four answers, numbers and strings for the rest."""
    plain: dict[str, Any] = {}
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        if field.name in TABLES:
            names = {cls: name for name, cls in TABLES[field.name].items()}
            name = names.get(type(value), f"{type(value).__module__}.{type(value).__qualname__}")
            plain[field.name] = {"name": name, **_fields(value)}
        elif isinstance(value, tuple):
            plain[field.name] = list(value)
        else:
            plain[field.name] = _fields(value) if dataclasses.is_dataclass(value) else value
    return plain


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass' fields as plain data, none where it is another class."""
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else {}  # type: ignore[arg-type]
