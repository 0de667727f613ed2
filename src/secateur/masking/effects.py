"""What would one channel of each group take along?"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from secateur.core.groups import Group
from secateur.graph.structure import Structure
from secateur.masking.budget import budget_of

BYTES = 4  # of a float32 weight in a dense file


@dataclass(frozen=True)
class Effect:
    """Of removing one unit of a group, while the others are whole.

    Attributes:
        group: it belongs to.
        parameters: that go.
        multiply_adds: of one forward call that go, for the batch of the example.
        bytes: of a dense float32 file that go.
    """

    group: Group
    parameters: int
    multiply_adds: int
    bytes: int


def effects(model: nn.Module, structure: Structure) -> Iterator[Effect]:
    """For every group of the network."""
    groups = structure.coupling.groups
    sizes = budget_of("parameters", model, (), groups, structure)
    work = budget_of("multiply_adds", model, (), groups, structure)
    for group in groups:
        one = {group.name: 1}
        parameters = round(sizes.total - sizes.left(one))
        yield Effect(group, parameters, round(work.total - work.left(one)), BYTES * parameters)
