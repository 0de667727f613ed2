"""Which attributes of other people's modules say how wide they are?

Nothing in Python tells; names and values do. A number of heads under a well-known name follows at once;
every other attribute that has an old width as its value is only a candidate, to be tried.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

from torch import nn

from secateur.surgery.modules import FOLLOW
from secateur.surgery.sizes import Sizes

HEADS = {
    *("heads", "n_head", "n_heads", "nhead", "nheads", "num_head", "num_heads", "num_attention_heads"),
    *(
        "decoder_attention_heads",
        "encoder_attention_heads",
        "n_kv_heads",
        "num_kv_heads",
        "num_key_value_heads",
    ),
}
"""Attributes that count attention heads."""
INNER = {"all_head_size", "attention_dim", "attn_dim", "inner_dim", "proj_dim", "qkv_dim", "split_size"}
"""Attributes that say how wide all heads are together."""
PARTS = 8
"""How many times an attribute may be wider or narrower than a tensor that it has to do with."""


Option = tuple[type[nn.Module] | str, str]
"""A class, or one module, and an attribute: it mostly means the same in all modules of a class."""
Choice = Mapping[Option, int]
"""Which of several new values an attribute gets; -1: it keeps the old one."""


@dataclass(frozen=True)
class Change:
    """An attribute of a module gets a value."""

    module: str
    name: str
    value: Any


def changes(model: nn.Module, near: Mapping[str, Sizes], choice: Choice) -> Iterator[Change]:
    """Every attribute that follows: those with well-known names, and as `choice` says."""
    for path, sizes in near.items():
        module = model.get_submodule(path)
        for name, value in numbers(module):
            options = new_values(name, value, sizes)
            usual = choice.get((type(module), name), 0 if _known(module, name, value, sizes) else -1)
            wanted = choice.get((path, name), usual)
            if 0 <= wanted < len(options):
                yield Change(path, name, options[wanted])


def numbers(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Whole numbers that a module has as attributes, also in lists and in its `config`."""
    yield from ((name, value) for name, value in vars(module).items() if _number(value))
    config = vars(module).get("config")
    if hasattr(config, "__dict__"):
        yield from ((f"config.{name}", value) for name, value in vars(config).items() if _number(value))


def _number(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return 0 < len(value) <= 8 and all(_number(each) for each in value)
    return isinstance(value, int) and not isinstance(value, bool) and value > 1


def new_values(name: str, value: Any, sizes: Sizes) -> list[Any]:
    """What an attribute could become, the most likely first; nothing where it is no width."""
    likely = old_widths(name, value, sizes)
    return [*likely, *(new for new in _related(value, sizes) if new not in likely)]


def old_widths(name: str, value: Any, sizes: Sizes) -> list[Any]:
    """What an attribute becomes that has an old width as its value, the nearest width first."""
    if isinstance(value, (list, tuple)):
        every = [old_widths("", each, sizes) for each in value]
        if not any(every):
            return []
        return [type(value)(new[0] if new else old for old, new in zip(value, every, strict=True))]
    plain = name.rpartition(".")[2]
    if plain in HEADS:
        found = {
            value * new // old: distance
            for old, options in sizes.heads.items()
            for new, distance in options.items()
            if value % old == 0
        }
    else:
        found = sizes.inner.get(value, {}) if plain in INNER else {}
        found = found or sizes.widths.get(value, {}) | sizes.heads.get(value, {})
    return [new for new in sorted(found, key=lambda new: found[new]) if new != value]


def _related(value: Any, sizes: Sizes) -> list[int]:
    """The same for a small multiple or part of an old width: both halves, or one of queries, keys, values."""
    if not isinstance(value, int):
        return []
    found: dict[int, int] = {}
    shared = ((old, options) for old, options in sizes.heads.items() if old < value)  # of keys, among heads
    for old, options in chain(sizes.widths.items(), shared):
        times, rest = divmod(max(old, value), min(old, value))
        for new, distance in options.items():
            if 1 < times <= PARTS and rest == 0 and value * new % old == 0:
                found.setdefault(value * new // old, distance)
    return sorted(found, key=lambda new: found[new])


def _known(module: nn.Module, name: str, value: Any, sizes: Sizes) -> bool:
    """Whether an attribute follows without being tried: by its name. A value alone may mean anything."""
    if isinstance(module, tuple(FOLLOW)) or "." in name:
        return False
    return (name in HEADS or name in INNER) and bool(old_widths(name, value, sizes))


def candidates(
    model: nn.Module, near: Mapping[str, Sizes], inside: list[str]
) -> Iterator[tuple[Option, int]]:
    """What else could be tried where a forward call failed, the innermost module first.

    Only attributes that the code reads outside of `__init__`; those that have an old width come before those
    that have a multiple or a part of one, and all modules of a class before a single one.
    """
    for likely in (True, False):
        for alone in (False, True):
            for path in reversed(inside):
                module, sizes = model.get_submodule(path), near.get(path, Sizes())
                for name, value, options in suspects(module, sizes):
                    first = len(old_widths(name, value, sizes))
                    tried = range(-1, first) if likely else range(first, len(options))
                    yield from (((path if alone else type(module), name), i) for i in tried)


def suspects(module: nn.Module, sizes: Sizes) -> Iterator[tuple[str, Any, list[Any]]]:
    """Attributes that may say an old width: name, value, and what it could become."""
    for name, value in () if isinstance(module, tuple(FOLLOW)) else numbers(module):
        options = new_values(name, value, sizes)
        if options and reads(type(module), name):
            yield name, value, options


def reads(kind: Any, name: str) -> bool:
    """Whether a class's methods, without `__init__`, read an attribute of that name, or cannot be read."""
    code = _code(kind)
    return code is None or re.search(rf"\.{name.rpartition('.')[2]}\b", code) is not None


@cache
def _code(kind: Any) -> str | None:
    """All methods of a class and its bases below nn.Module, `__init__` left out."""
    found = []
    for base in kind.__mro__[: kind.__mro__.index(nn.Module)]:
        for method in vars(base).values():
            if inspect.isfunction(method) and method.__name__ != "__init__":
                try:
                    found.append(inspect.getsource(method))
                except (OSError, TypeError):
                    return None
    return "\n".join(found)
