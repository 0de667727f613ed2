"""Which channels of which tensors can only be removed together?

Facts about axes come from `secateur.graph.rules`; `secateur.graph.space` connects positions to units, and
`secateur.graph.units` makes groups with names of them. All of it is linear in the size of the graph.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from secateur.core.groups import Group
from secateur.graph.facts import facts
from secateur.graph.makers import makers
from secateur.graph.reasons import nearest_causes
from secateur.graph.relations import Axis, Positions
from secateur.graph.space import Space
from secateur.graph.units import Width, fixed_widths, groups_of
from secateur.graph.values import Values


@dataclass(frozen=True)
class Coupling:
    """What can go, and what cannot.

    Attributes:
        groups: of channels and heads, in the order of the network.
        fixed: widths of weights that cannot change, and why.
        labels: axis of any value of the graph -> the unit that each of its positions belongs to, 0 for
            those that stay; axes of which no position can go are left out.
    """

    groups: tuple[Group, ...]
    fixed: tuple[Width, ...]
    labels: Mapping[Axis, Positions] = field(default_factory=dict, repr=False, compare=False)


def couple(
    graph: onnx_ir.Model,
    values: Values,
    parameters: Collection[str] | None = None,
    buffers: Collection[str] = (),
    seconds: float = 120.0,
) -> Coupling:
    """Find everything that can be removed from a network without changing what the rest computes.

    Args:
        graph: of the network.
        values: of one run of it.
        parameters: names of the tensors that can be cut; None: all initializers.
        buffers: those of them that are cut but neither scored nor masked.
        seconds: after which to give up.

    Raises:
        CouplingError: the time is over.
    """
    known = set(graph.graph.initializers if parameters is None else parameters)
    found = facts(graph, values, known, seconds)
    space = Space(found)
    space.choose()
    by_class = space.labels()
    axes = ((name, i) for name, shape in values.shapes.items() for i in range(len(shape)))
    labels = {axis: by_class[c] for axis in axes if (c := space.classes.find(axis)) in by_class}
    tensors = [name for name in graph.graph.initializers if name in known]
    read = _read(graph, labels)
    own = {
        (name, i): labels[name, i] * read[labels[name, i]]
        for name in tensors
        for i in range(len(values.shapes[name]))
        if (name, i) in labels
    }
    heads = space.separate_units(by_class)
    groups = groups_of(own, values.shapes, heads, set(buffers), partial(makers, graph, labels))
    reason = nearest_causes(found, space, by_class)
    return Coupling(groups, fixed_widths(groups, tensors, values.shapes, reason), labels)


def _read(graph: onnx_ir.Model, labels: Mapping[Axis, Positions]) -> NDArray[np.bool_]:
    """(units + 1,) True for those that an operator's output has.

    Others are not read in this run, but may be in another: places that its sequence is too short for.
    """
    made = {value.name for node in graph.graph for value in node.outputs}
    read = np.zeros(1 + max((int(label.max()) for label in labels.values()), default=0), bool)
    for (name, _), label in labels.items():
        if name in made:
            read[label] = True
    return read
