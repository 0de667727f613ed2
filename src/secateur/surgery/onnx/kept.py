"""Which positions of every axis of a graph stay when units go?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from secateur.core.groups import Group
from secateur.errors import SurgeryError
from secateur.graph.coupling import Coupling
from secateur.graph.relations import Axis
from secateur.graph.values import Values
from secateur.surgery.removal import positions

Stays = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Kept:
    """What a cut leaves of every value of a graph.

    Attributes:
        values: shapes and numbers of one run, before the cut.
        stays: axis -> (size,) whether each position stays, for each axis that loses some.
    """

    values: Values
    stays: Mapping[Axis, Stays]

    def positions(self, name: str, axis: int) -> Stays:
        """(size,) whether each position stays."""
        found = self.stays.get((name, axis))
        return np.ones(self.values.shapes[name][axis], bool) if found is None else found

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a value after the cut, on the same example."""
        sizes = enumerate(self.values.shapes[name])
        return tuple(int(self.stays[name, i].sum()) if (name, i) in self.stays else n for i, n in sizes)

    def loses(self, name: str) -> bool:
        """Whether any axis of a value does."""
        return any((name, i) in self.stays for i in range(len(self.values.shapes.get(name, ()))))


def kept(values: Values, coupling: Coupling, removed: Mapping[str, Tensor]) -> Kept:
    """Follow the removed units from the groups' members to every axis that has them.

    Args:
        values: of one run of the graph.
        coupling: of the graph, as `couple` found it with these values.
        removed: group -> (units,) bool.

    Raises:
        SurgeryError: all units of a group would go, or the coupling is that of another graph.
    """
    wanted = _gone_of_members(coupling.groups, removed)
    numbers = [coupling.labels[axis][gone] for axis, gone in wanted.items() if axis in coupling.labels]
    units = np.setdiff1d(np.concatenate([np.zeros(0, np.int64), *numbers]), [0])  # 0 is what cannot go
    found = {axis: np.isin(label, units) for axis, label in coupling.labels.items()}
    for (tensor, i), gone in wanted.items():
        if not np.array_equal(found.get((tensor, i), ~gone), gone):
            raise SurgeryError(
                f"{int(gone.sum())} positions of axis {i} of {tensor} were to go, which do not hang together "
                "in this graph. Expected the coupling that couple() found in this very graph."
            )
    return Kept(values, {axis: ~gone for axis, gone in found.items() if gone.any()})


def _gone_of_members(groups: Sequence[Group], removed: Mapping[str, Tensor]) -> dict[Axis, Stays]:
    """Axis of a member -> (size,) whether each position goes."""
    wanted: dict[Axis, Stays] = {}
    for group in groups:
        units = removed.get(group.name)
        if units is None or not bool(units.any()):
            continue
        if bool(units.all()):
            raise SurgeryError(
                f"All {group.units} units of {group.name} would go, and nothing would be left of its layers. "
                "Leave at least one."
            )
        for m in group.members:
            gone = wanted.setdefault((m.tensor, m.axis), np.zeros(m.shape[m.axis], bool))
            gone[positions(m)[units.cpu()].flatten().numpy()] = True
    return wanted
