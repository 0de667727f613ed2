"""Which attributes does the emitted network have, and what is each of its tensors filled with?

Attributes keep the names that the parameters have in PyTorch, so that the emitted network has the state_dict
of the one that was traced, as far as Python's grammar and plain layers allow.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from secateur.emit import identifiers, tree
from secateur.emit.expressions import Expr, Held, call, text
from secateur.errors import ExportError

Array = NDArray[np.generic]
Path = tuple[str, ...]
DTYPES = {"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"}


@dataclass(frozen=True, eq=False)  # arrays have no one truth value
class Weight:
    """What a tensor is filled with: the numbers, and the initializer that has just these, where one does."""

    array: Array
    initializer: str | None = None

    def same(self, other: "Weight | None") -> bool:
        """Whether the two may be one tensor."""
        if other is None or self.initializer != other.initializer:
            return False
        return self.initializer is not None or np.array_equal(self.array, other.array)


class Attributes:
    """The tree of attributes, which grows while the forward call is written."""

    def __init__(self, initializers: Mapping[str, Array]) -> None:
        self.initializers = initializers
        self._root = tree.Branch()
        self._weights: dict[Path, Weight] = {}
        self._places: dict[str, Path] = {}  # initializer -> the tensor that it is
        self._statistics: set[str] = set()  # initializers that were counted, not learned

    def layer(self, path: Path, code: Expr, weights: Mapping[str, Weight]) -> Path | None:
        """Let a layer be at `path`, with its weights by the names that it gives them.

        Returns:
            The path; None where something else is there already.
        """
        return self._put(path, "layer", code, {(*path, name): weight for name, weight in weights.items()})

    def new_layer(self, path: Path, code: Expr, weights: Mapping[str, Weight]) -> Path:
        """Likewise, at another path where that one is taken."""
        return next(found for each in _others(path) if (found := self.layer(each, code, weights)))

    def is_statistic(self, initializer: str) -> None:
        """Let it be a buffer, whatever its name: it was counted, not learned."""
        self._statistics.add(initializer)

    def path_of(self, held: Held) -> Path:
        """Where an initializer is; it becomes an attribute of its own where no layer has it."""
        name = held.initializer
        if name not in self._places:
            array = self.initializers[name]
            learned = array.dtype.kind == "f" and not identifiers.computed(name)
            learned = learned and name not in self._statistics
            kind: tree.Kind = "parameter" if learned else "buffer"
            code = _zeros(name, array)
            for path in _others(identifiers.tensor_path(name)):
                if self._put(path, kind, code, {path: Weight(array, name)}):
                    break
        return self._places[name]

    def words(self, path: Path, block: Path = ()) -> str:
        """The code by which `forward` reaches an attribute, from a block on that has a variable."""
        code, branch = "self", self._root
        for depth, name in enumerate(path):
            code = "block" if block and depth == len(block) else code
            code += branch.step(name)
            branch = branch.children.get(name, tree.Branch())
        return code

    def lines(self) -> list[str]:
        """The statements of `__init__` that make them."""
        return tree.lines(self._root)

    def state(self) -> dict[str, Array]:
        """The arrays by their names in the network's state_dict."""
        return {".".join(path): weight.array for path, weight in self._weights.items()}

    def _put(self, path: Path, kind: tree.Kind, code: Expr, weights: Mapping[Path, Weight]) -> Path | None:
        if not self._fits(path, kind, code, weights):
            return None
        branch = self._root.at(path)
        branch.kind, branch.code = kind, code
        for place, weight in weights.items():
            self._weights[place] = weight
            if weight.initializer is not None:
                self._places.setdefault(weight.initializer, place)
        return path

    def _fits(self, path: Path, kind: tree.Kind, code: Expr, weights: Mapping[Path, Weight]) -> bool:
        """Whether a layer or a tensor may be there: nothing is, or just that."""
        branch: tree.Branch | None = self._root
        for depth, name in enumerate(path):
            if path[:depth] in self._weights or (branch and branch.code and not identifiers.after_dot(name)):
                return False  # a tensor has no attributes, and a layer none in brackets
            branch = branch.children.get(name) if branch else None
        if branch is None:
            return not any(place in self._weights for place in (path, *weights))
        if branch.kind == "holder":
            return branch.holder == "Module" and not {place[-1] for place in weights} & branch.children.keys()
        same = (branch.kind, branch.code) == (kind, code)
        return same and all(weight.same(self._weights.get(place)) for place, weight in weights.items())


def _others(path: Path) -> Iterator[Path]:
    """The path, and what to try where it is taken."""
    yield path
    flat = identifiers.attribute("_".join(path))
    yield from ((flat if n == 1 else f"{flat}_{n}",) for n in count(1 if len(path) > 1 else 2))


def _zeros(name: str, array: Array) -> Expr:
    if array.dtype.name not in DTYPES:
        raise ExportError(
            f"The tensor {name!r} has the type {array.dtype.name}, which emit-python does not write. "
            f"Expected one of {', '.join(sorted(DTYPES))}. Use the .sct or .onnx file itself."
        )
    shape = array.shape or ((),)
    if array.dtype == np.float32:
        return call("torch.zeros", *shape)
    return call("torch.zeros", *shape, dtype=text(f"torch.{array.dtype.name}"))
