"""Which positions of which axes are one unit, and which cannot go at all?

First, axes that are the same become classes, and of every product the one factor is chosen that may lose
positions. Then all positions of all classes that are left are connected; what hangs together is a unit. Both
steps are linear in the relations and in the positions that can go.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from secateur.graph.components import Classes, connected
from secateur.graph.facts import Facts
from secateur.graph.relations import Axis, Fixed, Heads, Map, Positions, Product, Repeated, Same


class Space:
    """All axes, as classes of equal ones.

    Attributes:
        classes: of axes that are the same.
        sizes: class -> positions.
        fixed: classes of which no position can go.
        instead: class that could lose positions -> the one that does instead, by choice.
        separate: classes for whose positions activations are multiplied separately.
    """

    def __init__(self, found: Facts) -> None:
        self.classes: Classes[Axis] = Classes()
        for r in found.relations:
            if isinstance(r, Same):
                self.classes.join(r.a, r.b)
        self._join_factors(found)
        self.sizes = {self.classes.find(axis): size for axis, size in found.sizes.items()}
        self.fixed: set[Axis] = set()
        self.instead: dict[Axis, Axis] = {}
        self._maps = [self._map_of_classes(r) for r in found.relations if isinstance(r, Map)]
        self._products = [self._product_of_classes(r) for r in found.relations if isinstance(r, Product)]
        heads = {self.classes.find(r.axis) for r in found.relations if isinstance(r, Heads)}
        self.separate = self._with_factors(heads)
        self._of: dict[Axis, list[Product | Map]] = {}
        relations: list[Product | Map] = [*self._products, *self._maps]
        for relation in relations:
            for axis in _touched(relation):
                self._of.setdefault(axis, []).append(relation)
        self._open: dict[Axis, set[int]] = {}  # positions that no fixed class covers yet
        self._repeated = {self.classes.find(r.axis) for r in found.relations if isinstance(r, Repeated)}
        self._fix(self.classes.find(r.axis) for r in found.relations if isinstance(r, Fixed))
        self._fix(sorted(self._repeated - heads))

    def choose(self) -> None:
        """Of every product leave one factor that may lose positions.

        What follows without a choice comes first; of several factors that could, heads go before others,
        and the longest before the shorter.
        """
        self._fix(newly for product in self._products for newly in self._follows(product))
        for product in self._products:
            free = self.free(product)
            if len(free) > 1:
                best = max(free, key=self.precedence)
                others = [f for f in free if f != best]
                self.instead |= dict.fromkeys(others, best)
                self._fix(others)

    def separate_units(self, labels: Mapping[Axis, Positions]) -> Positions:
        """Units that activations are multiplied separately for: attention heads."""
        return np.unique(
            np.concatenate([np.zeros(0, np.int64), *(labels[a] for a in self.separate & set(labels))])
        )

    def _join_factors(self, found: Facts) -> None:
        """Twice the product of the same axis, with factors of the same sizes, has twice the same factors.

        So heads that lie in one axis with the batch, and are taken apart again, are the heads that they were.
        """
        products = [r for r in found.relations if isinstance(r, Product)]
        joined = True
        while joined:
            joined = False
            first: dict[tuple[Axis, tuple[int, ...]], Product] = {}
            for product in products:
                sizes = tuple(found.sizes[f] for f in product.factors)
                known = first.setdefault((self.classes.find(product.flat), sizes), product)
                for a, b in zip(known.factors, product.factors, strict=True):
                    if self.classes.find(a) != self.classes.find(b):
                        self.classes.join(a, b)
                        joined = True

    def _with_factors(self, heads: set[Axis]) -> set[Axis]:
        """Where several heads share keys, the shared ones are a factor of all of them."""
        parts: dict[Axis, list[Axis]] = {}
        for product in self._products:
            parts.setdefault(product.flat, []).extend(product.factors)
        found, todo = set(heads), deque(heads)
        while todo:
            new = set(parts.get(todo.popleft(), ())) - found
            found |= new
            todo.extend(new)
        return found

    def precedence(self, axis: Axis) -> tuple[bool, int]:
        """Of several factors the highest goes; of heads that share keys, not the number that share them."""
        known = self.classes.find(axis)
        whole = known in self.separate and known not in self._repeated
        return self.sizes[known] > 1 and whole, self.sizes[known]

    def free(self, product: Product) -> list[Axis]:
        """The factors that can lose positions."""
        return [f for f in product.factors if f not in self.fixed and self.sizes[f] > 1]

    def labels(self) -> dict[Axis, Positions]:
        """Class -> the unit that each of its positions belongs to, 0 for those that cannot go."""
        start: dict[Axis, int] = {}
        count = 1  # 0 stands for all that is fixed
        for axis, size in self.sizes.items():
            if axis not in self.fixed and size > 1:
                start[axis] = count
                count += size
        edges = [(_at(start, m.a, m.at_a), _at(start, m.b, m.at_b)) for m in self._maps]
        edges += [edge for product in self._products for edge in self._carried(start, product)]
        one, other = (np.concatenate([np.zeros(0, np.int64), *(e[i] for e in edges)]) for i in (0, 1))
        label = connected(count, one, other)
        return {axis: label[first : first + self.sizes[axis]] for axis, first in start.items()}

    def _carried(self, start: Mapping[Axis, int], product: Product) -> Iterator[tuple[Positions, Positions]]:
        """Which position of the factor that may lose some each position of the flat axis has."""
        if product.flat not in start:
            return
        sizes = [self.sizes[f] for f in product.factors]
        every = start[product.flat] + np.arange(self.sizes[product.flat])
        for place, factor in enumerate(product.factors):
            if factor in start:
                repeated = np.repeat(np.arange(sizes[place]), int(np.prod(sizes[place + 1 :])))
                yield every, start[factor] + np.tile(repeated, int(np.prod(sizes[:place])))

    def _fix(self, axes: Iterable[Axis]) -> None:
        """These, and all that follows from it."""
        todo = deque(axes)
        while todo:
            axis = todo.popleft()
            if axis not in self.fixed:
                self.fixed.add(axis)
                for relation in self._of.get(axis, ()):
                    todo.extend(self._follows(relation))

    def _follows(self, relation: Product | Map) -> list[Axis]:
        """Classes that are fixed because others in the relation are."""
        if isinstance(relation, Map):
            return self._follows_map(relation)
        free = self.free(relation)
        if relation.flat in self.fixed:
            return free
        return [] if free else [relation.flat]

    def _follows_map(self, m: Map) -> list[Axis]:
        """The other side, once positions that are fixed cover all of it."""
        found = []
        for here, there, at in ((m.a, m.b, m.at_b), (m.b, m.a, m.at_a)):
            if here in self.fixed and there not in self.fixed:
                open_ = self._open.setdefault(there, set(range(self.sizes[there])))
                open_.difference_update(at.tolist())
                if not open_:
                    found.append(there)
        return found

    def _map_of_classes(self, r: Map) -> Map:
        return Map(self.classes.find(r.a), self.classes.find(r.b), r.at_a, r.at_b)

    def _product_of_classes(self, r: Product) -> Product:
        return Product(self.classes.find(r.flat), tuple(self.classes.find(f) for f in r.factors))


def _touched(relation: Product | Map) -> set[Axis]:
    if isinstance(relation, Map):
        return {relation.a, relation.b}
    return {relation.flat, *relation.factors}


def _at(start: Mapping[Axis, int], axis: Axis, index: Positions) -> Positions:
    """Numbers of positions of a class; 0 for all of a fixed one."""
    return start[axis] + index if axis in start else np.zeros(len(index), np.int64)
