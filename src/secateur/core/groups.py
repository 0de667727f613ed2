"""What can be removed together: groups of units.

A *unit* is the smallest thing a pattern removes: one weight, one block, the `of - keep` smallest of
every `of` weights, one channel with all that reads and writes it. A *group* is the units that are counted
together, for instance those of one layer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Kind = Literal["elements", "channels", "heads", "layers"]


@dataclass(frozen=True, eq=False)  # tensors have no one truth value
class Member:
    """One tensor's share in a group.

    Attributes:
        tensor: name of a parameter or buffer.
        shape: of it.
        axis: along which its positions go.
        positions: (units, span) unit i owns `positions[i]` along `axis`; None where the pattern knows
            better which elements are the unit's.
        buffer: whether it is a buffer, which is cut but neither scored nor masked.
    """

    tensor: str
    shape: tuple[int, ...]
    axis: int = 0
    positions: Tensor | None = None
    buffer: bool = False


@dataclass(frozen=True, eq=False)
class Group:
    """`units` things that can be removed one at a time; removing one touches every member."""

    name: str
    units: int
    members: tuple[Member, ...]
    kind: Kind = "elements"


@dataclass(frozen=True)
class ScoredGroup:
    """A group with what an allocation needs to know to share out the removals.

    Attributes:
        group: the group.
        scores: (units,) importance of each unit; -inf for units that are already removed.
        least: units that are already removed and stay so (masks are nested along a schedule).
        most: units that may go at most, so that the floor stays.
        cost: what one unit takes along of what the recipe counts, before any other has gone.
    """

    group: Group
    scores: Tensor
    least: int
    most: int
    cost: float = 1.0


def another(members: Iterable[Member], tensors: Mapping[str, Tensor]) -> str:
    """Which of these tensors is another one in this network, in words; "" where none is."""
    for member in members:
        shape = tuple(tensors[member.tensor].shape) if member.tensor in tensors else None
        if shape != member.shape:
            return (
                f"{member.tensor} of shape {member.shape}, which in this network "
                f"{f'has shape {shape}' if shape else 'does not exist'}"
            )
    return ""
