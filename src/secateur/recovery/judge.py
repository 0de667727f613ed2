"""How good is a network now, without leaving a trace of having looked?"""

from collections.abc import Callable

import torch
from torch import nn

from secateur.core.blame import users_code
from secateur.core.modes import evaluation_mode
from secateur.core.task import Metric, Task
from secateur.errors import TaskError
from secateur.recovery import randomness


def choose(task: Task, model: nn.Module) -> Metric:
    """The metric that checkpoints are chosen by, in evaluation mode; draws leave no trace."""
    judge = getattr(task, "validate", task.evaluate)
    return evaluated(judge, model)


def evaluated(judge: Callable[[nn.Module], Metric], model: nn.Module) -> Metric:
    """What `judge(model)` answers in evaluation mode, without gradients or a trace in the generators.

    Raises:
        TaskError: the answer is no Metric.
    """
    what = f"{judge.__name__}(model)"
    with users_code(what), evaluation_mode(model), torch.no_grad(), randomness.preserved():
        metric = judge(model)
    if not isinstance(metric, Metric):
        raise TaskError(
            f"{what} answered {type(metric).__name__}. Expected secateur.Metric(name, value, "
            "n, higher_is_better)."
        )
    return metric
