"""How much of what the recipe counts is left when so many channels are gone?"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from torch import nn

from secateur.core.groups import Group
from secateur.graph.structure import Structure
from secateur.patterns.channels import channels_of
from secateur.recipe.recipe import Measure

Counts: TypeAlias = Mapping[str, int]
"""Group -> units that are gone."""
Shares: TypeAlias = Mapping[str, Mapping[int, Mapping[str, float]]]
"""Tensor -> axis -> group -> the part of the axis that one of its units is."""


@dataclass(frozen=True)
class Budget:
    """What a network costs, by what each of its tensors and each of its groups adds.

    Attributes:
        tensors: name -> what the whole tensor costs, or a product of two activations; a part costs its share.
        units: group -> what its units cost beside their tensors, all together.
        shares: how much of each tensor a unit is.
        sizes: group -> its units.
    """

    tensors: Mapping[str, float]
    units: Mapping[str, float]
    shares: Shares
    sizes: Counts

    @property
    def total(self) -> float:
        """Before any cut."""
        return sum(self.tensors.values()) + sum(self.units.values())

    def left(self, gone: Counts) -> float:
        """After so many units were cut; cuts along several axes of a tensor multiply."""
        left = 0.0
        for name, cost in self.tensors.items():
            for axis in self.shares.get(name, {}).values():
                cost *= 1 - sum(gone.get(group, 0) * share for group, share in axis.items())
            left += cost
        return left + sum(
            cost * (1 - gone.get(group, 0) / self.sizes[group]) for group, cost in self.units.items()
        )


def budget_of(
    measure: Measure,
    model: nn.Module,
    chosen: Collection[str],
    groups: Sequence[Group],
    structure: Structure,
) -> Budget:
    """What `measure` counts.

    Args:
        measure: of the recipe.
        model: the network before any cut.
        chosen: weights that the recipe may touch.
        groups: of the recipe's pattern.
        structure: of the network.
    """
    sizes = {name: float(p.numel()) for name, p in model.named_parameters()}
    widths = {group.name: group.units for group in groups}
    shares = _shares(groups)
    if measure == "weights":
        return Budget({name: sizes[name] for name in chosen}, {}, shares, widths)
    if measure == "parameters":
        return Budget(sizes, {}, shares, widths)
    if measure == "channels":
        return Budget({}, {g.name: float(g.units * channels_of(g)) for g in groups}, shares, widths)
    tensors: dict[str, float] = {}
    for cost in structure.costs:  # shared by the elements of its weights; attention's by its heads and block
        known = [name for name in cost.weights if name in sizes]
        elements = sum(sizes[name] for name in known)
        for name in known:
            tensors[name] = tensors.get(name, 0.0) + cost.multiply_adds * sizes[name] / elements
        if not known:
            tensors[product := f"product {cost.node}"] = float(cost.multiply_adds)
            owners = (structure.heads.get(cost.node), structure.blocks.get(cost.node))
            shares[product] = {i: {g: 1 / widths[g]} for i, g in enumerate(owners) if g in widths}
    return Budget(tensors, {}, shares, widths)


def _shares(groups: Sequence[Group]) -> dict[str, dict[int, dict[str, float]]]:
    shares: dict[str, dict[int, dict[str, float]]] = {}
    for group in groups:
        for m in group.members:
            assert m.positions is not None, "channels have positions"
            axis = shares.setdefault(m.tensor, {}).setdefault(m.axis, {})
            axis[group.name] = axis.get(group.name, 0.0) + m.positions.shape[1] / m.shape[m.axis]
    return shares
