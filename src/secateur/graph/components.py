"""Which things are connected? Union-find for names, and its vectorised form for many numbers."""

from collections.abc import Hashable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Thing = TypeVar("Thing", bound=Hashable)


class Classes(Generic[Thing]):
    """Things that were said to be the same; every class goes by one of its things."""

    def __init__(self) -> None:
        self._parent: dict[Thing, Thing] = {}

    def find(self, thing: Thing) -> Thing:
        """The name of its class; unknown things are alone in theirs."""
        root = thing
        while (parent := self._parent.get(root, root)) != root:
            root = parent
        while (parent := self._parent.get(thing, thing)) != root:  # shorten the path for the next time
            self._parent[thing] = root
            thing = parent
        return root

    def join(self, a: Thing, b: Thing) -> None:
        """They are the same."""
        self._parent[self.find(a)] = self.find(b)


def connected(count: int, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """(count,) the lowest number that each of 0 ... count - 1 is connected with by edges a[i] - b[i].

    Each round hooks the higher root of every edge to the lower one and flattens the trees; a few rounds
    suffice, each linear in numbers and edges.
    """
    label = np.arange(count)
    while True:
        one, other = label[a], label[b]
        high, low = np.maximum(one, other), np.minimum(one, other)
        open_ = high != low
        if not open_.any():
            return label
        a, b, high, low = a[open_], b[open_], high[open_], low[open_]
        np.minimum.at(label, high, low)
        while (flat := label[label]).tobytes() != label.tobytes():
            label = flat
