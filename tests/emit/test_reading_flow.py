"""Joining, naming and blocks: does `forward` read as a person would write it?"""


from secateur.emit.expressions import Expr, Held, Named, Variable, call, heavy, layer, local
from secateur.emit.joining import join
from secateur.emit.layout import flat
from secateur.emit.naming import name
from secateur.emit.steps import Step

X = local("x")


def written(steps: list[Step], inputs: list[str]) -> list[str]:
    """Joined, with names, without blocks."""
    joined = join(steps)
    names = name(joined, inputs)

    def words(piece: Named) -> str:
        if isinstance(piece, Held):
            return f"self.{piece.initializer}"
        return names[piece.variable] if not hasattr(piece, "path") else ".".join(("self", *piece.path))

    return [
        ", ".join(names[variable] for variable in step.assigned)
        + ("= " if step.targets else "return ")
        + flat(step.code, words)
        for step in joined
    ]


def assign(target: str, code: Expr) -> Step:
    return Step(Variable(target), code)


def conv(name_: str, x: Expr) -> Expr:
    return heavy(layer((name_,), x))


def relu(x: Expr) -> Expr:
    return call("F.relu", x)
