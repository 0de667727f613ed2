"""How is a statement laid out in lines that are not too long?

As `ruff format` does it: all on one line; else what is in the last brackets on a line of its own; else one
item on each line, with a comma behind it.
"""

from collections.abc import Callable

from secateur.emit.expressions import OPERATORS, Brackets, Expr, Named, Piece

WIDTH = 88
Words = Callable[[Named], str]
"""The text of a variable or an attribute."""


def flat(expression: Expr, words: Words) -> str:
    """On one line."""
    return "".join(_flat(piece, words) for piece in expression.pieces)


def statement(before: str, expression: Expr, words: Words, indent: int = 8) -> list[str]:
    """`before` and the expression, for instance `x = self.conv(x)`, in as few lines as fit."""
    return _lines(before, expression, "", words, indent)


def _flat(piece: Piece, words: Words) -> str:
    if isinstance(piece, Brackets):
        return piece.opening + ", ".join(flat(item, words) for item in piece.items) + piece.closing
    return piece if isinstance(piece, str) else words(piece)


def _lines(before: str, expression: Expr, after: str, words: Words, indent: int) -> list[str]:
    pad = " " * indent
    whole = f"{pad}{before}{flat(expression, words)}{after}"
    last = expression.pieces[-1]
    if len(whole) <= WIDTH:
        return [whole]
    if not isinstance(last, Brackets) or not last.items or len(_operands(expression)) > (2 if before else 1):
        return _in_parentheses(before, expression, after, words, indent)
    head = before + "".join(_flat(piece, words) for piece in expression.pieces[:-1])
    if before and len(pad + head) >= WIDTH:
        return _in_parentheses(before, expression, after, words, indent)
    return [
        f"{pad}{head}{last.opening}",
        *_between(last, words, indent + 4),
        f"{pad}{last.closing.lstrip(',')}{after}",
    ]


def _between(brackets: Brackets, words: Words, indent: int) -> list[str]:
    body = " " * indent + ", ".join(flat(item, words) for item in brackets.items)
    if len(body) <= WIDTH and not (brackets.literal and len(brackets.items) > 1) and brackets.closing != ",)":
        return [body]
    return [line for item in brackets.items for line in _lines("", item, ",", words, indent)]


def _in_parentheses(before: str, expression: Expr, after: str, words: Words, indent: int) -> list[str]:
    """What no brackets hold together gets some, and a line for each part where it must."""
    if not before:  # it is between brackets already
        return _apart(expression, after, words, indent)
    pad, inner = " " * indent, " " * (indent + 4)
    whole = inner + flat(expression, words)
    lines = [whole] if len(whole) <= WIDTH else _apart(expression, "", words, indent + 4)
    return [f"{pad}{before}(", *lines, f"{pad}){after}"]


def _apart(expression: Expr, after: str, words: Words, indent: int) -> list[str]:
    """An operand on each line, all but the first behind their operators."""
    operands = _operands(expression)
    if len(operands) == 1:
        return [" " * indent + flat(expression, words) + after]
    tails = [*[""] * (len(operands) - 1), after]
    return [
        line
        for (sign, operand), tail in zip(operands, tails, strict=True)
        for line in _lines(sign, operand, tail, words, indent)
    ]


def _operands(expression: Expr) -> list[tuple[str, Expr]]:
    """What its loosest operators hold together, each with the operator before it."""
    signs = {f" {sign} ": f"{sign} " for sign, rank in OPERATORS.items() if rank == expression.rank}
    parts: list[tuple[str, list[Piece]]] = [("", [])]
    for piece in expression.pieces:
        if isinstance(piece, str) and piece in signs:
            parts.append((signs[piece], []))
        else:
            parts[-1][1].append(piece)
    return [(sign, Expr(tuple(pieces))) for sign, pieces in parts]
