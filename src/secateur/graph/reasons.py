"""Why can a width not change? The nearest cause, in words."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping

from secateur.graph.facts import Facts
from secateur.graph.relations import Axis, Fixed, Map, Positions, Product, Repeated, Same
from secateur.graph.space import Space

ONE_UNIT = "all of its positions can only go together, and one unit must stay"


def nearest_causes(found: Facts, space: Space, labels: Mapping[Axis, Positions]) -> Callable[[Axis], str]:
    """Axis -> why it, or a part of it, cannot go.

    A search in breadth from every fact that fixes an axis, along relations between axes that cannot go; each
    axis is reached once, so it is linear in the relations.

    Args:
        found: all relations.
        space: the classes, after a factor of every product was chosen.
        labels: class -> unit of each position.
    """
    stuck = space.fixed | {axis for axis, label in labels.items() if not label.all()}
    follows = _follows(found, space)
    cause: dict[Axis, str] = {}
    for source in (_facts(found), _choices(found, space)):
        fresh = {axis: reason for axis, reason in source if axis not in cause}
        cause |= fresh
        todo = deque(fresh)
        while todo:
            axis = todo.popleft()
            for other in follows.get(axis, ()):
                if other not in cause and space.classes.find(other) in stuck:
                    cause[other] = cause[axis]
                    todo.append(other)
    return lambda axis: cause.get(axis, ONE_UNIT)


def _facts(found: Facts) -> Iterator[tuple[Axis, str]]:
    """The first that was said of an axis counts."""
    first: dict[Axis, str] = {}
    for r in found.relations:
        if isinstance(r, (Fixed, Repeated)):
            first.setdefault(r.axis, r.reason)
        elif isinstance(r, Map):
            for axis in (r.a, r.b):
                if found.sizes[axis] == 1:
                    first.setdefault(axis, f"{axis[0]} has no other position along its axis {axis[1]}")
    yield from first.items()


def _choices(found: Facts, space: Space) -> Iterator[tuple[Axis, str]]:
    """Factors that could have gone, had another one not been chosen."""
    for r in found.relations:
        for axis in r.factors if isinstance(r, Product) else ():
            best = space.instead.get(space.classes.find(axis))
            if best is not None:
                what = (
                    "heads" if best in space.separate else f"blocks, of which there are {space.sizes[best]},"
                )
                yield axis, f"whole {what} go instead of a part of each"


def _follows(found: Facts, space: Space) -> dict[Axis, list[Axis]]:
    """Axis -> those that cannot go because it cannot."""
    follows: dict[Axis, list[Axis]] = {}
    said = {space.classes.find(r.axis) for r in found.relations if isinstance(r, (Fixed, Repeated))}
    never = said & space.fixed
    for r in found.relations:
        if isinstance(r, (Same, Map)):
            follows.setdefault(r.a, []).append(r.b)
            follows.setdefault(r.b, []).append(r.a)
        elif isinstance(r, Product):
            # A flat axis is stuck because of the factor that would have gone; the others never would.
            wide = [f for f in r.factors if found.sizes[f] > 1] or list(r.factors)
            would = max(wide, key=lambda f: (space.classes.find(f) not in never, space.precedence(f)))
            follows.setdefault(would, []).append(r.flat)
            follows.setdefault(r.flat, []).extend(r.factors)
    return follows
