"""Which names stand for which classes, and how is a recipe written as plain tables?

Strings stand for classes only here, through the tables of each folder (CRITERIA, PATTERNS, ...).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from secateur.allocation import ALLOCATIONS
from secateur.criteria import CRITERIA
from secateur.patterns import PATTERNS
from secateur.penalties import PENALTIES
from secateur.quantize import METHODS
from secateur.schedules import SCHEDULES

TABLES: dict[str, Mapping[str, type[Any]]] = {
    "criterion": CRITERIA,
    "pattern": PATTERNS,
    "allocation": ALLOCATIONS,
    "schedule": SCHEDULES,
    "method": METHODS,
    "penalty": PENALTIES,
}
"""By the names of the fields that they are for, wherever in the recipe these stand."""


def to_dict(options: Any) -> dict[str, Any]:
    """Tables with a `name` for each answer, numbers and strings for the rest; what is None is left out."""
    plain: dict[str, Any] = {}
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if value is None:
            continue
        if field.name in TABLES:
            names = {cls: name for name, cls in TABLES[field.name].items()}
            name = names.get(type(value), f"{type(value).__module__}.{type(value).__qualname__}")
            plain[field.name] = {"name": name, **_fields(value)}
        elif isinstance(value, tuple):
            plain[field.name] = list(value)
        else:
            plain[field.name] = to_dict(value) if dataclasses.is_dataclass(value) else value
    return plain


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass' fields as plain data, none where it is another class."""
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else {}  # type: ignore[arg-type]
