"""What has to be answered in the place of a block that only passes on what it is given?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from secateur.graph.calls import Call, Key


@dataclass(frozen=True)
class Element:
    """One element of an answer: an argument of the call, or else a constant."""

    argument: Key | None
    constant: Any = None

    def of(self, given: Mapping[Key, Any]) -> Any:
        """What it is in another call."""
        return self.constant if self.argument is None else given[self.argument]


@dataclass(frozen=True)
class Skip:
    """How a block is left out.

    Attributes:
        elements: of the answer.
        joined: whether the answer is a tuple of them, not the only one itself.
        identity: whether the call is one that `torch.nn.Identity` takes.
    """

    elements: tuple[Element, ...]
    joined: bool
    identity: bool

    def answer(self, given: Mapping[Key, Any]) -> Any:
        """What the block would answer to another call."""
        found = tuple(element.of(given) for element in self.elements)
        return found if self.joined else found[0]


def skip_of(call: Call) -> Skip | None:
    """How a block is left out; None where it does more than pass on one of its arguments.

    What it answers beside that must be an argument as well, or no tensor at all.
    """
    elements = [_element(value, call.given) for value in _parts(call)]
    known = tuple(element for element in elements if element is not None)
    if not known or len(known) < len(elements) or known[0].argument is None:
        return None
    joined = type(call.output) is tuple
    return Skip(known, joined, identity=not joined and list(call.given) == [0])


def may_pass(call: Call) -> bool:
    """Whether a module answers a tensor like one that it was given, and might be a block."""
    first = _parts(call)[:1]
    return any(_alike(value, argument) for value in first for argument in call.given.values())


def _parts(call: Call) -> tuple[Any, ...]:
    return call.output if type(call.output) is tuple else (call.output,)


def _element(value: Any, given: Mapping[Key, Any]) -> Element | None:
    if value is None or isinstance(value, (bool, int, float, str)):
        return Element(None, value)
    return next((Element(key) for key, argument in given.items() if _equal(value, argument)), None)


def _equal(value: Any, argument: Any) -> bool:
    """Down to the last bit, but for the sign of zero."""
    return value is argument or (_alike(value, argument) and torch.equal(value, argument))


def _alike(value: Any, argument: Any) -> bool:
    tensors = isinstance(value, Tensor) and isinstance(argument, Tensor)
    return tensors and value.dtype == argument.dtype and value.shape == argument.shape
