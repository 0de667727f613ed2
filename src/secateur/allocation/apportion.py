"""How do fractions become whole units that add up exactly?"""

import math
from collections.abc import Sequence

from secateur.core.groups import ScoredGroup


def apportion(groups: Sequence[ScoredGroup], ideal: Sequence[float], total: int) -> dict[str, int]:
    """Whole units near `ideal`, between each group's `least` and `most`, that sum to `total`.

    Rounds down, then hands out the rest by largest remainder; what a full group cannot take goes to
    the others in proportion to their size. Of groups of one unit that wish for the same, the least important
    comes first.

    Args:
        groups: with their bounds; `sum(least) <= total <= sum(most)`.
        ideal: (groups,) wished number of units, not necessarily whole or within the bounds.
        total: units to hand out.
    """
    counts = [
        min(max(math.floor(wish), group.least), group.most) for group, wish in zip(groups, ideal, strict=True)
    ]
    single = [-float(g.scores[0]) if g.group.units == 1 else 0.0 for g in groups]
    by_remainder = sorted(range(len(groups)), key=lambda i: (ideal[i] - counts[i], single[i]), reverse=True)
    while rest := total - sum(counts):
        sign = 1 if rest > 0 else -1
        order = by_remainder if sign > 0 else by_remainder[::-1]
        room = [
            group.most - count if sign > 0 else count - group.least
            for group, count in zip(groups, counts, strict=True)
        ]
        open_units = sum(g.group.units for g, r in zip(groups, room, strict=True) if r)
        left = abs(rest)
        for i in order:
            share = max(1, abs(rest) * groups[i].group.units // open_units) if room[i] else 0
            step = min(share, room[i], left)
            counts[i] += sign * step
            left -= step
    return {group.group.name: count for group, count in zip(groups, counts, strict=True)}
