"""Where does a cut network fail, and which attribute may it be that says the old width?"""

import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import nn


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
        handles.append(module.register_forward_hook(partial(_leave, watch)))
    try:
        yield watch
    finally:
        for handle in handles:
            handle.remove()


def _enter(watch: Watch, name: str, _module: nn.Module, _inputs: Any) -> None:
    watch.inside.append(name)


def _leave(watch: Watch, _module: nn.Module, _inputs: Any, _output: Any) -> None:
    watch.inside.pop()
    watch.done += 1


def line_of(error: BaseException) -> str:
    """`model.py:12: x = x.reshape(b, n, c)`, the last line outside of PyTorch; "" where there is none."""
    found = ""
    torchs = torch.__path__[0]
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        file, number = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        if not file.startswith(torchs) and not Path(file).is_relative_to(Path(__file__).parent):
            found = f"{Path(file).name}:{number}: {linecache.getline(file, number).strip()}"
        trace = trace.tb_next
    return found
