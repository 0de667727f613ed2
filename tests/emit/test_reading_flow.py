"""Joining, naming and blocks: does `forward` read as a person would write it?"""

import numpy as np
import pytest

from secateur.emit.attributes import Attributes, Weight
from secateur.emit.blocks import blocks
from secateur.emit.expressions import (
    Expr,
    Local,
    Named,
    Place,
    Variable,
    call,
    heavy,
    infix,
    layer,
    local,
    method,
)
from secateur.emit.joining import join
from secateur.emit.layout import flat
from secateur.emit.naming import name
from secateur.emit.steps import Step


def assign(target: str, code: Expr) -> Step:
    return Step(Variable(target), code)


def conv(attribute: str, x: str) -> Expr:
    return heavy(layer(tuple(attribute.split(".")), local(x)))


def relu(x: str) -> Expr:
    return call("F.relu", local(x))


def add(x: str, y: str) -> Expr:
    return infix(local(x), "+", local(y))


def returned(*values: str) -> Step:
    pieces = [piece for value in values for piece in (", ", Local(Variable(value)))]
    return Step((), Expr(tuple(pieces[1:])))


def written(steps: list[Step], *inputs: str) -> list[str]:
    joined = join(steps)
    names = name(joined, inputs)

    def words(piece: Named) -> str:
        if isinstance(piece, Local):
            return names[piece.variable]
        assert isinstance(piece, Place)
        return ".".join(("self", *piece.path))

    return [
        (f"{', '.join(names[v] for v in step.assigned)} = " if step.targets else "return ")
        + flat(step.code, words)
        for step in joined
    ]


def test_a_line_has_one_convolution_with_what_follows_it() -> None:
    steps = [
        assign("a", conv("c1", "image")),
        assign("b", relu("a")),
        assign("c", conv("c2", "b")),
        assign("d", relu("c")),
        returned("d"),
    ]
    assert written(steps, "image") == ["x = F.relu(self.c1(image))", "return F.relu(self.c2(x))"]


def test_a_shortcut_waits_beside_the_main_way() -> None:
    steps = [
        assign("a", conv("c1", "x")),
        assign("b", conv("c2", "a")),
        assign("c", add("b", "x")),
        assign("d", relu("c")),
        assign("e", conv("c3", "d")),
        assign("f", add("e", "d")),
        returned("f"),
    ]
    assert written(steps, "x") == [
        "y = self.c1(x)",
        "x = F.relu(self.c2(y) + x)",
        "return self.c3(x) + x",
    ]


def test_a_heavy_receiver_stands_alone() -> None:
    steps = [assign("a", conv("c", "x")), assign("b", method(local("a"), "mean", 1)), returned("b")]
    assert written(steps, "x") == ["x = self.c(x)", "return x.mean(1)"]


def test_several_answers_are_names() -> None:
    steps = [assign("a", relu("x")), assign("b", relu("a")), assign("c", relu("b")), returned("b", "c", "b")]
    assert written(steps, "x") == ["x = F.relu(F.relu(x))", "y = F.relu(x)", "return x, y, x"]


def test_what_nothing_reads_has_no_name() -> None:
    steps = [Step((Variable("a"), Variable("b")), local("x")), returned("b")]
    assert written(steps, "x") == ["_, x = x", "return x"]


def test_names_of_inputs_are_theirs() -> None:
    steps = [
        assign("a", add("y", "F")),
        assign("b", add("a", "x 1")),
        assign("c", add("b", "y")),
        returned("c"),
    ]
    assert written(steps, "y", "F", "x 1") == ["return y + F_ + x_1 + y"]


def test_there_are_always_more_names() -> None:
    values = [f"v{index}" for index in range(40)]
    steps = [*(assign(value, relu("x")) for value in values), returned(*values)]
    lines = written(steps, "x")
    assert len({line.split(" = ")[0] for line in lines[:-1]}) == 40


def test_long_lines_are_parted() -> None:
    """The longest part stands alone."""
    steps = [
        assign("a", call("F.relu", local("x"), word="b" * 40)),
        assign("b", call("F.relu", local("x"), word="c" * 20)),
        assign("c", add("a", "b")),
        returned("c"),
    ]
    lines = written(steps, "x")
    assert lines[0].startswith('y = F.relu(x, word="bbb')
    assert lines[1].startswith('return y + F.relu(x, word="ccc')


@pytest.mark.parametrize(
    ("places", "wanted"),
    [
        ("l.0.a l.0.b l.1.a l.1.b", "l.0 l.0 l.1 l.1"),
        ("conv l.0.a l.0.b l.0.b fc", " l.0 l.0 l.0 "),
        ("l.0.a l.1.a", " "),  # a line each is no block
        ("l.0.x.a l.0.y.0.b l.0.y.0.c l.0.z", "l.0 l.0 l.0 l.0"),
        ("m.0.l.0.a m.0.l.0.b m.0.l.1.a", "m.0.l.0 m.0.l.0 "),
        ("net.enc.a net.enc.b", " "),  # only what is one of several is a block
    ],
)
def test_lines_about_one_block(places: str, wanted: str) -> None:
    attributes = Attributes({})
    weights = {"weight": Weight(np.zeros(1))}
    steps = []
    for place in places.split():
        attributes.layer(tuple(place.split(".")), call("nn.Linear"), weights)
        steps.append(assign(place, conv(place, "x")))
    assert " ".join(".".join(block) for block in blocks(steps, attributes)) == wanted
