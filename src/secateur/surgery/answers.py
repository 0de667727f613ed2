"""What does a network answer to its example, and to inputs like it?"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from secateur.core.modes import evaluation_mode, without_fused_attention

Inputs = tuple[Any, ...]
"""Positional inputs of one forward call."""


def samples(example: Inputs, real: Iterable[Inputs] = (), random: int = 2) -> list[Inputs]:
    """The example, random inputs like it, and the real ones."""
    generator = torch.Generator().manual_seed(0)
    drawn = [pytree.tree_map(lambda x: _drawn(x, generator), example) for _ in range(random)]
    return [example, *drawn, *real]


def _drawn(like: Any, generator: torch.Generator) -> Any:
    """Normal numbers with the mean and deviation of the example; whole numbers within its range."""
    if not isinstance(like, Tensor) or like.numel() == 0:
        return like
    if like.is_floating_point():
        spread = float(like.double().std(correction=0))
        spread, mean = (spread, float(like.double().mean())) if 0 < spread < torch.inf else (1.0, 0.0)
        return (torch.randn(like.shape, generator=generator) * spread + mean).to(like)
    if like.dtype == torch.bool or like.is_complex():
        return like
    low, high = int(like.min()), int(like.max())
    return torch.randint(low, high + 1, like.shape, generator=generator).to(like)


def answers(model: nn.Module, inputs: Inputs) -> list[Tensor]:
    """All tensors of a network's answer, in order; in evaluation mode, with the same randomness each time."""
    with evaluation_mode(model), torch.no_grad(), without_fused_attention(), _same_randomness(inputs):
        return list(_tensors(model(*inputs)))


def call_in_training(model: nn.Module, inputs: Inputs) -> None:
    """One forward call in training mode, of a copy: it changes what it counts, such as BatchNorm's means."""
    with torch.no_grad(), _same_randomness(inputs):
        model.train()(*inputs)


@contextmanager
def _same_randomness(inputs: Inputs) -> Iterator[None]:
    devices = {x.device for x in pytree.tree_leaves(inputs) if isinstance(x, Tensor) and x.is_cuda}
    with torch.random.fork_rng(devices=list(devices)):
        torch.default_generator.manual_seed(0)  # torch.manual_seed would import the compiler
        if devices:
            torch.cuda.manual_seed_all(0)
        yield


def _tensors(output: Any) -> Iterator[Tensor]:
    """Also those in dataclasses and mappings that PyTorch does not know."""
    for leaf in pytree.tree_leaves(output):
        if isinstance(leaf, Tensor):
            yield leaf
        elif is_dataclass(leaf) and not isinstance(leaf, type):
            yield from _tensors([getattr(leaf, field.name) for field in fields(leaf)])
        elif isinstance(leaf, Mapping):
            yield from _tensors(list(leaf.values()))
