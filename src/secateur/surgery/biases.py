"""How do biases take over the constants that layers read from silent units?"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from secateur.core.groups import Group
from secateur.surgery.answers import Inputs
from secateur.surgery.constants import Silent
from secateur.surgery.journal import Journal
from secateur.surgery.readers import Range, owner_of, recorded, role
from secateur.surgery.removal import positions
from secateur.surgery.slicing import without_subnormals


@torch.no_grad()
def worth(
    masked: nn.Module, groups: Sequence[Group], silent: Silent, given: Sequence[Inputs]
) -> dict[str, Tensor]:
    """Layer -> (out,) what the constants that it reads from silent units add to its answer."""
    if not any(bool(units.any()) for units in silent.units.values()):
        return {}
    ranges = recorded(masked, groups, given)
    added: dict[nn.Module, dict[str, Tensor]] = {}  # by group: a module of two names is one
    for group in groups:
        units = silent.units[group.name]
        for member in group.members if bool(units.any()) else ():
            layer = owner_of(masked, member)
            if not member.buffer and role(masked, member) == "reader" and layer in ranges:
                more = _read(layer, positions(member)[units].flatten(), ranges[layer])
                added.setdefault(layer, {})[group.name] = more
    paths = {module: path for path, module in masked.named_modules()}
    return {paths[layer]: sum(every.values(), torch.zeros(())) for layer, every in added.items()}


def _read(layer: nn.Module, columns: Tensor, bounds: Range) -> Tensor:
    """(out,) what a layer makes of constant columns."""
    low, high = (side[columns] for side in bounds)
    weight = layer.get_parameter("weight").detach().double().cpu()[:, columns]
    return weight.flatten(2).sum(2) @ ((low + high) / 2) if weight.dim() > 2 else weight @ ((low + high) / 2)


@torch.no_grad()
def move_into_biases(
    model: nn.Module,
    added: Mapping[str, Tensor],
    kept: Mapping[str, Mapping[int, Tensor]],
    optimizers: Sequence[Optimizer],
    journal: Journal,
) -> None:
    """Add to biases, which are cut already; a layer without one gets one, and its optimizer learns of it."""
    for path, every in added.items():
        layer: Any = model.get_submodule(path)
        rows = kept.get(f"{path}.weight", {}).get(0)
        more = (every if rows is None else every[rows]).to(layer.weight)
        if layer.bias is not None:
            layer.bias.copy_(without_subnormals(layer.bias + more))
            continue
        bias = nn.Parameter(without_subnormals(more), requires_grad=layer.weight.requires_grad)
        journal.add(partial(layer._parameters.__setitem__, "bias", None))
        layer.bias = bias
        for optimizer in optimizers:
            _train_too(optimizer, layer.weight, bias, journal)


def _train_too(optimizer: Optimizer, weight: Tensor, bias: Tensor, journal: Journal) -> None:
    """A new parameter goes where the weight of its layer is."""
    for group in optimizer.param_groups:
        before = list(group["params"])
        place = next((i for i, parameter in enumerate(before) if parameter is weight), None)
        if place is not None:
            if names := group.get("param_names"):
                journal.add(partial(group.__setitem__, "param_names", names))
                group["param_names"] = [*names, f"{names[place].removesuffix('weight')}bias"]
            journal.add(partial(group.__setitem__, "params", before))
            journal.add(lambda: optimizer.state.pop(bias, None))
            group["params"] = [*before, bias]
