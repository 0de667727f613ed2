"""Is what a training removed gone from the network, and does the network answer as before?"""

import contextlib
import copy
from dataclasses import dataclass
from inspect import BoundArguments, Parameter
from typing import Any

from torch import nn

from secateur.core.groups import Group
from secateur.core.masks import Masks
from secateur.core.protocols import CoupledPattern
from secateur.core.task import Task
from secateur.errors import SurgeryError, TaskError
from secateur.graph.structure import Structure
from secateur.masking import plan
from secateur.masking.coupled import CoupledPlan
from secateur.recipe import Recipe
from secateur.recovery.inputs import seen_calls
from secateur.surgery import Certificate, cut, cuttable, removed_units

BATCHES = 2
"""Training batches whose inputs are compared, beside the example and random numbers."""


@dataclass(frozen=True)
class Outcome:
    """What cutting a trained network came to.

    Attributes:
        certificate: how far the cut network's answers are from the masked one's; None where it was not cut.
        refused: why not, "" where it was.
        groups: of the network before the cut.
        left: group -> units that are left.
        sparsity: removed fraction of what the recipe counts.
    """

    certificate: Certificate | None
    refused: str
    groups: tuple[Group, ...]
    left: dict[str, int]
    sparsity: float


def structure_for(task: Task, recipe: Recipe) -> Structure | None:
    """What hangs together in the task's network, as far as its code can follow; None where no one asks.

    Raises:
        ExportError, CouplingError: the network cannot be traced or followed.
    """
    if not isinstance(recipe.pattern, CoupledPattern):
        return None
    return cuttable(task.model, task.example_inputs)


def cut_off(
    model: nn.Module, masks: Masks, recipe: Recipe, structure: Structure, task: Task
) -> tuple[nn.Module, Outcome]:
    """A copy without its masked channels; the network itself, zeros and all, where the cut does not hold."""
    layout = plan(model, recipe, structure)
    assert isinstance(layout, CoupledPlan), "only these recipes have a structure"
    groups = tuple(layout.groups)
    gone = {name: int(units.sum()) for name, units in removed_units(groups, masks).items()}
    left = {group.name: group.units - gone[group.name] for group in groups}
    smaller = copy.deepcopy(model)
    inputs = _real_inputs(model, task)
    try:
        done = cut(smaller, masks, groups, example_inputs=task.example_inputs, inputs=inputs)
    except SurgeryError as error:
        whole = {group.name: group.units for group in groups}
        return model, Outcome(None, str(error), groups, whole, layout.fraction(gone))
    return smaller, Outcome(done.certificate, "", groups, left, layout.fraction(gone))


def _real_inputs(model: nn.Module, task: Task) -> list[tuple[Any, ...]]:
    """As training calls the network; none where the loss calls something inside it instead.

    Calls with arguments that have to be named are left out: a cut is checked with positional inputs.
    """
    with contextlib.suppress(TaskError):
        calls = seen_calls(model, task, BATCHES, seed=0)
        return [_by_position(call) for call in calls if not _has_to_name(call)]
    return []


def _has_to_name(call: BoundArguments) -> bool:
    kinds = {call.signature.parameters[name].kind for name in call.arguments}
    return not kinds.isdisjoint((Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD))


def _by_position(call: BoundArguments) -> tuple[Any, ...]:
    """With the defaults of what the call leaves out, so that what it names finds its place."""
    call.apply_defaults()
    return call.args
