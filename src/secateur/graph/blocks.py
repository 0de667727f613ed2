"""Which blocks of a network answer what they are given, once they have no weights?

A residual block does: it adds something to its input, and without weights that is nothing. Whether it adds,
and what comes behind the sum, is not read from code or graph. Weights are set to zero, and the block is
called with what the network gave it: `relu(x + f(x))` passes where all of `x` is positive.
"""

import contextlib
import copy
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from secateur.core.groups import Group, Member
from secateur.core.modes import evaluation_mode, without_fused_attention
from secateur.graph.calls import Call, recording
from secateur.graph.skips import may_pass, skip_of


def blocks_of(model: nn.Module, example_inputs: tuple[Any, ...]) -> tuple[Group, ...]:
    """Every block that can be left out, in the order of the network, as a group of one unit.

    Its name is the module's path. Of blocks inside blocks it is the inner ones, unless they hold less than
    a quarter of the outer one's weights. What is called twice or shares weights is none.

    Args:
        model: the network; it stays as it is.
        example_inputs: positional inputs of one forward call.
    """
    bare = copy.deepcopy(model)
    found: dict[str, tuple[Member, ...]] = {}
    with torch.no_grad(), evaluation_mode(bare), without_fused_attention():
        paths = _separate(bare)
        with recording(bare, paths, may_pass) as calls:
            bare(*example_inputs)
        for parameter in bare.parameters():
            if _goes(parameter):
                parameter.zero_()
        for path in paths:
            call = calls.once(path)
            if call is not None and _passes(bare.get_submodule(path), call):
                found[path] = tuple(_members(bare, path))
    return tuple(Group(path, 1, found[path], "layers") for path in _disjoint(found))


def _goes(parameter: nn.Parameter) -> bool:
    """What a mask can remove; a scalar has no axis, and is no unit of anything."""
    return parameter.dim() > 0 and parameter.numel() > 0 and parameter.is_floating_point()


def _separate(model: nn.Module) -> list[str]:
    """Modules inside the network that have weights, one place, and no weight that others have, too."""
    places = Counter(id(module) for _, module in model.named_modules(remove_duplicate=False))
    uses = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    found = []
    for path, module in model.named_modules():
        own = Counter(id(p) for _, p in module.named_parameters(remove_duplicate=False))
        alone = places[id(module)] == 1 and all(uses[p] == n for p, n in own.items())
        if path and alone and any(_goes(p) for p in module.parameters()):
            found.append(path)
    return found


def _passes(module: nn.Module, call: Call) -> bool:
    """Whether it answers what it was given."""
    with contextlib.suppress(Exception):  # the network's own code, which may raise anything without weights
        return skip_of(call.again(module)) is not None
    return False


def _members(model: nn.Module, path: str) -> Iterator[Member]:
    for name, parameter in model.get_submodule(path).named_parameters():
        if _goes(parameter):
            shape = tuple(parameter.shape)
            yield Member(f"{path}.{name}", shape, 0, torch.arange(shape[0])[None])


def _disjoint(found: Mapping[str, tuple[Member, ...]]) -> list[str]:
    """Blocks that do not hold each other, in the order of the network."""
    size = {path: sum(torch.Size(m.shape).numel() for m in own) for path, own in found.items()}
    chosen: set[str] = set()
    for path in sorted(found, key=lambda path: -path.count(".")):
        inner = {other for other in chosen if other.startswith(f"{path}.")}
        if 4 * sum(size[other] for other in inner) < size[path]:
            chosen = (chosen - inner) | {path}
    return [path for path in found if path in chosen]
