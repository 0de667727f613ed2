"""Do the attributes of a network's modules follow its tensors, until it answers as the masked one does?"""

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from torch import Tensor, nn

from secateur.surgery.certificate import Certificate, Comparison
from secateur.surgery.failure import Failure, Refused, explained, first_line, lines_inside, watching
from secateur.surgery.foreign import Change, Choice, Option, candidates, changes
from secateur.surgery.journal import Journal
from secateur.surgery.modules import changed, channels_of
from secateur.surgery.removal import Kept
from secateur.surgery.sizes import Sizes

ATTEMPTS = 40
"""Forward calls that looking for an attribute may take, at each place where the code fails."""
ROUNDING = 0.05
"""A larger difference is not put down to rounding, not even in 16 bits."""


def follow_attributes(
    every: Sequence[nn.Module],
    kept: Kept,
    near: Mapping[str, Sizes],
    comparison: Comparison,
    journal: Journal,
) -> Certificate | Refused:
    """Give attributes their new values and compare; where that fails, try further attributes.

    Args:
        every: the network and its copies, whose tensors are cut already.
        kept: tensor -> axis -> positions that stayed.
        near: as `secateur.surgery.foreign.sizes_near` answers it.
        comparison: with the masked network.
        journal: takes everything back.

    Returns:
        the certificate, or why the network does not follow.
    """
    _apply(every, list(_own_changes(every[0], kept)), journal)
    choice: dict[Option, int] = {}
    result = _attempt(every, near, choice, comparison, journal)
    while isinstance(result, Failure):
        # Where it runs but answers something else, nothing tells which module it is.
        places = result.inside or list(near)
        untried = dict.fromkeys(candidates(every[0], near, places))
        further = [(option, which) for option, which in untried if choice.get(option) != which]
        better: Certificate | Failure = result
        for option, which in islice(further, ATTEMPTS):
            better = _attempt(every, near, {**choice, option: which}, comparison, journal)
            if isinstance(better, Certificate) or better.done > result.done:
                choice[option] = which
                break
        else:
            return explained(every[0], near, result)
        result = better
    return result


def _attempt(
    every: Sequence[nn.Module],
    near: Mapping[str, Sizes],
    choice: Choice,
    comparison: Comparison,
    journal: Journal,
) -> Certificate | Failure:
    """Try one choice of attributes; what does not hold is taken back at once."""
    own = Journal()
    _apply(every, list(changes(every[0], near, choice)), own)
    result: Certificate | Failure = _compared(every, comparison, own)
    if isinstance(result, Certificate) and comparison.trains:
        result = _in_training(every[0], comparison) or result
    if isinstance(result, Failure):
        own.undo()
    else:
        journal.add(own.undo)
    return result


def _compared(every: Sequence[nn.Module], comparison: Comparison, journal: Journal) -> Certificate | Failure:
    model = every[0]
    with watching(model) as watch, _bare_norms_follow(every, journal):
        try:
            certificate = comparison(model)
        except Exception as error:  # the network's own code, which may raise anything
            done = (0, watch.done, *lines_inside(error))
            return Failure(list(watch.inside), done, first_line(error), error)
    if comparison.tolerance < certificate.relative < ROUNDING:
        with contextlib.suppress(Exception):  # not every network runs in float64
            certificate = comparison.precisely(model)
    if certificate.relative <= comparison.tolerance:
        return certificate
    text = f"its answers differ by {certificate.relative:.1e} of the largest, more than rounding explains"
    return Failure([], (0, watch.done), text)


def _in_training(model: nn.Module, comparison: Comparison) -> Failure | None:
    """Code that runs only there, such as a head of its own for the loss, is not in the network's graph."""
    trained = copy.deepcopy(model)
    with watching(trained) as watch:
        try:
            comparison.in_training(trained)
        except Exception as error:  # the network's own code, which may raise anything
            text = f"in training mode, {first_line(error)}"
            return Failure(list(watch.inside), (1, watch.done, *lines_inside(error)), text, error)
    return None


def _own_changes(model: nn.Module, kept: Kept) -> Iterator[Change]:
    """Of PyTorch's own modules."""
    by_module: dict[str, dict[str, Mapping[int, Tensor]]] = {}
    for tensor, axes in kept.items():
        path, _, name = tensor.rpartition(".")
        by_module.setdefault(path, {})[name] = axes
        if path.endswith("out_proj"):  # says how many heads its attention has left
            by_module.setdefault(path.rpartition(".")[0], {})
    for path, own in by_module.items():
        for name, value in changed(model.get_submodule(path), own):
            yield Change(path, name, value)
            if name == "__class__":
                yield from (Change(p, "use_nested_tensor", False) for p in _encoders_above(model, path))


def _encoders_above(model: nn.Module, path: str) -> Iterator[str]:
    """They turn padded inputs into nested tensors, which only PyTorch's fused layers take."""
    while path:
        path = path.rpartition(".")[0]
        if isinstance(model.get_submodule(path), nn.TransformerEncoder):
            yield path


def _apply(every: Sequence[nn.Module], wanted: Sequence[Change], journal: Journal) -> None:
    for model in every:
        for change in wanted:
            module: Any = model.get_submodule(change.module)
            holder, _, name = change.name.rpartition(".")
            if holder:  # a configuration that other modules share
                journal.set(module, holder, copy.copy(getattr(module, holder)))
                module = getattr(module, holder)
            journal.set(module, name, change.value)


@contextlib.contextmanager
def _bare_norms_follow(every: Sequence[nn.Module], journal: Journal) -> Iterator[None]:
    """Normalisations without tensors learn from what comes in."""

    def follow(path: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        x = inputs[0] if inputs else None
        wanted = channels_of(module, x.shape[1]) if isinstance(x, Tensor) and x.dim() > 1 else {}
        new = [Change(path, n, value) for n, value in wanted.items() if getattr(module, n) != value]
        _apply(every, new, journal)

    named = every[0].named_modules()
    handles = [module.register_forward_pre_hook(partial(follow, path)) for path, module in named]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
