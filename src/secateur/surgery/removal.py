"""Which units do masks remove, and which positions of which tensor stay?"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from secateur.core.groups import Group, Member
from secateur.core.masks import Masks
from secateur.errors import SurgeryError

Kept = dict[str, dict[int, Tensor]]
"""Tensor -> axis -> the positions that stay, in order; what is not named stays whole."""


def removed_units(groups: Iterable[Group], masks: Masks) -> dict[str, Tensor]:
    """Group -> (units,) True where the masks leave nothing of the unit in any tensor.

    Buffers have no masks, they follow. A parameter without a mask stays whole, and its units with it.

    Raises:
        SurgeryError: a mask has another shape than the groups say.
    """
    left: dict[tuple[str, int], Tensor] = {}
    return {group.name: _gone(group, masks, left) for group in groups}


def _gone(group: Group, masks: Masks, left: dict[tuple[str, int], Tensor]) -> Tensor:
    gone = torch.ones(group.units, dtype=torch.bool)
    for member in group.members:
        if not member.buffer:
            gone &= ~_left(member, masks, left)[positions(member)].any(1)
    return gone


def _left(member: Member, masks: Masks, known: dict[tuple[str, int], Tensor]) -> Tensor:
    """(size,) whether a position along the member's axis has an element that stays."""
    key = (member.tensor, member.axis)
    if key not in known:
        mask = masks.tensors.get(member.tensor)
        if mask is None:
            return torch.ones(member.shape[member.axis], dtype=torch.bool)
        if tuple(mask.shape) != member.shape:
            raise SurgeryError(
                f"The mask of {member.tensor} has shape {tuple(mask.shape)}, the groups were found for "
                f"{member.shape}. Pass masks and groups that were found for this very network."
            )
        known[key] = mask.cpu().movedim(member.axis, 0).reshape(mask.shape[member.axis], -1).any(1)
    return known[key]


def positions(member: Member) -> Tensor:
    """(units, span) of a member of channels or heads, which always has them."""
    if member.positions is None:
        raise SurgeryError(
            f"The group of {member.tensor} has no positions: only channels and heads can be cut. "
            "Expected groups of secateur.graph.coupling.couple."
        )
    return member.positions


def masks_without(groups: Iterable[Group], removed: Mapping[str, Tensor]) -> Masks:
    """Masks that remove exactly these units."""
    tensors: dict[str, Tensor] = {}
    for group in groups:
        for member in group.members:
            if not member.buffer:
                mask = tensors.setdefault(member.tensor, torch.ones(member.shape, dtype=torch.bool))
                mask.index_fill_(member.axis, positions(member)[removed[group.name]].flatten(), False)
    return Masks(tensors)


def kept_positions(groups: Iterable[Group], removed: Mapping[str, Tensor]) -> Kept:
    """What stays of every tensor that loses something.

    Raises:
        SurgeryError: nothing would be left of a group or an axis.
    """
    stays: dict[tuple[str, int], Tensor] = {}
    for group in groups:
        gone = removed[group.name]
        if bool(gone.all()):
            raise SurgeryError(
                f"The masks remove all {group.units} units of {group.name}, and with them the network's "
                "path through it. Expected at least one that stays: raise the floor, or skip the layer."
            )
        for member in group.members if bool(gone.any()) else ():
            key = (member.tensor, member.axis)
            flags = stays.setdefault(key, torch.ones(member.shape[member.axis], dtype=torch.bool))
            flags[positions(member)[gone].flatten()] = False
    kept: Kept = {}
    for (tensor, axis), flags in stays.items():
        kept.setdefault(tensor, {})[axis] = flags.nonzero().flatten()
    return kept
