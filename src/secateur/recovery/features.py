"""How far are the blocks inside a network from answering as in the dense original?"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Features:
    """Watches what the blocks of two networks answer in the last forward call of each.

    A block is a module inside that holds at least two layers. Its answer is thousands of numbers where the
    network's is a few, and says where something went wrong (Romero et al., arXiv 1412.6550). Of a tuple the
    first element counts. Blocks whose answers have different shapes are left out.

    Args:
        teacher: the dense original.
        student: the network in training; only calls that gradients are computed for are seen.
    """

    def __init__(self, teacher: nn.Module, student: nn.Module) -> None:
        self._answers: dict[str, dict[str, list[Tensor]]] = {"teacher": {}, "student": {}}
        known = dict(teacher.named_modules())
        self._names = [name for name in blocks(student) if name in known]
        self._handles = []
        for who, network in (("teacher", teacher), ("student", student)):
            self._handles.append(network.register_forward_pre_hook(partial(self._begin, who)))
            for name in self._names:
                watched = network.get_submodule(name)
                self._handles.append(watched.register_forward_hook(partial(self._note, who, name)))

    def __deepcopy__(self, _: object) -> "Features":
        """Itself, as the copy's teacher would be."""
        return self

    def close(self) -> None:
        """Stop watching."""
        for handle in self._handles:
            handle.remove()

    def forget(self) -> None:
        """Let go of what was answered, and of the graphs behind it."""
        for answers in self._answers.values():
            answers.clear()

    def distance(self, answer: object) -> Tensor | None:
        """Mean over the blocks of the mean squared error, in units of the teacher's variance; a scalar.

        None where no two blocks can be compared. The last calls count, and are forgotten.

        Args:
            answer: of the student itself, which is compared elsewhere: a block that made it does not count.
        """
        apart = []
        for own, wanted in self._pairs(answer):
            variance = wanted.var() if own.shape == wanted.shape and wanted.numel() > 1 else 0
            if variance > 0:
                apart.append(F.mse_loss(own, wanted) / variance)
        self.forget()
        return torch.stack(apart).mean() if apart else None

    def _pairs(self, answer: object) -> Iterator[tuple[Tensor, Tensor]]:
        """What each block answered in both; what a block hands on from the last one inside, once."""
        seen = {id(answer)}
        for name in self._names:
            both = (self._answers[who].get(name, []) for who in ("student", "teacher"))
            for own, wanted in zip(*both, strict=False):
                if id(own) not in seen:
                    yield own, wanted
                seen.add(id(own))

    def _begin(self, who: str, _network: nn.Module, _given: tuple[Any, ...]) -> None:
        """Another call: what the one before answered is of no use, be it that of a criterion."""
        self._answers[who].clear()

    def _note(self, who: str, name: str, _module: nn.Module, _given: tuple[Any, ...], answer: Any) -> None:
        first = answer[0] if isinstance(answer, tuple) and answer else answer
        watched = who == "teacher" or torch.is_grad_enabled()
        if watched and isinstance(first, Tensor) and first.is_floating_point():
            self._answers[who].setdefault(name, []).append(first)


def blocks(network: nn.Module) -> list[str]:
    """Names of the modules inside that hold at least two layers.

    >>> blocks(nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))))
    ['1']
    """
    return [
        name
        for name, module in network.named_modules()
        if name and sum(_is_layer(inner) for inner in module.modules() if inner is not module) > 1
    ]


def _is_layer(module: nn.Module) -> bool:
    """Has it a matrix or a kernel of its own?"""
    return any(parameter.dim() > 1 for parameter in module.parameters(recurse=False))
