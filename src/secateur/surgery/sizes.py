"""What became narrower near each module of a network?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from secateur.core.groups import Group


@dataclass
class Sizes:
    """What became narrower near one module.

    Attributes:
        widths: old size -> new size -> how far away, in modules, the narrowest such tensor is.
        heads: old number of heads -> new number -> as above.
        inner: the part of `widths` that belongs to attention heads.
        groups: what became narrower, by name.
    """

    widths: dict[int, dict[int, int]] = field(default_factory=dict)
    heads: dict[int, dict[int, int]] = field(default_factory=dict)
    inner: dict[int, dict[int, int]] = field(default_factory=dict)
    groups: dict[str, None] = field(default_factory=dict)


def sizes_near(
    groups: Sequence[Group],
    removed: Mapping[str, Tensor],
    left: Mapping[tuple[str, int], int],
) -> dict[str, Sizes]:
    """Module -> what became narrower in it and below it, as far up as the tensors of a group meet.

    Args:
        groups: that lose units.
        removed: group -> units that go.
        left: (tensor, axis) -> its size after the cut.
    """
    near: dict[str, Sizes] = {}
    for group in groups:
        units, rest = group.units, int((~removed[group.name]).sum())
        owners = {member.tensor.rpartition(".")[0] for member in group.members}
        top = _meeting(owners)
        for member in group.members:
            old, new = member.shape[member.axis], left[member.tensor, member.axis]
            for distance, module in enumerate(_upwards(member.tensor.rpartition(".")[0], top)):
                sizes = near.setdefault(module, Sizes())
                sizes.groups[group.name] = None
                _note(sizes.widths, old, new, distance)
                if group.kind == "heads":
                    _note(sizes.inner, old, new, distance)
                    _note(sizes.heads, units, rest, distance)
                elif units != old:  # a part of the axis, such as the width of a head
                    _note(sizes.widths, units, rest, distance + 1)
    return near


def _note(sizes: dict[int, dict[int, int]], old: int, new: int, distance: int) -> None:
    options = sizes.setdefault(old, {})
    options[new] = min(distance, options.get(new, distance))


def _meeting(modules: set[str]) -> str:
    """The innermost module that holds all of them, and is none of them."""
    parts = [module.split(".") for module in modules]
    common = []
    for words in zip(*parts, strict=False):
        if len(set(words)) > 1:
            break
        common.append(words[0])
    top = ".".join(common)
    return top.rpartition(".")[0] if top in modules else top


def _upwards(module: str, top: str) -> Iterator[str]:
    """The module, what holds it, and so on up to `top`."""
    yield module
    while module and module != top:
        module = module.rpartition(".")[0]
        yield module
