"""How is every change to a network taken back, bit for bit?"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor


class Journal:
    """Changes that were made, the latest last; `undo` takes them back, the latest first."""

    def __init__(self) -> None:
        self._back: list[Callable[[], None]] = []

    def add(self, back: Callable[[], None]) -> None:
        """Remember how something is taken back."""
        self._back.append(back)

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Give an attribute, `__class__` included, another value."""
        self.add(partial(setattr, owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def shrink(self, tensor: Tensor, data: Tensor, grad: Tensor | None) -> None:
        """Give a tensor other content and another gradient; it stays the same object."""
        self.add(partial(_put, tensor, tensor.data, tensor.grad))
        _put(tensor, data, grad)

    def remember(self, tensor: Tensor) -> None:
        """A tensor is not cut, but training after the cut would change it.

        One that shows a number several times, as `expand` answers it, is trained by nobody.
        """
        if any(step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True)):
            return
        self.add(partial(_restore, tensor, tensor.detach().clone()))
        grad = tensor.grad
        self.add(partial(setattr, tensor, "grad", None if grad is None else grad.clone()))

    def undo(self) -> None:
        """Take everything back; once only."""
        while self._back:
            self._back.pop()()


def _put(tensor: Tensor, data: Tensor, grad: Tensor | None) -> None:
    """A graph that is still alive, say of the last loss, keeps a gradient accumulator with the old shape.

    PyTorch makes a new one only where the dtype changes, so it is changed there and back.
    """
    tensor.grad = None
    other = torch.float32 if data.dtype == torch.float64 else torch.float64
    if data.is_floating_point():
        tensor.data = torch.empty(0, dtype=other, device=data.device)
    tensor.data = data
    tensor.grad = grad


def _restore(tensor: Tensor, data: Tensor) -> None:
    with torch.no_grad():
        tensor.copy_(data)
