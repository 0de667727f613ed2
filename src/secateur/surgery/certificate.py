"""Does a cut network answer what the masked one answers?"""

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from secateur.errors import SurgeryError
from secateur.graph.calls import Calls, recording
from secateur.graph.skips import may_pass
from secateur.surgery.answers import Inputs, answers, call_in_training

SMALLEST = 1e-4  # of the largest output: what smaller ones count as


@dataclass(frozen=True)
class Certificate:
    """The masked and the cut network, compared.

    Attributes:
        max_abs_diff: the largest difference of any output.
        relative: the largest difference relative to the largest number of its output; see `compare`.
        inputs: how many inputs were compared, random ones and real ones.
        dtype: of the comparison; "float64" where rounding in float32 alone was above the tolerance.
    """

    max_abs_diff: float
    relative: float
    inputs: int
    dtype: str = "float32"


class Comparison:
    """The masked network's answers, to hold any number of cut ones against.

    Args:
        masked: the network; the comparison may change its dtype later.
        given: as `samples` answers them.
        random: how many of them, after the first, are random; those it does not take are left out.
        tolerance: largest difference, relative to the largest output.

    Raises:
        SurgeryError: it answers nothing that could be compared to its example or a real input, or only
            zeros.
    """

    def __init__(self, masked: nn.Module, given: Sequence[Inputs], random: int, tolerance: float) -> None:
        self.tolerance = tolerance
        self._masked = masked
        self._known: list[tuple[Inputs, list[Tensor]]] = []
        self._precise: list[tuple[Inputs, list[Tensor]]] = []
        for number, inputs in enumerate(given):
            if answer := _answer_to(masked, inputs, optional=1 <= number <= random):
                self._known.append((inputs, answer))
        if not any(tells(x) for _, answer in self._known for x in answer):
            raise SurgeryError(
                f"{type(masked).__name__} answers all its inputs with zeros, so nothing tells a right cut "
                "from a wrong one. Expected a trained network."
            )

    @property
    def inputs(self) -> list[Inputs]:
        """Those that are compared."""
        return [inputs for inputs, _ in self._known]

    def calls(self, paths: Collection[str]) -> Calls:
        """How the masked network calls some of its modules for its example."""
        with recording(self._masked, paths, may_pass) as calls:
            answers(self._masked, self._known[0][0])
        return calls

    def __call__(self, cut: nn.Module) -> Certificate:
        """How far a cut network is; whatever it raises passes."""
        return _certificate([(out, answers(cut, x)) for x, out in self._known])

    @cached_property
    def trains(self) -> bool:
        """Whether the masked network runs in training mode on its example alone, without targets."""
        inputs, _ = (self._precise or self._known)[0]  # of the dtype that the masked network has by now
        try:
            call_in_training(copy.deepcopy(self._masked), inputs)
        except Exception:  # the network's own code, which may raise anything
            return False
        return True

    def in_training(self, cut: nn.Module) -> None:
        """One call of a copy of the cut network in training mode; whatever it raises passes."""
        call_in_training(cut, self._known[0][0])

    def precisely(self, cut: nn.Module) -> Certificate:
        """The same in float64, where rounding does not hide what was cut wrongly."""
        if not self._precise:
            self._masked.double()
            inputs = [pytree.tree_map(_double, x) for x, _ in self._known]
            self._precise = [(x, answers(self._masked, x)) for x in inputs]
        double = copy.deepcopy(cut).double()
        return _certificate([(out, answers(double, x)) for x, out in self._precise])


def _double(value: Any) -> Any:
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


def _answer_to(masked: nn.Module, inputs: Inputs, optional: bool) -> list[Tensor]:
    """The answer; nothing where it cannot be used and is optional."""
    try:
        answer = answers(masked, inputs)
    except Exception as error:
        if optional:
            return []
        raise SurgeryError(
            f"{type(masked).__name__} does not run on the inputs that the cut is checked with: {error}. "
            "Expected the positional inputs of one forward call."
        ) from error
    if any(bool(torch.isfinite(x).any()) for x in answer):
        return answer
    if optional:
        return []
    raise SurgeryError(
        f"{type(masked).__name__} answers no finite number to its inputs, so nothing tells a right cut from "
        "a wrong one. Expected a tensor, or a structure that holds one, with finite numbers."
    )


def tells(output: Tensor) -> bool:
    """Whether a wrong cut could change it."""
    if not (output.is_floating_point() or output.is_complex()):
        return True
    return bool((torch.isfinite(output) & (output != 0)).any())


def compare(expected: Sequence[Tensor], got: Sequence[Tensor]) -> tuple[float, float]:
    """(largest difference, largest difference relative to the largest absolute value of its output).

    Outputs below 1e-4 of the largest one count as that large: what cancels in them may have been as large.
    """
    if [x.shape for x in expected] != [x.shape for x in got]:
        raise SurgeryError(
            f"it answers shapes {[tuple(x.shape) for x in got]}, the masked one "
            f"{[tuple(x.shape) for x in expected]}"
        )
    found: list[tuple[float, float]] = []
    for a, b in zip(expected, got, strict=True):
        if a.numel():
            a, b = (x.to(torch.complex128 if x.is_complex() else torch.float64) for x in (a, b))
            difference = (a - b).abs().masked_fill(_alike(a, b), 0.0)
            worst = float(difference.nan_to_num(torch.inf, torch.inf).max())
            found.append((worst, float(a.abs().nan_to_num(0.0, 0.0, 0.0).max())))
    least = max(SMALLEST * max((size for _, size in found), default=0.0), torch.finfo(torch.float32).tiny)
    return (
        max((worst for worst, _ in found), default=0.0),
        max((worst / max(size, least) for worst, size in found), default=0.0),
    )


def _alike(a: Tensor, b: Tensor) -> Tensor:
    """Equal, infinities included, or both no number."""
    return (a == b) | (a.isnan() & b.isnan())


def _certificate(pairs: Sequence[tuple[Sequence[Tensor], Sequence[Tensor]]]) -> Certificate:
    worst, relative = (max(each) for each in zip(*(compare(*pair) for pair in pairs), strict=True))
    floats = {str(x.dtype).removeprefix("torch.") for out, _ in pairs for x in out if x.is_floating_point()}
    return Certificate(worst, relative, len(pairs), min(floats, default="float32"))
