"""Which assignments are read better as one?

What is read once is written where it is read, as long as a line stays short and does one heavy thing: a layer
with its normalisation and activation is one line, two convolutions are two.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from secateur.emit.expressions import (
    ATOM,
    Brackets,
    Expr,
    Held,
    Local,
    Named,
    Piece,
    Variable,
    pieces_of,
    within,
)
from secateur.emit.layout import flat
from secateur.emit.steps import Step

LONGEST = 70  # characters of code on a line


def join(steps: list[Step]) -> list[Step]:
    """The same computation in fewer, longer steps."""
    reads = Counter(variable for step in steps for variable in step.read)
    pending: dict[Variable, Expr] = {}
    joined: list[Step] = []
    for step in steps:
        here = [variable for variable in pending if variable in step.read]
        apart = _apart(step, {variable: pending[variable] for variable in here})
        joined += [Step(variable, pending.pop(variable)) for variable in apart]
        code = _filled(step.code, {name: pending.pop(name) for name in here if name in pending})
        if isinstance(step.targets, Variable) and reads[step.targets] == 1:
            pending[step.targets] = code
        else:
            joined.append(Step(step.targets, code))
    return joined


def _apart(step: Step, pending: Mapping[Variable, Expr]) -> list[Variable]:
    """What is to be a step of its own before this one, in its order."""
    if len(step.code.pieces) == 1 and step.read:
        return []  # what is only passed on needs no name of its own
    heavy = [variable for variable, code in pending.items() if code.heavy]
    receivers = {p.variable for p in pieces_of(step.code) if isinstance(p, Local) and p.rank == ATOM}
    apart = {variable for variable in heavy if variable in receivers}
    apart |= set(heavy if step.code.heavy else heavy[:-1])
    apart |= set(pending if step.targets == () and len(step.read) > 1 else ())
    while len(flat(_filled(step.code, _without(pending, apart)), _approximately)) > LONGEST:
        left = _without(pending, apart)
        if not left:
            break
        apart.add(max(left, key=lambda variable: len(flat(left[variable], _approximately))))
    return [variable for variable in pending if variable in apart]


def _without(pending: Mapping[Variable, Expr], apart: set[Variable]) -> dict[Variable, Expr]:
    return {variable: code for variable, code in pending.items() if variable not in apart}


def _filled(code: Expr, known: Mapping[Variable, Expr]) -> Expr:
    """The code with other code for some of its variables."""
    match code.pieces:
        case (Local(variable, rank),) if variable in known:
            return within(known[variable], rank)
    parts = [_piece_filled(piece, known) for piece in code.pieces]
    pieces = tuple(piece for part in parts for piece in part.pieces)
    return Expr(pieces, code.rank, code.heavy or any(part.heavy for part in parts))


def _piece_filled(piece: Piece, known: Mapping[Variable, Expr]) -> Expr:
    if isinstance(piece, Local) and piece.variable in known:
        return within(known[piece.variable], piece.rank)
    if not isinstance(piece, Brackets):
        return Expr((piece,))
    items = tuple(_filled(item, known) for item in piece.items)
    return Expr((replace(piece, items=items),), heavy=any(item.heavy for item in items))


def _approximately(piece: Named) -> str:
    """About as long as its name will be."""
    if isinstance(piece, Local):
        return "x"
    path = tuple(piece.initializer.split(".")) if isinstance(piece, Held) else piece.path
    return ".".join(("block", *(path[2:] if len(path) > 2 else path)))  # most are in a block
