"""What are the moving parts of one training, and how do they stop and go on?"""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor, nn

from secateur.core.blame import users_code
from secateur.core.masks import Masks
from secateur.core.task import Calibration, Metric, Task
from secateur.errors import NumericalError, TaskError
from secateur.graph.weights import check_finite
from secateur.pruner import Pruner
from secateur.recipe import Recipe
from secateur.recovery import randomness
from secateur.recovery.batches import Batches
from secateur.recovery.batchnorm import reestimate_, tracks_statistics
from secateur.recovery.distil import Kind, Teacher
from secateur.recovery.judge import choose
from secateur.recovery.optimizer import learning_rate, make_optimizer
from secateur.recovery.progress import Progress


@dataclass(frozen=True)
class Point:
    """One evaluation: steps taken, sparsity, mean training loss since the last, metric value."""

    step: int
    sparsity: float
    loss: float | None
    value: float


@dataclass
class Training:
    """What a training left: the way it went, the masks, and whether the teacher was heard."""

    history: list[Point] = field(default_factory=list)
    masks: Masks = field(default_factory=Masks)
    taught: bool = False


class Run:
    """The moving parts of one training; `state_dict` holds all that a resume needs."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        recipe: Recipe,
        prune: bool,
        teacher: nn.Module | None,
        seed: int,
        progress: Progress,
    ) -> None:
        check_finite(model)
        self.model, self.task, self.recipe, self.progress = model, task, recipe, progress
        self.step = 0
        self.batches = Batches(task, seed)
        randomness.seed_everything(seed)
        with randomness.preserved():
            data = Calibration(task.batches, task.loss)
            self.pruner = Pruner(model, recipe, data=data) if prune else None
        self.optimizer = make_optimizer(model, recipe.recovery)
        self.history: list[Point] = []
        self.losses: list[float] = []
        self.best: tuple[Metric, dict[str, Tensor]] | None = None
        metric = self.look()
        self.teacher: Teacher | None = None
        distillation = recipe.recovery.distillation
        if teacher is not None and distillation.weight:
            kind: Kind = "classes" if metric.kind == "proportion" else "values"
            self.teacher = Teacher(teacher, model, distillation, kind)

    @property
    def sparsity(self) -> float:
        """Removed fraction of the weights that the recipe may touch."""
        return self.pruner.masks.sparsity if self.pruner else 0.0

    def advance(self) -> None:
        """One optimizer step, the masks after it, and an evaluation where one is due."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, self.step)
        self.model.train()
        loss = self._loss(next(self.batches))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.step += 1
        if self.pruner:
            with randomness.preserved():
                self.pruner.step()
            if self.pruner.rewound:
                self.optimizer = make_optimizer(self.model, self.recipe.recovery)
        self.progress.step(self.sparsity)
        options = self.recipe.recovery
        if self.step % options.evaluate_every == 0 or self.step == options.steps:
            self.look()

    def _loss(self, batch: Any) -> Tensor:
        with users_code("loss(model, batch)"):
            loss = self.task.loss(self.model, batch)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise TaskError(
                f"loss() answered {shape}. Expected a tensor with one value, to minimise: "
                "take the mean over the batch."
            )
        if self.teacher:
            loss = self.teacher.mixed(loss)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise NumericalError(
                f"The loss is {value} at step {self.step}, with a learning rate of "
                f"{learning_rate(self.recipe, self.step):.3g}. Lower recovery.learning_rate, or look for NaN "
                "or infinity in the training data."
            )
        self.losses.append(value)
        return loss

    def look(self) -> Metric:
        """Evaluate, write it down, and keep the network if it is the best with the whole goal removed."""
        metric = choose(self.task, self.model)
        mean_loss = sum(self.losses) / len(self.losses) if self.losses else None
        self.history.append(Point(self.step, self.sparsity, mean_loss, metric.value))
        self.losses.clear()
        self.progress.evaluated(metric)
        complete = self.pruner is None or self.pruner.finished
        if complete and (self.best is None or metric.better_than(self.best[0])):
            self.best = metric, _copied(self.model)
        return metric

    def finish(self) -> Training:
        """Go back to the best, and estimate the BatchNorm statistics anew where that is no worse."""
        assert self.best is not None, "a recipe's schedule comes to the whole goal within its steps"
        metric, state = self.best
        self.model.load_state_dict(state)
        options = self.recipe.recovery
        if options.steps and options.batchnorm_batches and tracks_statistics(self.model):
            batches = [next(self.batches) for _ in range(options.batchnorm_batches)]
            with randomness.preserved():
                reestimate_(self.model, self.task, batches)
            if metric.better_than(choose(self.task, self.model)):
                self.model.load_state_dict(state)
        self.model.eval()
        taught = self.teacher is not None and self.teacher.taught
        return Training(self.history, self.pruner.masks if self.pruner else Masks(), taught)

    def close(self) -> None:
        """Leave no hook on the model."""
        if self.teacher:
            self.teacher.close()

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next steps depend on."""
        metric, best = self.best or (None, {})
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "pruner": self.pruner.state_dict() if self.pruner else None,
            "random": randomness.get_state(),
            "batches": self.batches.state_dict(),
            "best_metric": asdict(metric) if metric else None,
            "best": best,
            "history": [asdict(point) for point in self.history],
            "losses": list(self.losses),
            "teacher": self.teacher.state_dict() if self.teacher else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint, bit for bit."""
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.pruner:
            self.pruner.load_state_dict(state["pruner"])
        self.batches.load_state_dict(state["batches"])
        self.best = (Metric(**state["best_metric"]), state["best"]) if state["best_metric"] else None
        self.history = [Point(**point) for point in state["history"]]
        self.losses = state["losses"]
        if self.teacher:
            self.teacher.load_state_dict(state["teacher"])
        randomness.set_state(state["random"])


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
