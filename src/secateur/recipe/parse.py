"""Which recipe do plain tables describe?"""

import dataclasses
import types
import typing
from collections.abc import Collection, Mapping
from typing import Any

from secateur.errors import RecipeError, did_you_mean
from secateur.recipe.recipe import Recipe
from secateur.recipe.tables import TABLES


def from_dict(plain: Mapping[str, Any]) -> Recipe:
    """The recipe that these tables describe.

    Raises:
        RecipeError: an unknown key or name (the closest is suggested), a wrong type, a bad value.
    """
    recipe: Recipe = _build(Recipe, plain, "")
    return recipe


def _build(cls: type[Any], values: Mapping[str, Any], path: str, what: str = "") -> Any:
    """`cls(**values)`, with unknown keys and wrong types said in plain words."""
    where = what or path or "the recipe"
    hints = typing.get_type_hints(cls)
    known = _fields(cls)
    checked = {}
    for key, value in values.items():
        if key not in known:
            raise RecipeError(
                f"Unknown key {key!r} in {where}.{did_you_mean(key, known) or _belongs(key, known, path)} "
                f"Known: {', '.join(known) or 'none'}."
            )
        below = f"{path}.{key}" if path else key
        hint = _without_none(hints[key])
        if key in TABLES:
            checked[key] = _named(below, value, TABLES[key])
        elif isinstance(hint, type) and dataclasses.is_dataclass(hint) and not isinstance(value, hint):
            checked[key] = _build(hint, _table(below, value), below)
        else:
            checked[key] = _converted(value, hint, f"{key} in {where}")
    return cls(**checked)


def _named(path: str, value: Any, table: Mapping[str, type[Any]]) -> Any:
    """`"name"` or `{name = "name", option = ...}` -> an instance of the class in the table."""
    options = {"name": value} if isinstance(value, str) else _table(path, value)
    if "name" not in options:
        fitting = [name for name, cls in table.items() if options and options.keys() <= set(_fields(cls))]
        raise RecipeError(
            f"[{path}] does not say which {path.rpartition('.')[2]} it is of. Write name = "
            f'"{next(iter([*fitting, *table]))}" in it; known: {", ".join(table)}.'
        )
    name = str(options.pop("name", ""))
    if name not in table:
        raise RecipeError(
            f"{path} {name!r} is unknown.{did_you_mean(name, table)} Known: {', '.join(table)}."
        )
    return _build(table[name], options, path, f"{path} {name!r}")


def _belongs(key: str, known: Collection[str], path: str) -> str:
    """The table below this one that has such a key."""
    for field in known:
        if field in TABLES and any(key in _fields(cls) for cls in TABLES[field].values()):
            return f" It belongs in [{path}.{field}]." if path else f" It belongs in [{field}]."
    return ""


def _fields(cls: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]


def _table(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise RecipeError(f"{where} = {value!r}: expected a table, [{where}].")
    return dict(value)


def _without_none(hint: Any) -> Any:
    """`X` of `X | None`."""
    if isinstance(hint, types.UnionType):
        return next(kind for kind in typing.get_args(hint) if kind is not type(None))
    return hint


def _converted(value: Any, hint: Any, where: str) -> Any:
    """The value in the field's type: lists become tuples, whole numbers become floats where asked."""
    if hint in (int, float, str):
        fits = isinstance(value, (int, float) if hint is float else hint) and not isinstance(value, bool)
        expected = {int: "a whole number", float: "a number", str: "text"}[hint]
        converted = hint(value) if fits else None
    elif typing.get_origin(hint) is tuple:
        fits = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
        expected, converted = "a list of texts", tuple(value) if fits else None
    elif typing.get_origin(hint) is typing.Literal:
        fits, expected, converted = isinstance(value, str), "text", value
    else:  # built from a table of its own already
        return value
    if not fits:
        raise RecipeError(f"{where} is {value!r} ({type(value).__name__}). Expected {expected}.")
    return converted
