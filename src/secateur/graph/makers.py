"""Which layer makes the channels of a unit, and where in the network?"""

from collections.abc import Iterable, Mapping

import numpy as np
import onnx_ir

from secateur.graph.naming import weight_of
from secateur.graph.relations import Axis, Positions


def makers(
    graph: onnx_ir.Model, labels: Mapping[Axis, Positions], units: Iterable[int]
) -> dict[int, tuple[int, str]]:
    """Unit -> (place in the graph, weight) of the first operator that answers it without being given it.

    Args:
        graph: of the network.
        labels: axis of a value -> the unit of each of its positions.
        units: those to look for; others are left out, as are those that no operator makes of a weight.
    """
    carried = _carried(labels, list(units))
    constant = {name for name, value in graph.graph.initializers.items() if not value.is_graph_input()}
    found: dict[int, tuple[int, str]] = {}
    for place, node in enumerate(graph.graph):
        inputs = [value for value in node.inputs if value is not None]
        outputs = {value.name or "" for value in node.outputs}
        if all(value.name in constant for value in inputs):
            constant |= outputs
            continue
        given = [carried.get(value.name or "", set()) for value in inputs if value.name not in constant]
        made = set().union(*(carried.get(name, set()) for name in outputs)).difference(*given)
        for value in inputs:
            if value.name in constant:
                for unit in made & carried.get(value.name or "", set()):
                    found.setdefault(unit, (place, weight_of(value)))
    return found


def _carried(labels: Mapping[Axis, Positions], units: list[int]) -> dict[str, set[int]]:
    """Value -> the wanted units that any of its axes has. Axes of one class share their array."""
    wanted = np.zeros(1 + max((int(label.max()) for label in labels.values()), default=0), bool)
    wanted[units] = True
    known: dict[int, set[int]] = {}
    carried: dict[str, set[int]] = {}
    for (name, _), label in labels.items():
        if id(label) not in known:
            known[id(label)] = set(label[wanted[label]].tolist())
        carried[name] = carried.get(name, set()) | known[id(label)]
    return carried
