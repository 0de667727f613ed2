"""How was each module of a network called, and what did it answer?"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from torch import Tensor, nn
from torch.utils import _pytree as pytree

Key: TypeAlias = int | str
"""Position or name of an argument."""


@dataclass(frozen=True, eq=False)  # tensors have no one truth value
class Call:
    """One call of a module.

    Attributes:
        given: arguments as they were before the call, which may change them in place.
        output: what it answered.
    """

    given: Mapping[Key, Any]
    output: Any

    def again(self, module: nn.Module) -> "Call":
        """The same call of a module, as it is now."""
        given = copied(self.given)
        args = [value for key, value in given.items() if isinstance(key, int)]
        kwargs = {key: value for key, value in given.items() if isinstance(key, str)}
        return Call(self.given, module(*args, **kwargs))


@dataclass
class Calls:
    """What `recording` saw.

    Attributes:
        kept: module -> its last call, of those to keep.
        counts: module -> how many calls it answered.
        open: modules that run now and what they were given, the innermost last.
    """

    kept: dict[str, Call] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    open: list[tuple[str, Mapping[Key, Any]]] = field(default_factory=list)

    def once(self, path: str) -> Call | None:
        """The call of a module that was called once, and whose call was kept."""
        return self.kept.get(path) if self.counts[path] == 1 else None


@contextmanager
def recording(model: nn.Module, paths: Collection[str], keep: Callable[[Call], bool]) -> Iterator[Calls]:
    """Note the calls of these modules inside; those that are not to keep are only counted."""
    calls = Calls()
    handles = []
    for path in paths:
        module = model.get_submodule(path)
        handles.append(module.register_forward_pre_hook(partial(_enter, calls, path), with_kwargs=True))
        handles.append(module.register_forward_hook(partial(_leave, calls, path, keep)))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def copied(value: Any) -> Any:
    """The same structure with tensors of its own."""
    return pytree.tree_map(lambda x: x.clone() if isinstance(x, Tensor) else x, value)


def _enter(
    calls: Calls, path: str, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    calls.open.append((path, copied({**dict(enumerate(args)), **kwargs})))


def _leave(
    calls: Calls,
    path: str,
    keep: Callable[[Call], bool],
    _module: nn.Module,
    _args: tuple[Any, ...],
    output: Any,
) -> None:
    entered, given = calls.open.pop()
    while entered != path:  # a module inside raised, and this one did without it
        entered, given = calls.open.pop()
    call = Call(given, output)
    calls.counts[path] += 1
    if keep(call):
        calls.kept[path] = call
