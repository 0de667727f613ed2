"""Which assignments compute the outputs of a graph?"""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir

from secateur.emit.expressions import (
    ANY,
    Expr,
    Local,
    Variable,
    attribute,
    literal,
    local,
    pieces_of,
    subscript,
)
from secateur.emit.rules import RULES
from secateur.emit.site import DEVICE, Book, Several, Site, Targets


@dataclass(frozen=True)
class Step:
    """`targets = code`; what has no targets is returned."""

    targets: Targets
    code: Expr

    @property
    def assigned(self) -> list[Variable]:
        """All variables among the targets."""
        return list(variables_in(self.targets))

    @property
    def read(self) -> list[Variable]:
        """All variables in the code, as often as they are there, in reading order."""
        return [piece.variable for piece in pieces_of(self.code) if isinstance(piece, Local)]


def variables_in(targets: Targets) -> Iterator[Variable]:
    """All of them, without the nesting."""
    if isinstance(targets, Variable):
        yield targets
    else:
        for target in targets:
            yield from variables_in(target)


def write_steps(graph: onnx_ir.Graph, book: Book) -> list[Step]:
    """The assignments in the graph's order, and what is returned; each is needed.

    Raises:
        ExportError: an operator has no plain form.
    """
    first = local(graph.inputs[0].name or "") if graph.inputs else literal(())
    steps = [Step(DEVICE, attribute(first, "device"))]
    for name, (value, axis) in book.sizes.free.items():
        steps.append(Step(Variable(name, "size"), subscript(attribute(local(value), "shape"), axis)))
    steps += [step for node in graph if (step := _step(node, book))]
    return _needed([*steps, Step((), _returned(graph, book))])


def _step(node: onnx_ir.Node, book: Book) -> Step | None:
    """What a node does; None where it computes sizes, which are written where they are used."""
    if book.sizes.of(node.outputs[0]) is not None:
        return None
    site = Site(node, book)
    if node.domain or node.op_type not in RULES:
        site.refuse("it is not among the operators that emit-python knows")
    code = RULES[node.op_type](site)
    if isinstance(code, Several):
        return Step(code.targets, code.code)
    if any(value.uses() or value.is_graph_output() for value in node.outputs[1:]):
        site.refuse("something reads its second output")
    return Step(Variable(node.outputs[0].name or ""), code)


def _returned(graph: onnx_ir.Graph, book: Book) -> Expr:
    """One output as it is, several as a tuple."""
    reader = onnx_ir.Node("", "Return", list(graph.outputs), num_outputs=1)
    outputs = [Site(reader, book).tensor(index) for index in range(len(graph.outputs))]
    commas = [piece for output in outputs for piece in (", ", *output.pieces)]
    return Expr(tuple(commas[1:]), ANY)


def _needed(steps: list[Step]) -> list[Step]:
    """Without the assignments that nothing reads."""
    read: set[Variable] = set()
    kept = []
    for step in reversed(steps):
        if step.targets == () or not read.isdisjoint(step.assigned):
            kept.append(step)
            read.update(step.read)
    return kept[::-1]
