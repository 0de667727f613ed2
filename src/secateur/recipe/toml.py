"""How is a recipe kept in a file?"""

import json
import tomllib
from pathlib import Path
from typing import Any

from secateur.errors import RecipeError
from secateur.recipe.parse import from_dict
from secateur.recipe.recipe import Recipe


def read(path: Path) -> Recipe:
    """The recipe in a TOML file; missing keys take the defaults.

    Raises:
        RecipeError: the file cannot be read, is not TOML, or describes no possible recipe.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"The recipe {path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"The recipe {path} cannot be read: {error}.") from error
    try:
        return from_dict(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"The recipe {path} is not valid TOML: {error}.") from error
    except RecipeError as error:
        raise type(error)(f"{path}: {error}") from error


def dumps(recipe: Recipe) -> str:
    """TOML text that `read` turns into an equal recipe."""
    return _table(recipe.to_dict(), "").lstrip()


def _table(values: dict[str, Any], path: str) -> str:
    """Plain values first, then the tables below."""
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    text = f"\n[{path}]\n" if path else ""
    text += "".join(f"{key} = {_value(value)}\n" for key, value in plain.items())
    for key, value in values.items():
        if isinstance(value, dict):
            text += _table(value, f"{path}.{key}" if path else key)
    return text


def _value(value: Any) -> str:
    """A number, a string or a list of strings, as TOML spells it."""
    if isinstance(value, str):
        # JSON's escapes are TOML's too, but for DEL, which only TOML forbids.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)
