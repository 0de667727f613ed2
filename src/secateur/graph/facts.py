"""What do all operators of a graph say about its axes, and what about axes that no tensor shows?"""

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import onnx_ir

from secateur.errors import CouplingError
from secateur.graph.relations import Axis, Fixed, Operator, Relation, Same, axes_of
from secateur.graph.rules import RULES
from secateur.graph.rules.recurrent import stacked
from secateur.graph.rules.shapes import OPEN, uneven
from secateur.graph.values import Values


@dataclass(frozen=True)
class Facts:
    """All relations, and the size of every axis they speak of."""

    relations: tuple[Relation, ...]
    sizes: dict[Axis, int]


def facts(graph: onnx_ir.Model, values: Values, parameters: Collection[str], seconds: float = 120.0) -> Facts:
    """Ask every operator's rule, once.

    Args:
        graph: of the network.
        values: of one run of it.
        parameters: tensors that can be cut; other constants can only shrink where they are uniform.
        seconds: after which to give up.

    Raises:
        CouplingError: the time is over.
    """
    until = time.monotonic() + seconds
    sizes = {(name, i): size for name, shape in values.shapes.items() for i, size in enumerate(shape)}
    found = [*_borders(graph, values), *_constants(graph, parameters)]
    own = (name for name in graph.graph.initializers if name in parameters)
    found += [Same((a, 1), (b, 1)) for a, b in stacked(own)]
    constant = {name for name, value in graph.graph.initializers.items() if not value.is_graph_input()}
    for node in graph.graph:
        if time.monotonic() > until:
            raise CouplingError(
                f"Reading the graph took more than {seconds:g} seconds; it has {len(graph.graph)} "
                "operators. Allow more time, or cut a part of the network at a time."
            )
        inputs = {value.name or "" for value in node.inputs if value is not None}
        if inputs <= constant:
            constant |= {value.name or "" for value in node.outputs}
        found += _said(Operator(node, values, frozenset(constant & inputs), sizes))
    return Facts(tuple(found), sizes)


def _said(op: Operator) -> Iterator[Relation]:
    """What the rule says, and that no axis goes of which it says nothing: that is not understood."""
    if op.node.domain not in ("", "ai.onnx") or op.node.op_type not in RULES:
        yield from _unknown(op)
    elif any(name and name not in op.values.shapes for name in (*op.inputs, *op.outputs)):
        yield from op.fix_all("reads or makes a value whose shape is not known")
    else:
        said = list(RULES[op.node.op_type](op))
        yield from said
        yield from _left_open(op, said)


def _unknown(op: Operator) -> Iterator[Relation]:
    """What has no rule, or holds a graph of its own, is not cut; nor is what that graph reads."""
    inner = [a.as_graph() for a in op.node.attributes.values() if a.type == onnx_ir.AttributeType.GRAPH]
    does = (
        "runs a part of the network only where data says so, which secateur does not follow"
        if inner
        else "is an operator that secateur does not follow"
    )
    yield from op.fix_all(does)
    for node in chain.from_iterable(graph.all_nodes() for graph in inner):
        for value in node.inputs:
            if value is not None and value.name:
                yield from op.fix(value.name, range(len(op.shape(value.name))), does)


def _left_open(op: Operator, said: Iterable[Relation]) -> Iterator[Relation]:
    if op.node.op_type in {*OPEN, "Expand"}:  # their rules leave axes open on purpose
        return
    spoken_of = set(chain.from_iterable(axes_of(relation) for relation in said))
    for name in dict.fromkeys((*op.inputs, *op.outputs)):
        for i, size in enumerate(op.shape(name)):
            if size > 1 and (name, i) not in spoken_of:
                yield from op.fix(name, [i], "treats its positions as one")


def _borders(graph: onnx_ir.Model, values: Values) -> Iterator[Relation]:
    """What the user gives and gets keeps its size."""
    for what, border in (("an input", graph.graph.inputs), ("an output", graph.graph.outputs)):
        for value in border:
            for i in range(len(values.shapes.get(value.name or "", ()))):
                yield Fixed((value.name or "", i), f"{value.name} is {what} of the network")


def _constants(graph: onnx_ir.Model, parameters: Collection[str]) -> Iterator[Relation]:
    """A constant that the code computes can follow a cut only where all its positions are alike."""
    for name, value in graph.graph.initializers.items():
        if name in parameters or value.const_value is None or value.const_value.size <= 1:
            continue
        for i in uneven(value.const_value.numpy()):
            yield Fixed((name, i), f"{name} is a constant of forward()")
