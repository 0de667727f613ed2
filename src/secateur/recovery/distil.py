"""What does the dense original teach the pruned network?"""

import copy
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from secateur.recipe import Distillation

Kind = Literal["classes", "values"]


class Teacher:
    """Mixes the task's loss with the distance to a frozen network's outputs on the same inputs.

    The task alone knows what a batch is. So the student's forward call is watched: the inputs that the
    task's loss passes to it go to the teacher too. `close()` ends the watch.

    Args:
        teacher: the dense original; a frozen copy is kept.
        student: the network in training.
        options: weight and temperature.
        kind: "classes" compares softened class probabilities, "values" the outputs themselves.
    """

    def __init__(self, teacher: nn.Module, student: nn.Module, options: Distillation, kind: Kind) -> None:
        self._teacher = copy.deepcopy(teacher).eval().requires_grad_(False)
        self._options = options
        self._kind = kind
        self._seen: tuple[tuple[Any, ...], dict[str, Any], Any] | None = None
        self._handle = student.register_forward_hook(self._watch, with_kwargs=True)
        self.taught = False

    def close(self) -> None:
        """Stop watching the student."""
        self._handle.remove()

    def mixed(self, loss: Tensor) -> Tensor:
        """The task's loss of the last forward call, mixed with the distance to the teacher.

        Where the outputs do not allow a comparison (not one floating-point tensor), or the loss did not
        call the network, the loss itself; `taught` stays False then, and the report says so.
        """
        seen, self._seen = self._seen, None
        if seen is None or not isinstance(seen[2], Tensor) or not seen[2].is_floating_point():
            return loss
        args, kwargs, output = seen
        with torch.no_grad():
            target = self._teacher(*args, **kwargs)
        self.taught = True
        distance = output_distance(output, target, self._kind, self._options.temperature)
        return (1 - self._options.weight) * loss + self._options.weight * distance

    def _watch(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if torch.is_grad_enabled():
            self._seen = args, kwargs, output


def output_distance(student: Tensor, teacher: Tensor, kind: Kind, temperature: float) -> Tensor:
    """How far two outputs of equal shape are apart; a scalar.

    "classes": temperature^2 * KL(teacher || student) of softmax(outputs / temperature), averaged over
    examples and positions (arXiv 1503.02531). Classes are axis 1, and the last axis of three.
    "values", and outputs of one class: mean squared error over the teacher's variance.
    """
    axis = -1 if student.dim() in (1, 3) else 1
    if kind == "classes" and student.shape[axis] > 1:
        log_student = F.log_softmax(student / temperature, axis)
        log_teacher = F.log_softmax(teacher / temperature, axis)
        divergence = F.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(axis)
        return temperature**2 * divergence.mean()
    return F.mse_loss(student, teacher) / teacher.var(correction=0).clamp_min(1e-12)
