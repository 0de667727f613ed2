"""Where does a cut network fail, and which attribute may it be that says the old width?"""

import linecache
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import nn

from secateur.surgery.foreign import old_widths, suspects
from secateur.surgery.sizes import Sizes


@dataclass(frozen=True)
class Refused:
    """Why a cut does not hold, in short and with what can be done."""

    short: str
    message: str
    cause: Exception | None = None


@dataclass(frozen=True)
class Failure:
    """An attempt that did not hold.

    Attributes:
        inside: modules from the outermost to the one that failed; empty where the numbers differ.
        done: how far it came: 1 where only training fails; calls of modules that ended before, and the lines
            that failed.
        text: what happened.
    """

    inside: list[str]
    done: tuple[int, ...]
    text: str
    error: Exception | None = None


@dataclass
class Watch:
    """Which modules a forward call is in: names from the outermost to the innermost.

    Attributes:
        inside: modules that were entered and not left.
        done: how many calls of modules ended, so that one failure can be said to be later than another.
    """

    inside: list[str] = field(default_factory=list)
    done: int = 0


@contextmanager
def watching(model: nn.Module) -> Iterator[Watch]:
    """Follow every module's calls inside; after an exception `inside` says where it was raised."""
    watch = Watch()
    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(partial(_enter, watch, name)))
        handles.append(module.register_forward_hook(partial(_leave, watch, name)))
    try:
        yield watch
    finally:
        for handle in handles:
            handle.remove()


def _enter(watch: Watch, name: str, _module: nn.Module, _inputs: Any) -> None:
    watch.inside.append(name)


def _leave(watch: Watch, name: str, _module: nn.Module, _inputs: Any, _output: Any) -> None:
    while watch.inside.pop() != name:  # a module inside raised, and this one did without it
        pass
    watch.done += 1


def line_of(error: BaseException) -> str:
    """`model.py:12: x = x.reshape(b, n, c)`, the last line outside of PyTorch; "" where there is none."""
    found = ""
    known = (Path(torch.__path__[0]), Path(__file__).parent)
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        file, number = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        if not any(Path(file).is_relative_to(folder) for folder in known):
            found = f"{Path(file).name}:{number}: {linecache.getline(file, number).strip()}"
        trace = trace.tb_next
    return found


def lines_inside(error: BaseException) -> tuple[int, ...]:
    """The line that each forward() failed at, the outermost first: a later one is progress."""
    lines, trace = [], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "forward":
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return tuple(lines)


def first_line(error: BaseException) -> str:
    """Of what an error says, without its full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def explained(model: nn.Module, near: Mapping[str, Sizes], failure: Failure) -> Refused:
    """Which module failed, where in its code, which attribute it may be, and what can be done."""
    if not failure.inside:
        return Refused(
            f"the network's code depends on the width: {failure.text}",
            f"The cut network runs, but {failure.text}. Something in its code depends on a width without "
            "failing, such as a scale or a mean. The cut was taken back: leave layers out with skip until "
            "it holds; secateur.surgery.followed finds which.",
        )
    path = failure.inside[-1]
    kind = type(model.get_submodule(path)).__name__
    where = f"{kind} {path!r}" if path else kind
    line = line_of(failure.error) if failure.error else ""
    around = [p for p in reversed(failure.inside) if p in near]
    groups = ", ".join(islice(near[around[0]].groups, 3)) if around else ""
    named = ", ".join(islice(_named(model, near, around), 4))
    return Refused(
        f"the code of {where} does not follow{f' ({line})' if line else ''}"
        + (f"; it may be {named}" if named else ""),
        f"The cut network does not run: {where} failed{f' at {line}' if line else ''} ({failure.text}). "
        + (f"Cut there: {groups}. " if groups else "")
        + (f"Attributes that may hold an old width: {named}. " if named else "")
        + "The cut was taken back: leave the layer out with skip, or let its code compute the width "
        "from its input, for instance reshape(b, n, -1).",
        failure.error,
    )


def _named(model: nn.Module, near: Mapping[str, Sizes], around: Sequence[str]) -> Iterator[str]:
    """`blocks.0.attn.num_heads = 12`, the innermost first."""
    for path in around:
        for name, value, _ in suspects(model.get_submodule(path), near[path]):
            if old_widths(name, value, near[path]):
                yield f"{path}.{name} = {value}" if path else f"{name} = {value}"
