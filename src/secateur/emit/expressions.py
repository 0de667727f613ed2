"""What is a Python expression before its variables have names?

An expression is a row of pieces: text, and what gets its text later: a variable, an attribute of the network,
brackets that may be spread over several lines. Ranks are Python's precedences; an operand of a lower rank
than its place asks for gets parentheses.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

ATOM, NEGATION, PRODUCT, SUM, COMPARISON, ANY = 5, 4, 3, 2, 1, 0
OPERATORS = {"@": PRODUCT, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT, "+": SUM, "-": SUM}


@dataclass(frozen=True)
class Variable:
    """A value of the graph by its name, or something else that the code has a variable for."""

    name: str
    about: Literal["value", "size", "device"] = "value"


@dataclass(frozen=True)
class Local:
    """A variable of `forward`; `rank` is what its place asks for."""

    variable: Variable
    rank: int = ANY


@dataclass(frozen=True)
class Held:
    """An initializer of the graph that is an attribute of the network by itself."""

    initializer: str


@dataclass(frozen=True)
class Place:
    """A layer of the network, by the names that lead to it."""

    path: tuple[str, ...]


@dataclass(frozen=True)
class Brackets:
    """Items between brackets, parted by commas; `literal` for a list, not the arguments of a call."""

    opening: str
    items: tuple["Expr", ...]
    closing: str
    literal: bool = False


Named: TypeAlias = Local | Held | Place
Piece: TypeAlias = str | Named | Brackets


@dataclass(frozen=True)
class Expr:
    """Pieces in a row, and how tightly they hold together.

    `heavy` where a layer with weights is among them.
    """

    pieces: tuple[Piece, ...]
    rank: int = ATOM
    heavy: bool = False


Argument: TypeAlias = "Expr | str | bool | int | float | np.generic | tuple[Any, ...] | list[Any]"
"""What a call takes: an expression, or a value that is written as a literal."""


def local(variable: str | Variable) -> Expr:
    """A variable; a text is the name of a value."""
    return Expr((Local(Variable(variable) if isinstance(variable, str) else variable),))


def text(code: str, rank: int = ATOM) -> Expr:
    """Code as it is. Never pass text from the graph."""
    return Expr((code,), rank)


def within(expression: Expr, rank: int) -> Expr:
    """The expression where at least this rank is asked for."""
    match expression.pieces:
        case (Local(variable, given),):
            return replace(expression, pieces=(Local(variable, max(rank, given)),))
    if expression.rank >= rank:
        return expression
    return Expr(("(", *expression.pieces, ")"), ATOM, expression.heavy)


def literal(value: Argument) -> Expr:
    """A value in Python's words; numbers as short as their precision allows."""
    match value:
        case Expr():
            return value
        case tuple() | list():
            items = tuple(literal(item) for item in value)
            opening, closing = "()" if isinstance(value, tuple) else "[]"
            closing = ",)" if isinstance(value, tuple) and len(items) == 1 else closing
            return Expr((Brackets(opening, items, closing, literal=True),), heavy=_heavy(items))
        case bool() | str():
            return text(_quoted(value) if isinstance(value, str) else repr(value))
        case float() | np.floating() if not np.isfinite(value):
            return text(f'float("{value}")')
        case np.floating() if abs(value) == np.finfo(value.dtype).max:  # its shortest form rounds to more
            return text(f"torch.finfo(torch.{value.dtype.name}).{'max' if value > 0 else 'min'}")
    number = str(value)  # for a NumPy number the shortest that gives the same bits in its precision
    return text(number, NEGATION if number.startswith("-") else ATOM)


def _quoted(value: str) -> str:
    """Escaped, between double quotes where that needs no escape."""
    plain = repr(value)
    return f'"{value}"' if plain == f"'{value}'" and '"' not in value else plain


def call(function: str | Expr, *arguments: Argument, **named: Argument) -> Expr:
    """`function(a, b, name=c)`."""
    items = [literal(argument) for argument in arguments]
    items += [_after(f"{name}=", literal(argument)) for name, argument in named.items()]
    head = function if isinstance(function, Expr) else text(function)
    return Expr((*head.pieces, Brackets("(", tuple(items), ")")), ATOM, _heavy([head, *items]))


def layer(path: tuple[str, ...], *arguments: Argument) -> Expr:
    """A call of a layer that the network holds."""
    return call(Expr((Place(path),)), *arguments)


def heavy(expression: Expr) -> Expr:
    """An expression that does much: a line has one of them."""
    return replace(expression, heavy=True)


def method(receiver: Expr, name: str, *arguments: Argument, **named: Argument) -> Expr:
    """`receiver.name(a, b, name=c)`."""
    return call(attribute(receiver, name), *arguments, **named)


def attribute(receiver: Expr, name: str) -> Expr:
    """`receiver.name`."""
    held = within(receiver, ATOM)
    return Expr((*held.pieces, f".{name}"), ATOM, held.heavy)


def subscript(receiver: Expr, *items: Argument) -> Expr:
    """`receiver[a, b]`."""
    held = within(receiver, ATOM)
    parts = tuple(literal(item) for item in items)
    return Expr((*held.pieces, Brackets("[", parts, "]")), ATOM, _heavy([held, *parts]))


def infix(left: Expr, operator: str, right: Expr) -> Expr:
    """`left operator right`, grouped from the left as Python does."""
    rank = OPERATORS.get(operator, COMPARISON)
    first = within(left, rank + (rank == COMPARISON))  # comparisons would chain
    second = within(right, rank + 1)
    return Expr((*first.pieces, f" {operator} ", *second.pieces), rank, _heavy([first, second]))


def _after(prefix: str, expression: Expr) -> Expr:
    return Expr((prefix, *expression.pieces), ATOM, expression.heavy)


def _heavy(parts: "tuple[Expr, ...] | list[Expr]") -> bool:
    return any(part.heavy for part in parts)


def pieces_of(expression: Expr) -> Iterator[Piece]:
    """All pieces, those between brackets too, in reading order."""
    for piece in expression.pieces:
        if isinstance(piece, Brackets):
            for item in piece.items:
                yield from pieces_of(item)
        else:
            yield piece
