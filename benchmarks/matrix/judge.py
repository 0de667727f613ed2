"""Does a tool cut this architecture, by all measures?"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.matrix.architecture import Architecture
from benchmarks.matrix.measures import (
    answers,
    certified,
    check_certificate,
    check_export,
    check_removed,
    check_shapes,
    check_trains,
    parameters,
)
from benchmarks.matrix.random_weights import randomise_
from benchmarks.matrix.result import Result, Tool
from torch import Tensor, nn

LARGEST = 2e9  # bytes; a graph of protobuf, as ONNX files are, holds no more


@dataclass(frozen=True)
class Cut:
    """What a tool did to a network.

    Attributes:
        groups: that lost channels.
        masked: the network before the cut, with zeros for all that was cut; None where no such network
            answers the same by construction.
        graph_seconds: of CPU time, until the groups were known.
        difference: that the tool itself found between masked and cut network.
    """

    groups: int
    masked: nn.Module | None
    graph_seconds: float
    difference: float | None = None


Tell: TypeAlias = Callable[[str], None]
Prune: TypeAlias = Callable[[nn.Module, tuple[Tensor, ...], Tell], Cut]
"""Cuts half of the channels of every group in place, and tells at which stage it is."""


def ignore(stage: str) -> None:
    """For those who do not ask at which stage a tool is."""


def judge(architecture: Architecture, tool: Tool, tell: Tell = ignore) -> Result:
    """Build, cut, measure; what fails is noted, never raised."""
    result = Result(architecture.name, tool)
    stage = ""

    def enter(name: str) -> None:
        nonlocal stage
        stage = name
        tell(name)

    start = time.process_time()
    try:
        _judge(architecture, prune_of(tool), result, enter)
    except Exception as error:
        result.stage, result.problem = stage, message(error)
    result.seconds = time.process_time() - start
    return result


def _judge(architecture: Architecture, prune: Prune, result: Result, enter: Tell) -> None:
    enter("build")
    example, fresh, batch = architecture.draw(1, 0), architecture.draw(1, 1), architecture.draw(2, 2)
    model = randomise_(architecture.build(), example)
    result.before = parameters(model)
    if 4 * result.before > LARGEST:
        enter("does not fit")
        raise MemoryError(f"{4e-9 * result.before:.1f} GB of weights; an ONNX graph holds 2 GB")
    before = answers(model, fresh)
    cut = prune(model, example, enter)
    result.groups, result.graph_seconds = cut.groups, cut.graph_seconds
    result.after = parameters(model)
    enter("removal")
    check_removed(result.before, result.after)
    enter("forward")
    check_shapes(before, answers(model, fresh))
    enter("certificate")
    if cut.masked is not None:
        result.difference = max(cut.difference or 0.0, certified(cut.masked, model, fresh))
    check_certificate(result.difference)
    del cut
    enter("backward")
    check_trains(copy.deepcopy(model), batch)
    enter("export")
    check_export(model, example)


def prune_of(tool: Tool) -> Prune:
    """What does the cutting."""
    if tool == "secateur":
        from benchmarks.matrix import ours

        return ours.prune
    from benchmarks.matrix import theirs

    return theirs.prune


def message(error: BaseException, length: int = 300) -> str:
    """The kind and the first line of what went wrong first."""
    while error.__cause__ is not None:
        error = error.__cause__
    first = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first}"[:length]
