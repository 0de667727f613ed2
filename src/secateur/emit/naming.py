"""What are the variables of `forward` called?

A name is free again after its last reader, so that what flows through the network is `x` from start to end,
and what waits beside it is `y` or `z`.
"""

from collections.abc import Iterator, Sequence
from itertools import count

from secateur.emit.expressions import Variable
from secateur.emit.identifiers import word
from secateur.emit.steps import Step

LETTERS = "xyzabcdefghkmnpqrstuvw"


def name(steps: Sequence[Step], inputs: Sequence[str]) -> dict[Variable, str]:
    """A name for each variable, those of the inputs first; what nothing reads is `_`."""
    last = {variable: index for index, step in enumerate(steps) for variable in step.read}
    names: dict[Variable, str] = {}
    busy: dict[str, int] = {}  # name -> the last step that reads what it stands for
    for index, variable in _in_order(steps, inputs):
        if variable not in last and index >= 0:
            names[variable] = "_"
            continue
        wishes = _wishes(variable, is_input=index < 0)
        names[variable] = next(wish for wish in wishes if busy.get(wish, -1) <= index)
        busy[names[variable]] = last.get(variable, len(steps) if index < 0 else index)
    return names


def _in_order(steps: Sequence[Step], inputs: Sequence[str]) -> Iterator[tuple[int, Variable]]:
    """Each variable with the step that assigns it."""
    yield from ((-1, Variable(value)) for value in inputs)
    for index, step in enumerate(steps):
        yield from ((index, variable) for variable in step.assigned)


def _wishes(variable: Variable, *, is_input: bool) -> Iterator[str]:
    """Names from the best on."""
    if is_input or variable.about != "value":
        plain = word(variable.name)
        yield plain
        yield from (f"{plain}_{number}" for number in count(2))
    yield from LETTERS
    yield from (f"x{number}" for number in count(1))
