"""Which rows of numbers go into a layer, and which come out of it?

A linear layer or a convolution is weight @ row + bias, for each example and each place in it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile, product
from math import prod
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils.hooks import RemovableHandle

from secateur.core.masks import Masks
from secateur.core.modes import layer_input
from secateur.core.task import Calibration

Convolution: TypeAlias = nn.Conv1d | nn.Conv2d | nn.Conv3d
Fittable: TypeAlias = nn.Linear | Convolution
KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
POSITIONS = 4096
"""Rows that are looked at in each batch."""

_BatchNorm = nn.modules.batchnorm._BatchNorm


@dataclass(frozen=True)
class Layer:
    """A layer of plain rows: its name, itself, and the BatchNorm that alone reads its answers, or None."""

    name: str
    module: Fittable
    norm: nn.Module | None


def layers(model: nn.Module, masks: Masks, data: Calibration, batch: Any) -> list[Layer]:
    """In the order of their calls, from the first that lost something; the network must be evaluating.

    Left out are those that are called more than once, share their weight, or have groups.
    """
    owners = Counter(id(p) for m in model.modules() for p in m.parameters(recurse=False))
    names = {
        module: name
        for name, module in model.named_modules()
        if type(module) in KINDS  # subclasses may do something else with their weight
        and isinstance(weight := module._parameters.get("weight"), Tensor)
        and owners[id(weight)] == 1
        and getattr(module, "groups", 1) == 1
    }
    calls: list[nn.Module] = []
    made: dict[int, tuple[nn.Module, Tensor]] = {}  # keeps the tensors, so that no other gets their id
    norms: dict[nn.Module, nn.Module] = {}
    reads: Counter[nn.Module] = Counter()

    def called(module: nn.Module, _: Any, output: Any) -> None:
        calls.append(module)
        made[id(output)] = module, output

    def read(norm: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        reads[norm] += 1
        x = layer_input(args, kwargs)
        if id(x) in made:
            norms[made[id(x)][0]] = norm

    hooks = [module.register_forward_hook(called) for module in names]
    hooks += [
        norm.register_forward_pre_hook(read, with_kwargs=True) for norm in model.modules() if _adaptable(norm)
    ]
    with _Readers(made) as readers:
        _call(model, data, batch, hooks)
    norms = {module: norm for module, norm in norms.items() if reads[norm] == 1}
    alone = {made[number][0] for number, count in readers.counts.items() if count == 1}
    often = Counter(calls)
    lost = {name.rpartition(".")[0] for name, mask in masks.tensors.items() if not bool(mask.all())}
    once = [module for module in calls if often[module] == 1]
    return [
        Layer(names[module], module, norms.get(module) if module in alone else None)  # type: ignore[arg-type]
        for module in dropwhile(lambda module: names[module] not in lost, once)
    ]


class _Readers(TorchFunctionMode):
    """Counts the operations that compute something from these tensors."""

    def __init__(self, made: Mapping[int, object]) -> None:
        super().__init__()
        self.made = made
        self.counts: Counter[int] = Counter()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if any(isinstance(leaf, Tensor) for leaf in pytree.tree_leaves(result)):
            leaves = {id(leaf) for leaf in pytree.tree_leaves((args, kwargs))}
            self.counts.update(leaves & self.made.keys())
        return result


def _adaptable(norm: nn.Module) -> bool:
    return isinstance(norm, _BatchNorm) and norm.track_running_stats and norm.affine


class _Seen(BaseException):  # no Exception, so that no one's code takes it for one of its own
    """All layers that were asked for were called; nothing behind them is needed."""


@dataclass(frozen=True)
class Rows:
    """What left a layer (rows, out), and at which places."""

    values: Tensor
    where: tuple[Tensor, ...]


def leaving(those: Sequence[Layer], model: nn.Module, data: Calibration, batch: Any, seed: int) -> list[Rows]:
    """What leaves layers of this name, at places drawn from the seed."""
    found: dict[str, Rows] = {}

    def watched(layer: Layer) -> RemovableHandle:
        def hook(_: nn.Module, __: Any, output: Tensor) -> None:
            where = places(output, layer.module, seed)
            found[layer.name] = Rows(outputs(output, layer.module, where), where)
            if len(found) == len(those):
                raise _Seen

        return model.get_submodule(layer.name).register_forward_hook(hook)

    _call(model, data, batch, [watched(layer) for layer in those])
    return [found[layer.name] for layer in those]


def entering(layer: Layer, model: nn.Module, data: Calibration, batch: Any, rows: Rows) -> Tensor:
    """What enters the layer (rows, in * kernel) where these rows left it."""
    found: list[Tensor] = []

    def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        found.append(inputs(layer_input(args, kwargs), layer.module, rows.where))
        raise _Seen

    _call(model, data, batch, [layer.module.register_forward_pre_hook(hook, with_kwargs=True)])
    return found[0]


def _call(model: nn.Module, data: Calibration, batch: Any, hooks: Sequence[RemovableHandle]) -> None:
    """Call the model until a hook has seen enough; the hooks are gone afterwards."""
    try:
        data.loss(model, batch)
    except _Seen:
        pass
    finally:
        for hook in hooks:
            hook.remove()


def places(y: Tensor, layer: Fittable, seed: int) -> tuple[Tensor, ...]:
    """Coordinates of some of its places, the same in all examples, drawn without repetition."""
    sizes = (y[..., 0].numel(),) if isinstance(layer, nn.Linear) else tuple(y.shape[-_axes(layer) :])
    examples = y.numel() // (len(layer.weight) * prod(sizes))
    order = torch.randperm(prod(sizes), generator=torch.Generator().manual_seed(seed))
    chosen = order[: max(1, POSITIONS // max(1, examples))].to(y.device)
    return torch.unravel_index(chosen, sizes)


def outputs(y: Tensor, layer: Fittable, where: tuple[Tensor, ...]) -> Tensor:
    """(rows, out) of what leaves the layer."""
    if isinstance(layer, nn.Linear):
        return y.reshape(-1, y.shape[-1])[where]
    return _at(_batched(y, layer), where).movedim(1, 2).flatten(0, 1)


def inputs(x: Tensor, layer: Fittable, where: tuple[Tensor, ...]) -> Tensor:
    """(rows, in * kernel) of what enters the layer, in the order of its flattened weight."""
    if isinstance(layer, nn.Linear):
        return x.reshape(-1, x.shape[-1])[where]
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    x = F.pad(_batched(x, layer), layer._reversed_padding_repeated_twice, mode=mode)
    corner = [place * stride for place, stride in zip(where, layer.stride, strict=True)]
    taps = [
        _at(x, tuple(c + step * d for c, step, d in zip(corner, tap, layer.dilation, strict=True)))
        for tap in product(*(range(size) for size in layer.kernel_size))
    ]
    return torch.stack(taps, -1).movedim(1, 2).flatten(2).flatten(0, 1)


def _axes(layer: Convolution) -> int:
    return len(layer.kernel_size)


def _batched(x: Tensor, layer: Convolution) -> Tensor:
    """(examples, channels, *places): one example alone has no axis for it."""
    return x if x.dim() > _axes(layer) + 1 else x[None]


def _at(x: Tensor, where: tuple[Tensor, ...]) -> Tensor:
    """(examples, channels, places)."""
    index: list[slice | Tensor] = [slice(None), slice(None), *where]
    return x[tuple(index)]
