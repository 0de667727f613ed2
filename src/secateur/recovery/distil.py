"""What does the dense original teach the pruned network?"""

import copy
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from secateur.recipe import Distillation
from secateur.recovery.features import Features

Kind = Literal["classes", "values"]


class Teacher:
    """Mixes the task's loss with the distance to what a frozen network answers to the same inputs.

    The task alone knows what a batch is. So the student's forward call is watched: the inputs that the
    task's loss passes to it go to the teacher too. `close()` ends the watch.

    Args:
        teacher: the dense original; a frozen copy is kept.
        student: the network in training.
        options: weights and temperature.
        kind: "classes" compares softened class probabilities, "values" the outputs themselves, in units of
            the teacher's variance; one output per example, and several tensors, are compared as values in
            any case.
    """

    def __init__(self, teacher: nn.Module, student: nn.Module, options: Distillation, kind: Kind) -> None:
        self._teacher = copy.deepcopy(teacher).eval().requires_grad_(False)
        self._options = options
        self._kind = kind
        self._seen: tuple[tuple[Any, ...], dict[str, Any], Any] | None = None
        self._handle = student.register_forward_hook(self._watch, with_kwargs=True)
        self._spreads: dict[int, _Spread] = {}
        self._features = Features(self._teacher, student) if options.features else None
        self.taught = False

    def __deepcopy__(self, _: object) -> "Teacher":
        """Itself: a copy of the student brings the hook along, not a teacher or a graph of its own."""
        return self

    def close(self) -> None:
        """Stop watching the student."""
        self._handle.remove()
        if self._features:
            self._features.close()

    def mixed(self, loss: Tensor) -> Tensor:
        """The task's loss of the last forward call, mixed with the distances to the teacher.

        Where neither outputs (without a floating-point tensor) nor blocks allow a comparison, or the loss
        did not call the network, the loss itself; `taught` stays False then, and the report says so.
        """
        seen, self._seen = self._seen, None
        if seen is None or not (self._features or _floats(seen[2])):
            if self._features:
                self._features.forget()
            return loss
        args, kwargs, output = seen
        with torch.no_grad():
            target = self._teacher(*args, **kwargs)
        distance = self._apart(output, target) if self._options.weight else None
        if distance is not None:
            loss = (1 - self._options.weight) * loss + self._options.weight * distance
        inside = self._features.distance(output) if self._features else None
        if inside is not None:
            loss = loss + self._options.features * inside
        self.taught = self.taught or distance is not None or inside is not None
        return loss

    def _apart(self, output: Any, target: Any) -> Tensor | None:
        """The distance of the outputs; None where a network answers something else when it does not train."""
        own, wanted = _floats(output), _floats(target)
        if [x.shape for x in own] != [x.shape for x in wanted]:
            return None
        if len(own) == 1 and self._kind == "classes" and _classes(own[0]) > 1:
            return class_distance(own[0], wanted[0], self._options.temperature)
        apart = []
        for index, (x, y) in enumerate(zip(own, wanted, strict=True)):
            spread = self._spreads.setdefault(index, _Spread())
            spread.add(y)
            if spread.variance > 0:
                apart.append(F.mse_loss(x, y) / spread.variance)
        return torch.stack(apart).mean() if apart else None

    def state_dict(self) -> dict[str, Any]:
        """What the next steps depend on."""
        return {"taught": self.taught, "spreads": {i: dict(vars(s)) for i, s in self._spreads.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.taught = state["taught"]
        self._spreads = {index: _Spread(**spread) for index, spread in state["spreads"].items()}

    def _watch(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if torch.is_grad_enabled():
            self._seen = args, kwargs, output


def _floats(output: Any) -> list[Tensor]:
    """The floating-point tensors of an answer, be it one, a tuple or a dictionary; empty ones say nothing."""
    leaves = pytree.tree_leaves(output)
    return [x for x in leaves if isinstance(x, Tensor) and x.is_floating_point() and x.numel()]


def class_distance(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """How far two networks' class probabilities are apart; a scalar.

    temperature^2 * KL(teacher || student) of softmax(outputs / temperature), averaged over examples and
    positions (arXiv 1503.02531). Classes are axis 1, and the last axis of three.
    """
    axis = _class_axis(student)
    log_student = F.log_softmax(student / temperature, axis)
    log_teacher = F.log_softmax(teacher / temperature, axis)
    divergence = F.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(axis)
    return temperature**2 * divergence.mean()


def _class_axis(outputs: Tensor) -> int:
    return -1 if outputs.dim() == 3 else 1


def _classes(outputs: Tensor) -> int:
    """How many classes the outputs rank; one value per example is not a ranking."""
    return outputs.shape[_class_axis(outputs)] if outputs.dim() > 1 else 1


@dataclass
class _Spread:
    """The variance of everything that was added, by Welford's update; one batch alone may have none."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: Tensor) -> None:
        """Join the values of one more batch."""
        wide = values.double()
        count, mean = wide.numel(), float(wide.mean())
        shift, total = mean - self.mean, self.count + count
        self.squares += float((wide - mean).square().sum()) + shift**2 * self.count * count / total
        self.mean += shift * count / total
        self.count = total

    @property
    def variance(self) -> float:
        """0 until two different values were seen."""
        return self.squares / self.count if self.count else 0.0
