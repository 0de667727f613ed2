"""What can be removed together: groups of units.

A *unit* is the smallest thing a pattern removes: one weight, one block, the `of - keep` smallest of
every `of` weights. A *group* is the units that are counted together, for instance those of one layer.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Member:
    """One tensor's share in a group: the parameter's name and shape."""

    tensor: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """`units` things that can be removed one at a time; removing one touches every member."""

    name: str
    units: int
    members: tuple[Member, ...]


@dataclass(frozen=True)
class ScoredGroup:
    """A group with what an allocation needs to know to share out the removals.

    Attributes:
        group: the group.
        scores: (units,) importance of each unit; -inf for units that are already removed.
        least: units that are already removed and stay so (masks are nested along a schedule).
        most: units that may go at most, so that the floor stays.
    """

    group: Group
    scores: Tensor
    least: int
    most: int
