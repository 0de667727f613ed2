"""Which statements make a tree of attributes, and which code leads to one of them?"""

from dataclasses import dataclass, field
from typing import Literal

from secateur.emit.expressions import Expr, call, text
from secateur.emit.identifiers import after_dot
from secateur.emit.layout import statement

Kind = Literal["holder", "layer", "parameter", "buffer"]


@dataclass
class Branch:
    """An attribute. `code` makes a layer, or the zeros of a tensor; a holder only holds others."""

    kind: Kind = "holder"
    code: Expr | None = None
    children: dict[str, "Branch"] = field(default_factory=dict)

    @property
    def holder(self) -> str:
        """The module that can hold the children: what Python does not take behind a dot needs brackets."""
        if all(map(after_dot, self.children)):
            return "Module"
        in_order = set(self.children) == {str(index) for index in range(len(self.children))}
        all_hold = all(child.kind == "holder" for child in self.children.values())
        return "ModuleList" if in_order and all_hold else "ModuleDict"

    def step(self, name: str) -> str:
        """The code that leads on to a child."""
        if after_dot(name):
            return f".{name}"
        return f"[{name}]" if self.holder == "ModuleList" else f'["{name}"]'

    def at(self, path: tuple[str, ...]) -> "Branch":
        """What is at the end of a path, made on the way where it is not there."""
        branch = self
        for name in path:
            branch = branch.children.setdefault(name, Branch())
        return branch


def lines(root: Branch) -> list[str]:
    """The body of `__init__`: each attribute after the one that holds it."""
    made: list[str] = []
    todo = [("self", root, name) for name in reversed(root.children)]
    while todo:
        before, parent, name = todo.pop()
        place, branch = before + parent.step(name), parent.children[name]
        made += _made(before, parent, name, branch)
        todo += [(place, branch, child) for child in reversed(branch.children)]
    return made


def _made(before: str, parent: Branch, name: str, branch: Branch) -> list[str]:
    """The statement that makes one attribute."""
    code = _holder(branch) if branch.code is None else branch.code
    if branch.kind == "holder" and branch.holder == "Module" and parent.holder == "ModuleList":
        return []  # the list was made with it
    if branch.kind == "buffer":
        return statement("", call(f"{before}.register_buffer", name, code), str)
    wrapped = call("nn.Parameter", code) if branch.kind == "parameter" else code
    return statement(f"{before}{parent.step(name)} = ", wrapped, str)


def _holder(branch: Branch) -> Expr:
    if branch.holder != "ModuleList":
        return call(f"nn.{branch.holder}")
    return call("nn.ModuleList", text(f"nn.Module() for _ in range({len(branch.children)})"))
