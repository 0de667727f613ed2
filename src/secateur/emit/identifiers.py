"""How does a name from a graph become a name in Python?

Names of a file may hold anything. What comes out of here is ASCII letters, digits and underscores, so that no
name can bring code into the source.
"""

import keyword
import re

from torch import nn

LONGEST = 80  # characters of one name
DEEPEST = 12  # names on the way to an attribute
USED = {"self", "torch", "nn", "F", "float", "range", "load", "load_file", "Path", "Network"}
TAKEN = {*dir(nn.ModuleDict()), "forward"}  # no layer may be called so
COMPUTED = re.compile(r"\d+|(val|tmp)(_\d+)?|.*_cast(_\d+)?|.*(::|/).*", re.DOTALL)


def word(name: str) -> str:
    """A Python name that resembles `name`."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)[:LONGEST]
    plain = re.sub(r"^__+", "_", plain)  # a class gives two underscores a meaning of their own
    plain = f"n{plain}" if plain[:1].isdigit() or plain in ("", "_") else plain
    return f"{plain}_" if keyword.iskeyword(plain) or plain in USED else plain


def plain(name: str) -> str:
    """A name for a layer without one, of what an exporter called its weight: `onnx::Conv_12` is conv_12."""
    return _attribute(re.split("::|/", name)[-1].lower())


def path(name: str) -> tuple[str, ...]:
    """The names that lead to an attribute: `layer1.0.conv` is ("layer1", "0", "conv").

    Numbers stay, but at the top, where Python has no word for them.
    """
    parts = name.split(".")
    if len(parts) > DEEPEST:
        parts = ["_".join(parts)]
    first, *others = parts
    start = f"layer{first}" if _number(first) else _attribute(first)
    return start, *(part if _number(part) else _attribute(part) for part in others)


def tensor_path(name: str) -> tuple[str, ...]:
    """Likewise for a tensor, which must not end in a number."""
    *way, last = path(name)
    return *way, f"p{last}" if last.isdigit() else last


def computed(name: str) -> bool:
    """Whether an initializer is no parameter but something that an exporter computed, judged by its name.

    The exporter calls such a value after the operation that computes it.
    """
    import torch

    stem = re.sub(r"(_default)?(_\d+)?$", "", name)
    is_operation = stem.isidentifier() and hasattr(torch.ops.aten, stem)
    return "." not in name and (COMPUTED.fullmatch(name) is not None or is_operation)


def _number(part: str) -> bool:
    return part.isascii() and part.isdigit() and (part == "0" or part[0] != "0") and len(part) < 6


def _attribute(part: str) -> str:
    """A word that no module has a method or a setting of."""
    plain = word(part)
    return f"{plain}_" if plain in TAKEN else plain
