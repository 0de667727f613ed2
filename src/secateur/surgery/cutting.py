"""How are channels, heads and blocks taken out of a network that goes on being trained?"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor, nn
from torch.optim import Optimizer

from secateur.core.groups import Group
from secateur.core.masks import Masks
from secateur.errors import SurgeryError
from secateur.surgery.answers import Inputs, samples
from secateur.surgery.biases import move_into_biases, worth
from secateur.surgery.blocks import left_beside, removed_blocks, take_out
from secateur.surgery.certificate import Certificate, Comparison
from secateur.surgery.constants import silent_units
from secateur.surgery.failure import Refused
from secateur.surgery.follow import follow_attributes
from secateur.surgery.journal import Journal
from secateur.surgery.refusals import refuse_arguments, refuse_wrapped, twin
from secateur.surgery.removal import kept_positions, removed_units
from secateur.surgery.sizes import sizes_near
from secateur.surgery.slicing import check_optimizer, named_tensors, slice_state, slice_tensors

TOLERANCE = 1e-5
RANDOM = 2
"""Random inputs to compare with, besides the example."""


@dataclass(frozen=True)
class Cut:
    """A cut that was made, and holds.

    Attributes:
        certificate: how far the cut network is from the masked one.
        removed: group -> units that were removed; groups that lost none are left out.
        kept: group -> why units that the masks silence could not be removed.
    """

    certificate: Certificate
    removed: Mapping[str, int]
    kept: Mapping[str, str]
    _journal: Journal = field(repr=False, compare=False)

    def undo(self) -> None:
        """Every tensor, attribute, class and optimizer state becomes what it was before the cut.

        That includes what training changed since then. Needs memory for a copy of the network as long as
        this object lives.
        """
        self._journal.undo()


def cut(
    model: nn.Module,
    masks: Masks,
    groups: Sequence[Group],
    *,
    example_inputs: Inputs,
    inputs: Iterable[Inputs] = (),
    optimizers: Sequence[Optimizer] = (),
    copies: Sequence[nn.Module] = (),
    tolerance: float = TOLERANCE,
) -> Cut:
    """Remove from a network, in place, every unit of which the masks leave nothing.

    Parameters stay the same objects, so that the optimizers go on. The cut network is compared with the
    masked one; where they differ, or it does not run, everything is as it was before.

    Args:
        model: the network.
        masks: by parameter name; what they remove besides whole units becomes 0.
        groups: of the network, as `secateur.graph.coupling.couple` finds them.
        example_inputs: positional inputs of one forward call.
        inputs: further, real ones to compare with.
        optimizers: that train the network; what they keep for each parameter is cut, too.
        copies: of the network, for instance averages of its weights; they are cut, too.
        tolerance: largest difference, relative to the largest output.

    Raises:
        RecipeError: the masks are another network's.
        SurgeryError: the network cannot follow the cut, or something else holds on to its old shape.
    """
    refuse_arguments(groups, optimizers, copies)
    refuse_wrapped(model, groups)
    for optimizer in optimizers:
        check_optimizer(optimizer, model)
    twins = [twin(each, model) for each in copies]
    work, kept = _work(model, twins, masks, groups, samples(example_inputs, inputs), tolerance)
    journal = Journal()
    for whole in copies:
        for tensor in whole.buffers():  # of an average also how many were averaged
            journal.remember(tensor)
    try:
        result = carry_out(work, [model, *twins], journal, optimizers)
        if isinstance(result, Refused):
            raise SurgeryError(result.message) from result.cause
    except BaseException:
        journal.undo()
        raise
    counts = {name: int(gone.sum()) for name, gone in work.removed.items() if bool(gone.any())}
    return Cut(result, counts, kept, journal)


@dataclass(frozen=True)
class Work:
    """What a cut does.

    Attributes:
        masks: by all names of each parameter.
        groups: with all names of each tensor.
        removed: group -> units that go.
        comparison: with the masked network.
        added: for the network and each copy: layer -> what its bias takes over.
    """

    masks: Masks
    groups: Sequence[Group]
    removed: Mapping[str, Tensor]
    comparison: Comparison
    added: Sequence[Mapping[str, Tensor]] = ()


def _work(
    model: nn.Module,
    twins: Sequence[nn.Module],
    masks: Masks,
    groups: Sequence[Group],
    given: Sequence[Inputs],
    tolerance: float,
) -> tuple[Work, Mapping[str, str]]:
    """The work, and why units that the masks silence must stay."""
    masks, groups = _under_all_names(masks, model), with_all_names(groups, named_tensors(model))
    masked = masked_copy(model, masks)
    comparison = Comparison(masked, given, RANDOM, tolerance)
    removed = removed_units(groups, masks)
    channels = [group for group in groups if group.kind != "layers"]
    silent = silent_units(masked, masks, channels, removed, comparison.inputs)
    if silent.units:  # copies have constants of their own
        every = [masked, *(masked_copy(each, masks) for each in twins)]
        added = [worth(each, channels, silent, comparison.inputs) for each in every]
        removed |= {name: removed[name] | units for name, units in silent.units.items()}
        return Work(masks, groups, removed, comparison, added), silent.kept
    return Work(masks, groups, removed, comparison), {}


def masked_copy(model: nn.Module, masks: Masks) -> nn.Module:
    """The network with zeros where the masks are.

    Raises:
        SurgeryError: it cannot be copied.
    """
    try:
        masked = copy.deepcopy(model)
    except Exception as error:  # whatever its modules hold on to
        raise SurgeryError(
            f"{type(model).__name__} cannot be copied, to compare the cut with: {error}. Expected a network "
            "that copy.deepcopy takes: remove tensors that its modules keep from earlier calls."
        ) from error
    own = dict(masked.named_parameters())
    Masks({name: mask for name, mask in masks.tensors.items() if name in own}).apply_(masked)
    return masked


def carry_out(
    work: Work, every: Sequence[nn.Module], journal: Journal, optimizers: Sequence[Optimizer] = ()
) -> Certificate | Refused:
    """Cut the network and its copies, and compare; the caller takes it back where that does not hold."""
    model = every[0]
    blocks = removed_blocks(work.groups, work.removed)
    if refused := take_out(blocks, every, work.comparison, optimizers, journal):
        return refused
    tensors = named_tensors(model)
    groups = left_beside(work.groups, tensors)
    kept = kept_positions(groups, work.removed)
    near = sizes_near(
        [group for group in groups if bool(work.removed[group.name].any())],
        work.removed,
        {(name, axis): len(stay) for name, axes in kept.items() for axis, stay in axes.items()},
    )
    of = {id(tensors[name]): axes for name, axes in kept.items()}
    for optimizer in optimizers:
        slice_state(optimizer, {id(tensor): name for name, tensor in tensors.items()}, of, journal)
    for each in every:
        own = named_tensors(each)
        slice_tensors(each, {id(own[name]): axes for name, axes in kept.items()}, work.masks, journal)
    for each, added in zip(every, work.added, strict=False):
        there = {path: more for path, more in added.items() if f"{path}.weight" in tensors}
        move_into_biases(each, there, kept, optimizers if each is model else (), journal)
    return follow_attributes(every, kept, near, work.comparison, journal)


def _under_all_names(masks: Masks, model: nn.Module) -> Masks:
    """Groups may know a tied parameter by another of its names.

    Raises:
        RecipeError: the masks are another network's.
    """
    by_id = {id(p): masks.tensors[n] for n, p in masks.parameters(model).items()}
    every = model.named_parameters(remove_duplicate=False)
    return Masks({name: by_id[id(p)] for name, p in every if id(p) in by_id})


def with_all_names(groups: Sequence[Group], tensors: Mapping[str, Tensor]) -> list[Group]:
    """A tied tensor is a member under each of its names: the attributes of all its layers follow."""
    names: dict[int, list[str]] = {}
    for name, tensor in tensors.items():
        names.setdefault(id(tensor), []).append(name)
    return [
        replace(
            g, members=tuple(replace(m, tensor=n) for m in g.members for n in names[id(tensors[m.tensor])])
        )
        for g in groups
    ]
