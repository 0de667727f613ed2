"""How does a name from a graph become a name in Python?

Names of a file may hold anything. What comes out of here is ASCII letters, digits and underscores, so that no
name can bring code into the source.
"""

import keyword
import re

import torch
from torch import nn

KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")  # what may stand between quotes and brackets
LONGEST = 80  # characters of one name
DEEPEST = 12  # names on the way to an attribute
USED = {"self", "block", "torch", "nn", "F", "float", "range", "load", "load_file", "Path", "Network"}
TAKEN = {*dir(nn.ModuleDict()), "forward"}  # no layer may be called so
COMPUTED = re.compile(r"\d+|(val|tmp)_\d+|.*_cast(_\d+)?|.*\blifted_tensor_\d+|.*(::|/).*", re.DOTALL)


def word(name: str) -> str:
    """A name for a variable that resembles `name`."""
    plain = _plain(name)
    return f"{plain}_" if plain in USED else plain


def attribute(name: str) -> str:
    """A name for an attribute: no module has a method or a setting of that name."""
    plain = _plain(name)
    return f"{plain}_" if plain in TAKEN else plain


def after_dot(name: str) -> bool:
    """Whether Python takes the name behind a dot."""
    return (
        name.isascii() and name.isidentifier() and not name.startswith("__") and not keyword.iskeyword(name)
    )


def unnamed(name: str) -> str:
    """An attribute for a layer without a name, of its weight's name: conv_12 of `onnx::Conv_12`."""
    return attribute(re.split("::|/", name)[-1].lower())


def path(name: str) -> tuple[str, ...]:
    """The names that lead to an attribute: ("layer1", "0", "conv") of `layer1.0.conv`.

    Numbers and names with a dash stay, which PyTorch's containers take between brackets, but at the top.
    """
    parts = name.split(".")
    first, *others = parts if len(parts) <= DEEPEST else ["_".join(parts)]
    start = attribute(f"layer{first}" if first.isdigit() else first)
    return start, *(part if KEY.fullmatch(part) and part not in TAKEN else attribute(part) for part in others)


def tensor_path(name: str) -> tuple[str, ...]:
    """Likewise for a tensor, which is never between brackets."""
    *way, last = path(name)
    return *way, last if after_dot(last) else attribute(f"p{last}" if last.isdigit() else last)


def computed(name: str) -> bool:
    """Whether an initializer is no parameter but something that an exporter computed, judged by its name.

    The exporter calls such a value after the operation that computes it.
    """
    stem = re.sub(r"(_default)?(_\d+)?$", "", name)
    is_operation = stem.isidentifier() and hasattr(torch.ops.aten, stem)
    return COMPUTED.fullmatch(name) is not None or ("." not in name and is_operation)


def _plain(name: str) -> str:
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)[:LONGEST]
    plain = re.sub(r"^__+", "_", plain)  # a class gives two underscores a meaning of their own
    plain = f"n{plain}" if plain[:1].isdigit() or plain in ("", "_") else plain
    return f"{plain}_" if keyword.iskeyword(plain) else plain
