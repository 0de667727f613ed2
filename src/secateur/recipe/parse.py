"""Which recipe do plain tables describe?"""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from secateur.errors import RecipeError, did_you_mean
from secateur.recipe.options import Distillation, Recovery
from secateur.recipe.recipe import Recipe
from secateur.recipe.tables import TABLES


def from_dict(plain: Mapping[str, Any]) -> Recipe:
    """The recipe that these tables describe.

    Raises:
        RecipeError: an unknown key or name (the closest is suggested), a wrong type, a bad value.
    """
    values = dict(plain)
    for field, table in TABLES.items():
        if field in values:
            values[field] = _named(field, values[field], table)
    if "recovery" in values:
        recovery = _table("recovery", values["recovery"])
        if "distillation" in recovery:
            where = "recovery.distillation"
            recovery["distillation"] = _build(Distillation, _table(where, recovery["distillation"]), where)
        values["recovery"] = _build(Recovery, recovery, "recovery")
    recipe: Recipe = _build(Recipe, values, "the recipe")
    return recipe


def _table(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise RecipeError(f"{where} = {value!r}: expected a table, [{where}].")
    return dict(value)


def _named(field: str, value: Any, table: Mapping[str, type[Any]]) -> Any:
    """`"name"` or `{name = "name", option = ...}` -> an instance of the class in the table."""
    options = {"name": value} if isinstance(value, str) else _table(field, value)
    name = str(options.pop("name", ""))
    if name not in table:
        raise RecipeError(
            f"{field} {name!r} is unknown.{did_you_mean(name, table)} Known: {', '.join(table)}."
        )
    return _build(table[name], options, f"{field} {name!r}")


def _build(cls: type[Any], values: Mapping[str, Any], where: str) -> Any:
    """`cls(**values)`, with unknown keys and wrong types said in plain words."""
    hints = typing.get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(cls)]
    checked = {}
    for key, value in values.items():
        if key not in known:
            raise RecipeError(
                f"Unknown key {key!r} in {where}.{did_you_mean(key, known)} "
                f"Known: {', '.join(known) or 'none'}."
            )
        checked[key] = _converted(value, hints[key], f"{key} in {where}")
    return cls(**checked)


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
