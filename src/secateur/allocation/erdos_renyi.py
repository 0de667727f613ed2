"""More stays where layers are small: density in proportion to the sum of the axes over their product."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from secateur.allocation.apportion import apportion
from secateur.core.groups import Group, ScoredGroup


@dataclass(frozen=True)
class ErdosRenyi:
    """Erdos-Renyi-kernel densities (RigL, arXiv 1911.11134).

    density(layer) = min(1, e * (in + out + kernel axes) / (in * out * kernel axes)), with `e` chosen
    so that the total is right. Layers that would be more than full stay dense.
    """

    def __call__(self, groups: Sequence[ScoredGroup], remove: int) -> dict[str, int]:
        """Units to remove from each group: (1 - density) * units."""
        raw = [_erdos_renyi(g.group) for g in groups]
        units = [g.group.units for g in groups]
        keep = sum(units) - remove
        scale = _scale(raw, units, keep)
        ideal = [n * (1 - min(1.0, scale * r)) for n, r in zip(units, raw, strict=True)]
        return apportion(groups, ideal, remove)


def _erdos_renyi(group: Group) -> float:
    """Sum of the axes over their product, of the group's first member."""
    shape = group.members[0].shape
    return sum(shape) / math.prod(shape)


def _scale(raw: Sequence[float], units: Sequence[int], keep: int) -> float:
    """The `e` with sum(min(1, e * raw) * units) = keep: fill layers until no more overflows."""
    full: set[int] = set()
    while True:
        open_layers = [i for i in range(len(raw)) if i not in full]
        weight = sum(raw[i] * units[i] for i in open_layers)
        scale = (keep - sum(units[i] for i in full)) / weight if open_layers else 1 / min(raw)
        overflow = {i for i in open_layers if scale * raw[i] > 1}
        if not overflow:
            return scale
        full |= overflow
