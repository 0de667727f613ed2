"""Whole channels go, with everything that makes and reads them: the network becomes narrower."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from secateur.core.groups import Group, Member
from secateur.core.protocols import Scores
from secateur.core.select import lowest
from secateur.errors import RecipeError

Pool = Literal["sum", "mean", "max", "l2"]


@dataclass(frozen=True)
class Channels:
    """Coupled channels and attention heads (DepGraph, arXiv 2301.12900).

    A unit is a channel: rows of the layers that make it, its biases and normalisation, columns of the layers
    that read it. Where GroupNorm or a grouped convolution ties channels together, a unit is several of them.
    Attention heads go whole, with the key and value heads that they share.

    Attributes:
        pool: how the scores of a channel's elements become one: their "sum", "mean", "max" or root of the
            sum of squares, "l2".
        relative: scores are divided by their group's mean, so that layers of other scales compare.
        round_to: widths that are left are multiples of this, since kernels compute that many channels at
            a time; layers no wider than that are not rounded. Heads never are.
        minimum: channels that stay in every layer.
    """

    pool: Pool = "mean"
    relative: bool = True
    round_to: int = 8
    minimum: int = 1

    ceiling = 1.0

    def __post_init__(self) -> None:
        if self.pool not in get_args(Pool):
            raise RecipeError(f"pool = {self.pool!r} is unknown. Known: {', '.join(get_args(Pool))}.")
        for name in ("round_to", "minimum"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} = {getattr(self, name)}: expected at least 1.")

    def select(self, groups: Sequence[Group]) -> list[Group]:
        """Channels and heads."""
        return [group for group in groups if group.kind in ("channels", "heads")]

    def units(self, group: Group, scores: Scores) -> Tensor:
        """(units,) pooled scores; elements that are gone do not count, and -inf where none is left."""
        members = [m for m in group.members if m.tensor in scores]
        alive = {m.tensor: ~torch.isneginf(scores[m.tensor]) for m in members}
        values = [_along(scores[m.tensor].double().where(alive[m.tensor], 0), m) for m in members]
        counts = torch.stack([_along(alive[m.tensor].double(), m).sum(dim=(1, 2)) for m in members]).sum(
            dim=0
        )
        if self.pool == "max":
            pooled = torch.stack([v.amax(dim=(1, 2)) for v in values]).amax(dim=0)
        elif self.pool == "l2":
            pooled = torch.stack([v.square().sum(dim=(1, 2)) for v in values]).sum(dim=0).sqrt()
        else:
            pooled = torch.stack([v.sum(dim=(1, 2)) for v in values]).sum(dim=0)
        if self.pool == "mean":
            pooled = pooled / counts.clamp(min=1)
        if self.relative:
            pooled = pooled / pooled[counts > 0].mean().clamp(min=torch.finfo(pooled.dtype).tiny)
        return pooled.masked_fill(counts == 0, -torch.inf)

    def masks(self, group: Group, scores: Scores, units: Tensor, remove: int) -> dict[str, Tensor]:
        """The `remove` lowest channels go from every member."""
        gone = lowest(units, remove)
        masks: dict[str, Tensor] = {}
        for m in group.members:
            if not m.buffer:
                assert m.positions is not None, "channels have positions"
                mask = masks.setdefault(m.tensor, torch.ones(m.shape, dtype=torch.bool, device=units.device))
                mask.index_fill_(m.axis, m.positions.to(units.device)[gone].flatten(), False)
        return masks

    def rounded(self, group: Group, remove: int) -> int:
        """The nearest number of units to remove that leaves a width which kernels like, or the whole one."""
        least = min(self.minimum, group.units)
        keep = max(least, group.units - remove)
        step = self._step(group)
        if group.units > step:
            below, above = keep - keep % step, min(group.units, keep + -keep % step)
            keep = below if below >= max(least, 1) and keep - below < above - keep else above
        return group.units - keep

    def _step(self, group: Group) -> int:
        """Units that make up `round_to` channels, 1 for heads."""
        if group.kind == "heads":
            return 1
        span = min(m.positions.shape[1] for m in group.members if m.positions is not None)
        return self.round_to // math.gcd(self.round_to, span)


@dataclass(frozen=True)
class Heads:
    """Attention heads only, as `Channels` removes them (Michel et al., arXiv 1905.10650).

    Attributes:
        pool: how the scores of a head's elements become one, see `Channels`.
        relative: likewise.
        minimum: heads that stay in every attention layer.
    """

    pool: Pool = "mean"
    relative: bool = True
    minimum: int = 1

    ceiling = 1.0

    def __post_init__(self) -> None:
        self._channels  # noqa: B018 - its checks are these

    @property
    def _channels(self) -> Channels:
        return Channels(self.pool, self.relative, round_to=1, minimum=self.minimum)

    def select(self, groups: Sequence[Group]) -> list[Group]:
        """Heads."""
        return [group for group in groups if group.kind == "heads"]

    def units(self, group: Group, scores: Scores) -> Tensor:
        """(heads,) pooled scores."""
        return self._channels.units(group, scores)

    def masks(self, group: Group, scores: Scores, units: Tensor, remove: int) -> dict[str, Tensor]:
        """The `remove` lowest heads go."""
        return self._channels.masks(group, scores, units, remove)

    def rounded(self, group: Group, remove: int) -> int:
        """So many that the minimum stays."""
        return self._channels.rounded(group, remove)


def channels_of(group: Group) -> int:
    """How many channels one unit is, by the layers that make them; a head and a block count as one."""
    if group.kind != "channels":
        return 1
    rows = {m.tensor for m in group.members if m.axis == 0 and len(m.shape) > 1 and not m.buffer}
    # A recurrent weight has a row for each gate of a channel, and is among the columns once.
    makers = [m for m in group.members if m.tensor in rows] or group.members
    return min(m.positions.shape[1] for m in makers if m.positions is not None)


def _along(tensor: Tensor, member: Member) -> Tensor:
    """(units, span, rest) what each unit owns of a tensor."""
    assert member.positions is not None, "channels have positions"
    rows = tensor.movedim(member.axis, 0).reshape(tensor.shape[member.axis], -1)
    return rows[member.positions.to(tensor.device)]
