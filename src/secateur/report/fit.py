"""Does this data have the shape that the schema says?

A report is read back from a file that anybody may have edited. The TypedDicts of `schema` describe
that file already, so they are what it is checked against.
"""

from collections.abc import Iterable
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict


def fault(value: object, expected: Any, where: str) -> str | None:
    """The first thing that does not fit, or None. Further keys than the expected ones are welcome.

    >>> fault([1, "two"], list[int], "shape")
    "shape[1] is 'two', expected int"
    """
    kind, inside = get_origin(expected), get_args(expected)
    if expected is Any:
        return None
    if kind in (Union, UnionType):
        tries = [fault(value, choice, where) for choice in inside]
        return None if None in tries else tries[0]
    if kind is Literal:
        return None if value in inside else f"{where} is {value!r}, expected one of {inside}"
    if is_typeddict(expected):
        fields = get_type_hints(expected)
        return _table(value, fields, where) if isinstance(value, dict) else _plain(value, dict, where)
    if kind is dict and isinstance(value, dict):
        return _first(fault(item, inside[1], f"{where}.{key}") for key, item in value.items())
    if kind is list and isinstance(value, list):
        return _first(fault(item, inside[0], f"{where}[{i}]") for i, item in enumerate(value))
    return _plain(value, kind or expected, where)


def _table(table: dict[Any, object], fields: dict[str, Any], where: str) -> str | None:
    absent = [key for key in fields if key not in table]
    if absent:
        return f"{where} lacks {absent[0]!r}"
    return _first(fault(table[key], field, f"{where}.{key}") for key, field in fields.items())


def _plain(value: object, expected: type, where: str) -> str | None:
    """JSON knows one kind of number, so a whole one may stand for a float; Python's bool is an int."""
    if expected is float and type(value) is int:
        return None
    if isinstance(value, expected) and (expected is bool or not isinstance(value, bool)):
        return None
    return f"{where} is {_short(value)}, expected {expected.__name__}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _first(faults: Iterable[str | None]) -> str | None:
    return next((found for found in faults if found is not None), None)
