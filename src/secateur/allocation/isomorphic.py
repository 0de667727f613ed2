"""The least important units among groups of the same structure, the same fraction from every structure."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch

from secateur.allocation.global_rank import GlobalRank
from secateur.allocation.uniform import Uniform
from secateur.core.groups import Group, Member, ScoredGroup


@dataclass(frozen=True)
class Isomorphic:
    """Ranks isomorphic groups together (Fang et al., arXiv 2407.04616).

    Scores of unlike structures do not compare: a channel that a depthwise convolution shares has other
    scores than the hidden unit of an MLP, whatever they are worth. So every class of groups with the same
    members, but for their sizes, loses the same fraction of its units, the least important of the class.
    """

    def __call__(self, groups: Sequence[ScoredGroup], remove: int) -> dict[str, int]:
        """`remove` shared out over the classes, then by one ranking within each."""
        classes: dict[Hashable, list[ScoredGroup]] = {}
        for group in groups:
            classes.setdefault(_structure(group.group), []).append(group)
        wholes = [_as_one(str(number), alike) for number, alike in enumerate(classes.values())]
        shares = Uniform()(wholes, remove)
        counts: dict[str, int] = {}
        for whole, alike in zip(wholes, classes.values(), strict=True):
            counts |= GlobalRank()(alike, shares[whole.group.name])
        return counts


def _structure(group: Group) -> Hashable:
    """What isomorphic groups have in common."""
    return group.kind, tuple(sorted(_role(member) for member in group.members))


def _role(member: Member) -> tuple[str, int, int, int]:
    """(parameter's own name, axis, axes, span), of which single elements have only the number of axes."""
    if member.positions is None:
        return "", 0, len(member.shape), 0
    own_name = member.tensor.rpartition(".")[2]
    return own_name, member.axis, len(member.shape), member.positions.shape[1]


def _as_one(name: str, groups: Sequence[ScoredGroup]) -> ScoredGroup:
    """All units of a class as one group, for whoever counts classes."""
    return ScoredGroup(
        Group(name, sum(g.group.units for g in groups), ()),
        torch.cat([g.scores for g in groups]),
        sum(g.least for g in groups),
        sum(g.most for g in groups),
    )
