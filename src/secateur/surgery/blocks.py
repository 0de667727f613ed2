"""How is a residual block taken out of a network?

What stands in its place answers what the block would answer without its weights: what it was given.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from secateur.core.groups import Group
from secateur.graph.calls import Key
from secateur.graph.skips import Skip, skip_of
from secateur.surgery.certificate import Comparison
from secateur.surgery.failure import Refused
from secateur.surgery.journal import Journal


class Skipped(nn.Module):
    """Stands where a block was that is called with more than a tensor, or answers more.

    What others may ask of the block is still there: its plain attributes, and those of its modules.
    """

    def __init__(self, skip: Skip, block: nn.Module) -> None:
        super().__init__()
        vars(self).update(_facts(block))
        self._skip = skip

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the block was given, in the form in which it answered."""
        return self._skip.answer(dict[Key, Any]([*enumerate(args), *kwargs.items()]))


def _facts(module: nn.Module) -> dict[str, Any]:
    """Texts and numbers that a module has as attributes, and the facts of what it holds."""
    own = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, (str, int, float)) and not name.startswith("_")
    }
    return own | {name: SimpleNamespace(**_facts(child)) for name, child in module.named_children()}


def removed_blocks(groups: Iterable[Group], removed: Mapping[str, Tensor]) -> list[str]:
    """Paths of the blocks that go."""
    return [group.name for group in groups if group.kind == "layers" and bool(removed[group.name].all())]


def left_beside(groups: Iterable[Group], tensors: Collection[str]) -> list[Group]:
    """Groups of channels and heads, with the members that a network still has which lost its blocks."""
    left = [
        replace(group, members=tuple(m for m in group.members if m.tensor in tensors))
        for group in groups
        if group.kind != "layers"
    ]
    return [group for group in left if group.members]


def take_out(
    blocks: Collection[str],
    every: Sequence[nn.Module],
    comparison: Comparison,
    optimizers: Iterable[Optimizer],
    journal: Journal,
) -> Refused | None:
    """Put something that does nothing in the place of each block; optimizers forget its parameters.

    Args:
        blocks: paths of modules.
        every: the network and its copies.
        comparison: with the masked network, which shows how its blocks are called.
        optimizers: of the network.
        journal: takes it back.

    Returns:
        why not, where the masked network does not call a block, or not just once, or the block answers
        something else than it is given.
    """
    if not blocks:
        return None
    dropped = {id(p) for path in blocks for p in every[0].get_submodule(path).parameters()}
    calls = comparison.calls(blocks)
    for path in blocks:
        call = calls.once(path)
        skip = skip_of(call) if call is not None else None
        if skip is None:
            return _refused(path, calls.counts[path])
        for model in every:
            _replace(model, path, skip, journal)
    for optimizer in optimizers:
        _forget(optimizer, dropped, journal)
    return None


def _replace(model: nn.Module, path: str, skip: Skip, journal: Journal) -> None:
    block = model.get_submodule(path)
    parent, _, name = path.rpartition(".")
    substitute = nn.Identity() if skip.identity else Skipped(skip, block)
    journal.set(model.get_submodule(parent), name, substitute.train(block.training))


def _forget(optimizer: Optimizer, dropped: Collection[int], journal: Journal) -> None:
    """Parameters go from its groups, with their names where it has these, and what it keeps for them."""
    for group in optimizer.param_groups:
        stays = [id(parameter) not in dropped for parameter in group["params"]]
        for parameter, stay in zip(group["params"], stays, strict=True):
            if not stay and parameter in optimizer.state:
                journal.add(partial(optimizer.state.__setitem__, parameter, optimizer.state.pop(parameter)))
        for key in ("params", "param_names"):
            if key in group and not all(stays):
                journal.add(partial(group.__setitem__, key, group[key]))
                group[key] = [each for each, stay in zip(group[key], stays, strict=True) if stay]


def _refused(path: str, calls: int) -> Refused:
    what = f"is called {calls} times" if calls != 1 else "answers something else than it is given"
    return Refused(
        f"the block {path} {what}",
        f"The block {path} cannot be left out: without its weights it {what}. Expected one that is called "
        "once and adds something to its input. The cut was taken back: leave its layers out with skip.",
    )
