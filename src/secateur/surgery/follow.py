"""Do the attributes of a network's modules follow its tensors, until it answers as the masked one does?"""

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from torch import Tensor, nn

from secateur.surgery.certificate import Certificate, Comparison
from secateur.surgery.failure import line_of, watching
from secateur.surgery.foreign import (
    Change,
    Choice,
    Option,
    Sizes,
    candidates,
    changes,
    new_values,
    numbers,
    reads,
)
from secateur.surgery.journal import Journal
from secateur.surgery.modules import changed, channels_of
from secateur.surgery.removal import Kept

ATTEMPTS = 24
"""Forward calls that looking for further attributes may take."""


@dataclass(frozen=True)
class Refused:
    """Why a cut does not hold, in short and with what can be done."""

    short: str
    message: str


@dataclass(frozen=True)
class Failure:
    """An attempt that did not hold.

    Attributes:
        inside: modules from the outermost to the one that failed; empty where the numbers differ.
        done: calls of modules that ended before.
        text: what happened.
    """

    inside: list[str]
    done: int
    text: str
    error: Exception | None = None


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
    left = ATTEMPTS
    while isinstance(result, Failure):
        further = (
            (option, which)
            for option, which in candidates(every[0], near, result.inside)
            if choice.get(option) != which
        )
        better: Certificate | Failure = result
        for option, which in islice(further, left):
            left -= 1
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
    result = _compared(every, comparison, own)
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
            return Failure(list(watch.inside), watch.done, _first_line(error), error)
    if certificate.relative <= comparison.tolerance:
        return certificate
    with contextlib.suppress(Exception):  # not every network runs in float64
        precise = comparison.precisely(model)
        if precise.relative <= comparison.tolerance:
            return precise
        certificate = precise
    return Failure([], watch.done, f"answers differ by {certificate.relative:.1e} of the largest one")


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


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def explained(model: nn.Module, near: Mapping[str, Sizes], failure: Failure) -> Refused:
    """Which module failed, where in its code, which attribute it may be, and what can be done."""
    if not failure.inside:
        return Refused(
            f"the network's code depends on the width: its {failure.text}",
            f"The cut network runs, but its {failure.text}, more than rounding explains. Something in its "
            "code depends on a width without failing, such as a scale or a mean. The cut was taken back: "
            "leave layers out with skip until it holds.",
        )
    path = failure.inside[-1]
    kind = type(model.get_submodule(path)).__name__
    where = f"{kind} {path!r}" if path else kind
    line = line_of(failure.error) if failure.error else ""
    named = list(_suspects(model, near, failure.inside))
    short = f"the code of {where} does not follow{f' ({line})' if line else ''}"
    return Refused(
        short + (f"; attributes: {', '.join(named)}" if named else ""),
        f"The cut network does not run: {where} failed{f' at {line}' if line else ''} ({failure.text}). "
        + (f"Attributes that may hold the old width: {', '.join(named)}. " if named else "")
        + "The cut was taken back: leave the layer out with skip, or let its code compute the width "
        "from its input, for instance reshape(b, n, -1).",
    )


def _suspects(model: nn.Module, near: Mapping[str, Sizes], inside: Sequence[str]) -> Iterator[str]:
    """`blocks.0.attn.num_heads = 12`, the innermost first, four at most."""
    found = (
        f"{path}.{name} = {value}" if path else f"{name} = {value}"
        for path in reversed(inside)
        if path in near
        for name, value in numbers(model.get_submodule(path))
        if new_values(name, value, near[path]) and reads(type(model.get_submodule(path)), name)
    )
    return islice(found, 4)
