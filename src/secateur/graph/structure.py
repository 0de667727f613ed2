"""What does a network's graph say of it: what can go, and what does it cost?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import onnx_ir
from onnx_ir.tensor_adapters import TorchTensor
from torch import Tensor, nn

from secateur.core.groups import Group
from secateur.errors import ExportError
from secateur.graph.blocks import blocks_of
from secateur.graph.cost import Cost, costs
from secateur.graph.coupling import Coupling, couple
from secateur.graph.inside import inside
from secateur.graph.trace import trace
from secateur.graph.values import Values, look
from secateur.graph.weights import no_values


@dataclass(frozen=True)
class Structure:
    """Of one network.

    Attributes:
        graph: of the network.
        values: of one run of it on the example inputs.
        coupling: what can go and what cannot, by the names that `named_parameters` gives.
        costs: multiply-adds of its operators.
        heads: operator that multiplies activations head by head -> the group that these heads are.
        blocks: operator -> the block that it goes with.
    """

    graph: onnx_ir.Model
    values: Values
    coupling: Coupling
    costs: tuple[Cost, ...]
    heads: Mapping[str, str]
    blocks: Mapping[str, str] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[Group, ...]:
        """What can go together."""
        return self.coupling.groups

    def with_coupling(self, coupling: Coupling) -> "Structure":
        """The same network, of which other groups can go."""
        return replace(self, coupling=coupling)


def structure_of(model: nn.Module, example_inputs: tuple[Tensor, ...]) -> Structure:
    """Trace a network, try its blocks, and find out.

    Raises:
        ExportError: the network cannot be traced, or a weight has no values yet.
        CouplingError: its channels cannot be followed.
    """
    if wrong := no_values(model.named_parameters()):
        raise ExportError(wrong)
    _refuse_others(example_inputs)
    graph = trace(model, example_inputs, any_batch=False)
    values = look(graph, [TorchTensor(x.detach().cpu()).numpy() for x in example_inputs])  # bfloat16, too
    parameters = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    buffers = [name for name, _ in model.named_buffers(remove_duplicate=False)]
    coupling = couple(graph, values, {*parameters, *buffers}, set(buffers))
    first = _first_names(model)
    groups = tuple(_renamed(group, first) for group in coupling.groups)
    spent = tuple(
        replace(cost, weights=tuple(first.get(name, name) for name in cost.weights))
        for cost in costs(graph, values)
    )
    coupling = replace(coupling, groups=groups)
    heads = heads_of(coupling, spent, first)
    blocks = tuple(_blocks(model, example_inputs, groups, spent))
    return Structure(
        graph,
        values,
        replace(coupling, groups=(*groups, *blocks)),
        spent,
        heads,
        inside(graph, {block.name for block in blocks}, {name: first[name] for name in parameters}),
    )


def _refuse_others(example_inputs: Iterable[object]) -> None:
    odd = [type(given).__name__ for given in example_inputs if not isinstance(given, Tensor)]
    if odd:
        raise ExportError(
            f"example_inputs holds {', '.join(odd)}. Expected a tuple of tensors, the positional inputs of "
            "one forward call. Leave out what has a default; for others, wrap the network in a module whose "
            "forward takes tensors alone."
        )


def _blocks(
    model: nn.Module, example_inputs: tuple[Tensor, ...], groups: Sequence[Group], costs: Sequence[Cost]
) -> Iterator[Group]:
    """Blocks that multiply by weights of theirs: what only adds a position, say, is none."""
    multiplied = {name for cost in costs for name in cost.weights}
    taken = {group.name for group in groups}
    for block in blocks_of(model, example_inputs):
        if block.name not in taken and not multiplied.isdisjoint(m.tensor for m in block.members):
            yield block


def heads_of(coupling: Coupling, costs: Sequence[Cost], names: Mapping[str, str]) -> dict[str, str]:
    """Products of two activations that are smaller by the heads that go -> the group of these."""
    labels = {(names.get(name, name), axis): label for (name, axis), label in coupling.labels.items()}
    units: dict[str, set[int]] = {}
    for (name, _), label in labels.items():
        units.setdefault(name, set()).update(label.tolist())
    owner = {
        int(labels[m.tensor, m.axis][m.positions[0, 0]]): group.name
        for group in coupling.groups
        for m in group.members
        if m.positions is not None
    }
    return {
        cost.node: group
        for cost in costs
        if not cost.weights
        for group in {owner[unit] for name in cost.inputs for unit in units.get(name, set()) & owner.keys()}
    }


def _first_names(model: nn.Module) -> dict[str, str]:
    """Every name of a tied tensor -> the one that `named_parameters` gives."""
    first: dict[int, str] = {}
    every = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    return {name: first.setdefault(id(tensor), name) for name, tensor in every}


def _renamed(group: Group, names: dict[str, str]) -> Group:
    members = tuple(replace(m, tensor=names.get(m.tensor, m.tensor)) for m in group.members)
    return replace(group, members=members)
