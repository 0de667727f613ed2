"""Which units answer nothing but a constant once their rows are masked, to layers that can take it over?

Masks of other tools zero only the rows that make a channel. What is added behind them stays: a bias, and
that of BatchNorm, through the activation. Where the next layers read a constant, their biases can have it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from secateur.core.groups import Group, Member
from secateur.core.masks import Masks
from secateur.surgery.answers import Inputs
from secateur.surgery.readers import Range, owner_of, recorded, role
from secateur.surgery.removal import positions

STEADY = 1e-6
"""A channel is constant where it varies by less, relative to its largest value."""


@dataclass(frozen=True)
class Silent:
    """Units whose makers are masked though something of them is left.

    Attributes:
        units: group -> (units,) True for those that can go.
        kept: group -> why others cannot.
    """

    units: Mapping[str, Tensor]
    kept: Mapping[str, str]


def silent_units(
    masked: nn.Module,
    masks: Masks,
    groups: Sequence[Group],
    removed: Mapping[str, Tensor],
    given: Sequence[Inputs],
) -> Silent:
    """Find units that only answer constants, to layers whose biases can take these over exactly.

    Args:
        masked: the network with zeros where the masks are.
        masks: of it.
        groups: of it.
        removed: group -> units of which the masks leave nothing.
        given: inputs to see on that a channel is constant.
    """
    found = {}
    for group in groups:
        muted = _muted(masked, masks, group) & ~removed[group.name]
        if bool(muted.any()):
            found[group.name] = muted
    if not found:
        return Silent({}, {})
    ranges = recorded(masked, groups, given)
    units, kept = {}, {}
    for group in groups:
        muted = found.get(group.name, torch.zeros(group.units, dtype=torch.bool)).clone()
        for unit in muted.nonzero().flatten().tolist():
            if reason := _stays(masked, masks, group, unit, ranges):
                muted[unit] = False
                kept[group.name] = f"{reason} (unit {unit})"
        if bool((muted | removed[group.name]).all()) and bool(muted.any()):
            muted[int(muted.nonzero()[-1])] = False
            kept[group.name] = "one unit must stay"
        units[group.name] = muted
    return Silent(units, kept)


def _muted(model: nn.Module, masks: Masks, group: Group) -> Tensor:
    """(units,) where all rows that make the unit are masked; there must be some."""
    muted = torch.ones(group.units, dtype=torch.bool)
    makers = [m for m in group.members if not m.buffer and role(model, m) == "maker"]
    for member in makers:
        muted &= _gone(masks, member)
    return muted if makers else torch.zeros_like(muted)


def _gone(masks: Masks, member: Member) -> Tensor:
    """(units,) where the masks leave nothing of the unit in one tensor."""
    if member.tensor not in masks.tensors:
        return torch.zeros(len(positions(member)), dtype=torch.bool)
    mask = masks.tensors[member.tensor].cpu().movedim(member.axis, 0)
    return ~mask.reshape(len(mask), -1).any(1)[positions(member)].any(1)


def _stays(
    masked: nn.Module, masks: Masks, group: Group, unit: int, ranges: Mapping[nn.Module, Range]
) -> str:
    """Why a muted unit cannot go, "" where it can."""
    for member in group.members:
        what = "vector" if member.buffer else role(masked, member)
        if what in ("maker", "vector") or bool(_gone(masks, member)[unit]):
            continue
        layer, path = owner_of(masked, member), member.tensor.rpartition(".")[0]
        if what == "other" or layer not in ranges:
            return f"{member.tensor} is read in a way whose constants cannot be moved into a bias"
        low, high = (side[positions(member)[unit]] for side in ranges[layer])
        if bool((high - low > STEADY * torch.maximum(low.abs(), high.abs())).any()):
            return f"{path} does not read a constant from it"
        if bool((high != 0).any()) and _pads_zeros(layer):
            return f"{path} pads with zeros, so that the constant counts less at the border"
    return ""


def _pads_zeros(module: Any) -> bool:
    if not isinstance(module, nn.modules.conv._ConvNd) or module.padding_mode != "zeros":
        return False
    return module.padding != "valid" and any(module.padding)  # "same" has letters
