"""What do recurrent layers say? All gates of a hidden unit go together, in both directions."""

import re
from collections.abc import Iterable, Iterator

from secateur.graph.relations import Axis, Operator, Product, Relation, Rule, Same

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STACKED = re.compile(r"(.*)weight_hh_l\d+(_reverse)?")


def recurrent(op: Operator) -> Iterator[Relation]:
    """X (T, B, I), W (D, gates * H, I), R (D, gates * H, H), B (D, 2 * gates * H) -> Y (T, D, B, H)."""
    x, w, r, b = (op.input(i) for i in range(4))
    if int(op.attribute("layout", 0)) or op.input(7):
        yield from op.fix_all("has a layout or peepholes that are not understood")
        return
    gates, hidden = GATES[op.node.op_type], int(op.attribute("hidden_size"))
    unit = op.factor("hidden", hidden)
    yield from op.same((x, 2), (w, 2))
    for name, copies in ((w, gates), (r, gates), (b, 2 * gates)):
        if name:
            yield from _gated(op, (name, 1), copies, unit)
    yield Same((r, 2), unit)
    for state in (op.input(5), op.input(6), *op.outputs):
        if state:
            yield Same((state, len(op.shape(state)) - 1), unit)
    yield from _places(op, x)


def _gated(op: Operator, flat: Axis, copies: int, unit: Axis) -> Iterator[Relation]:
    if copies == 1:
        yield Same(flat, unit)
        return
    gate = op.factor(f"gates of {flat[0]}", copies)
    yield from op.fix(gate[0], [0], f"has {copies} gates")
    yield Product(flat, (gate, unit))


def _places(op: Operator, x: str) -> Iterator[Relation]:
    """Time and direction are fixed; examples pass."""
    yield from op.fix(x, [0], "steps along it")
    for name in filter(None, op.inputs[1:4]):
        yield from op.fix(name, [0], "keeps its directions")
    for name in filter(None, (op.input(5), op.input(6), *op.outputs[1:])):
        yield from op.fix(name, [0], "keeps its directions")
        yield from op.same((x, 1), (name, 1))
    if op.input(4):
        yield from op.same((x, 1), (op.input(4), 0))
    if op.outputs[0]:
        yield from op.fix(op.outputs[0], [0, 1], "steps along it, in its directions")
        yield from op.same((x, 1), (op.outputs[0], 2))


def stacked(parameters: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Weights of one torch.nn.GRU, LSTM or RNN whose layers have one hidden_size for all."""
    first: dict[str, str] = {}
    for name in parameters:
        found = STACKED.fullmatch(name)
        if found and first.setdefault(found[1], name) != name:
            yield first[found[1]], name


RECURRENT: dict[str, Rule] = dict.fromkeys(GATES, recurrent)
