"""Which blocks of a network answer what they are given, once they have no weights?

A residual block does: it adds something to its input, and without weights that is nothing. Whether it adds,
and what comes behind the sum, is not read from code or graph. Weights are set to zero, and the block is
called with what the network gave it: `relu(x + f(x))` passes where all of `x` is positive.
"""

import contextlib
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

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
    found: dict[str, tuple[Member, ...]] = {}
    paths = _separate(model)
    with torch.no_grad(), evaluation_mode(model), without_fused_attention():
        with recording(model, paths, may_pass) as calls:
            model(*example_inputs)
        bare = _bare(model)
        for path in sorted(paths, key=lambda path: -path.count(".")):  # those inside a block come before it
            call = calls.once(path)
            if call is None:
                continue
            own = tuple(_members(bare, path))
            inner = [other for other in found if other.startswith(f"{path}.")]
            worth = 4 * sum(_size(found[other]) for other in inner) < _size(own)
            if worth and _passes(bare.get_submodule(path), call):
                for other in inner:
                    del found[other]
                found[path] = own
    return tuple(Group(path, 1, found[path], "layers") for path in paths if path in found)


def _bare(model: nn.Module) -> nn.Module:
    """A copy with zeros for weights; theirs are not copied first, which may be gigabytes."""
    weights = [parameter for parameter in model.parameters() if _goes(parameter)]
    zeros = {id(p): nn.Parameter(torch.zeros_like(p), requires_grad=p.requires_grad) for p in weights}
    return copy.deepcopy(model, zeros)


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
        return all(skip_of(each.again(module)) is not None for each in (call, *_padded(call)))
    return False


def _padded(call: Call) -> Iterator[Call]:
    """The same call with other truth values at the end of masks, as where a sequence is shorter.

    A block that sets padding to zero does more than pass on its input; an example without padding hides it.
    """
    given = pytree.tree_map(_other_at_the_end, dict(call.given))
    if any(value is not given[key] for key, value in call.given.items()):
        yield replace(call, given=given)


def _other_at_the_end(value: Any) -> Any:
    long = [axis for axis in range(value.dim()) if value.shape[axis] > 1] if isinstance(value, Tensor) else []
    if not long or value.dtype != torch.bool:
        return value
    other = value.clone()
    other.select(long[-1], -1).logical_not_()
    return other


def _members(model: nn.Module, path: str) -> Iterator[Member]:
    for name, parameter in model.get_submodule(path).named_parameters():
        if _goes(parameter):
            shape = tuple(parameter.shape)
            yield Member(f"{path}.{name}", shape, 0, torch.arange(shape[0])[None])


def _size(members: tuple[Member, ...]) -> int:
    """Weights."""
    return sum(torch.Size(member.shape).numel() for member in members)
