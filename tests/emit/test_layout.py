from secateur.emit.expressions import Argument, Local, Named, call, infix, literal, local, method, text
from secateur.emit.layout import WIDTH, flat, statement

LONG = "a" * 30


def words(piece: Named) -> str:
    assert isinstance(piece, Local)
    return piece.variable.name


def test_operators_get_the_parentheses_that_they_need() -> None:
    a, b, c = local("a"), local("b"), local("c")
    for expression, wanted in {
        infix(infix(a, "+", b), "*", c): "(a + b) * c",
        infix(a, "*", infix(b, "+", c)): "a * (b + c)",
        infix(a, "-", infix(b, "-", c)): "a - (b - c)",
        infix(infix(a, "-", b), "-", c): "a - b - c",
        infix(infix(a, "<", b), "<", c): "(a < b) < c",
        infix(a, "*", literal(-1.5)): "a * -1.5",
        method(infix(a, "@", b), "mean", 1, keepdim=True): "(a @ b).mean(1, keepdim=True)",
        method(literal(-1.0), "abs"): "(-1.0).abs()",
    }.items():
        assert flat(expression, words) == wanted


def test_literals_are_pythons() -> None:
    values: list[Argument] = [(1,), [], True, 'a"b\\', float("inf"), float("-inf"), 1e-05]
    assert [eval(flat(literal(value), words)) for value in values] == values
    assert flat(literal("nearest"), words) == '"nearest"'


def test_what_fits_is_one_line() -> None:
    assert statement("x = ", call("F.relu", local("x")), words) == ["        x = F.relu(x)"]


def test_arguments_go_on_a_line_of_their_own() -> None:
    assert statement("x = ", call("F.conv2d", *[text(LONG)] * 2, stride=2), words, indent=0) == [
        f"x = F.conv2d({LONG}, {LONG}, stride=2)"
    ]
    assert statement("x = ", call("some.function", *[text(LONG)] * 2, stride=2), words, indent=4) == [
        "    x = some.function(",
        f"        {LONG}, {LONG}, stride=2",
        "    )",
    ]


def test_and_then_each_on_its_own() -> None:
    assert statement("x = ", call("torch.cat", [text(LONG)] * 3, dim=1), words, indent=0) == [
        "x = torch.cat(",
        "    [",
        *[f"        {LONG},"] * 3,
        "    ],",
        "    dim=1,",
        ")",
    ]


def test_sums_are_broken_before_their_operators() -> None:
    parts = infix(infix(text(LONG), "+", text(LONG)), "-", infix(text("b"), "*", text(LONG)))
    assert statement("x = ", parts, words, indent=0) == [
        "x = (",
        f"    {LONG}",
        f"    + {LONG}",
        f"    - b * {LONG}",
        ")",
    ]
    assert statement("x = ", call("f", text(LONG), parts), words, indent=0)[1:] == [
        f"    {LONG},",
        f"    {LONG}",
        f"    + {LONG}",
        f"    - b * {LONG},",
        ")",
    ]
    assert len(f"x = {LONG} + {LONG} - b * {LONG}") > WIDTH
