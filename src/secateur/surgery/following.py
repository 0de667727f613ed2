"""Which groups can a network's code follow? Half of each is cut from a copy, to see."""

import copy
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from secateur.core.groups import Group
from secateur.graph.coupling import Coupling
from secateur.graph.units import Width
from secateur.surgery.answers import Inputs, samples
from secateur.surgery.certificate import Comparison
from secateur.surgery.cutting import TOLERANCE, Work, carry_out, masked_copy, with_all_names
from secateur.surgery.failure import Refused
from secateur.surgery.journal import Journal
from secateur.surgery.refusals import computed, refuse_wrapped
from secateur.surgery.removal import masks_without, positions
from secateur.surgery.slicing import named_tensors

Signature = tuple[object, ...]
OVER = "the time to try whether the code follows was over"


def followed(
    model: nn.Module, coupling: Coupling, example_inputs: Inputs, *, seconds: float = 300.0
) -> Coupling:
    """The same coupling, without the groups that the network's code cannot follow; these become `fixed`.

    Forward code may hold widths that the graph does not show, such as `x.reshape(b, n, 768)`. Half of the
    units of all groups are removed from a copy of the network, and then, from another, all blocks. Where that
    does not hold, parts of the groups are tried, until the guilty ones are found. Groups of the same kind of
    layer fail alike.

    Args:
        model: the network; it stays as it is.
        coupling: of it.
        example_inputs: positional inputs of one forward call.
        seconds: after which groups that are not known to be followed become fixed, too.

    Raises:
        SurgeryError: the network is wrapped or compiled, or does not run on its example.
    """
    refuse_wrapped(model, ())
    reasons = {g.name: "its weight is computed from others" for g in coupling.groups if _computed(model, g)}
    trials = _Trials(_stirred(model), example_inputs, time.monotonic() + seconds)
    kinds = {group.name: _signature(model, group) for group in coupling.groups}
    for blocks in (False, True):  # apart, since a network without its blocks shows nothing of the rest
        tried = [g for g in coupling.groups if g.name not in reasons and (g.kind == "layers") == blocks]
        reasons |= _search(trials, tried, kinds)
    groups = tuple(group for group in coupling.groups if group.name not in reasons)
    return Coupling(groups, (*coupling.fixed, *_widths(coupling.groups, reasons)))


class _Trials:
    """Cuts of a copy of the network, each taken back."""

    def __init__(self, model: nn.Module, example: Inputs, until: float) -> None:
        self._model = model
        self._given = samples(example, random=1)
        self._until = until

    def reason(self, groups: Sequence[Group]) -> str:
        """Why the network does not follow when all these groups are halved; "" where it does."""
        if time.monotonic() > self._until:
            return OVER
        groups = with_all_names(groups, named_tensors(self._model))
        removed = {group.name: _half(group, number) for number, group in enumerate(groups)}
        masks = masks_without(groups, removed)
        journal = Journal()
        try:
            comparison = Comparison(masked_copy(self._model, masks), self._given, 1, TOLERANCE)
            result = carry_out(Work(masks, groups, removed, comparison), [self._model], journal)
        finally:
            journal.undo()
        return result.short if isinstance(result, Refused) else ""


def _search(trials: _Trials, groups: Sequence[Group], kind: Mapping[str, Signature]) -> dict[str, str]:
    """Group -> why it cannot be followed.

    One guilty group after the other is found; when its kind is found guilty twice, all of it goes.
    """
    reasons: dict[str, str] = {}
    seen: set[Signature] = set()
    rest = sorted(groups, key=lambda group: list(kind.values()).index(kind[group.name]))
    while rest and (reason := trials.reason(rest)):
        guilty, reason = (rest, OVER) if reason == OVER else _last_of_shortest(trials, rest, reason)
        again = {kind[group.name] for group in guilty} & seen
        seen |= {kind[group.name] for group in guilty}
        names = {g.name for g in guilty} | {g.name for g in rest if kind[g.name] in again}
        reasons |= dict.fromkeys(names, reason)
        rest = [group for group in rest if group.name not in names]
    return reasons


def _last_of_shortest(trials: _Trials, groups: Sequence[Group], reason: str) -> tuple[Sequence[Group], str]:
    """The last group of the shortest beginning that the network does not follow, and why not."""
    follows, fails = 0, len(groups)
    while fails - follows > 1:
        middle = (follows + fails) // 2
        if found := trials.reason(groups[:middle]):
            fails, reason = middle, found
        else:
            follows = middle
    return groups[fails - 1 : fails], reason


def _half(group: Group, number: int) -> Tensor:
    """(units,) about half of them, at random, but not the same part of every group.

    Groups that happen to be equally wide must not stay so: an attribute would fit the wrong one. Nor may all
    shrink alike: `reshape(b, n, heads, width // heads)` would hold, and for no other cut. The first and the
    last unit are among them: without these, code that takes channels by number takes others.
    """
    fewer = 1 + number % 3 if group.units >= 8 else number % 2
    count = max(1, group.units // 2 - fewer)
    order = torch.rand(group.units, generator=torch.Generator().manual_seed(number))
    order[0], order[-1] = 2, 1
    gone = torch.zeros(group.units, dtype=torch.bool)
    gone[order.topk(count).indices] = True
    return gone


@torch.no_grad()
def _stirred(model: nn.Module) -> nn.Module:
    """A copy in which no parameter is constant: behind a scale of 0 or 1 every cut would look right."""
    stirred = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(0)
    for parameter in stirred.parameters():
        if (
            parameter.is_floating_point()
            and parameter.numel() > 1
            and bool((parameter == parameter.flatten()[0]).all())
        ):
            wide = max(1, parameter.numel() // parameter.shape[0])
            noise = torch.randn(parameter.shape, generator=generator) * min(0.1, wide**-0.5)
            parameter.add_(noise.to(parameter))
    return stirred


def _signature(model: nn.Module, group: Group) -> Signature:
    """Which kinds of modules have which tensors in it."""
    places = set()
    for member in group.members:
        path, _, name = member.tensor.rpartition(".")
        holders = []
        for _ in range(4):  # a layer in a wrapper in an attention in a block
            holders.append(type(model.get_submodule(path)))
            path = path.rpartition(".")[0]
        places.add((*holders, name, member.axis))
    return (group.kind, frozenset(places))


def _computed(model: nn.Module, group: Group) -> bool:
    return any(computed(model, member.tensor) for member in group.members)


def _widths(groups: Iterable[Group], reasons: Mapping[str, str]) -> Iterator[Width]:
    """What became fixed; as everywhere, only rows and columns are spoken of."""
    for group in groups:
        for member in group.members if group.name in reasons and group.kind != "layers" else ():
            if member.axis < 2 <= len(member.shape):
                size = positions(member).numel()
                yield Width(member.tensor, member.axis, size, reasons[group.name])
