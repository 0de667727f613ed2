"""What are the moving parts of one training, and how do they stop and go on?"""

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from secateur.core.blame import check_reached, users_code
from secateur.core.masks import Masks
from secateur.core.task import Calibration, Metric, Task
from secateur.errors import NumericalError, TaskError
from secateur.graph.weights import check_finite
from secateur.recipe import Recipe
from secateur.recovery import randomness
from secateur.recovery.batches import Batches
from secateur.recovery.batchnorm import reestimate_, tracks_statistics
from secateur.recovery.constraint import Grids, Hold
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
    """What a training left: the way it went, what holds of the weights, and whether the teacher was heard."""

    history: list[Point] = field(default_factory=list)
    masks: Masks = field(default_factory=Masks)
    grids: Grids = field(default_factory=Grids)
    taught: bool = False


@dataclass(frozen=True)
class Best:
    """The best network so far: its metric, its state, and where its numbers are rounded to."""

    metric: Metric
    state: dict[str, Tensor]
    grids: Grids


class Run:
    """The moving parts of one training; `state_dict` holds all that a resume needs."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        recipe: Recipe,
        hold: Hold,
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
            self.constraint = hold(model, recipe, data)
        self.optimizer = self._fresh_optimizer()
        self.history: list[Point] = []
        self.losses: list[float] = []
        self.best: Best | None = None
        self.last: Metric | None = None
        self.teacher: Teacher | None = None

    def begin(self, teacher: nn.Module | None) -> None:
        """Look for the first time; from then on the teacher is heard, if there is one.

        It compares classes or values: the metric's kind says which.
        """
        metric = self.look()
        distillation = self.recipe.recovery.distillation
        if teacher is not None and distillation.wanted:
            kind: Kind = "classes" if metric.kind == "proportion" else "values"
            self.teacher = Teacher(teacher, self.model, distillation, kind)

    @property
    def sparsity(self) -> float:
        """Removed fraction of the weights that the recipe may touch."""
        return self.constraint.masks.sparsity

    def _fresh_optimizer(self) -> Optimizer:
        return make_optimizer(self.constraint.parameters(), self.recipe.recovery)

    def advance(self) -> None:
        """One optimizer step, the masks after it, and an evaluation where one is due."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, self.step)
        self.model.train()
        loss = self._loss(next(self.batches))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if not self.step:
            check_reached(any(p.grad is not None for p in self.constraint.parameters()))
        self.constraint.before_step()
        self.optimizer.step()
        self.step += 1
        with randomness.preserved():
            self.constraint.step()
        if self.constraint.rewound:
            self.optimizer = self._fresh_optimizer()
        options = self.recipe.recovery
        if self.step % options.evaluate_every == 0 or self.step == options.steps:
            self.look()
        self.progress.step(self.sparsity)  # after the look, so that the last line shows the last value

    def _loss(self, batch: Any) -> Tensor:
        with users_code("loss(model, batch)"):
            loss = self.task.loss(self.model, batch)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise TaskError(
                f"loss() answered {shape}. Expected a tensor with one value, to minimise: "
                "take the mean over the batch."
            )
        check_reached(loss.requires_grad)
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
        metric = self.last = choose(self.task, self.model)
        mean_loss = sum(self.losses) / len(self.losses) if self.losses else None
        self.history.append(Point(self.step, self.sparsity, mean_loss, metric.value))
        self.losses.clear()
        self.progress.evaluated(metric)
        if self.constraint.finished and (self.best is None or metric.better_than(self.best.metric)):
            self.best = Best(metric, _copied(self.model), self.constraint.grids())
        return metric

    def finish(self) -> Training:
        """Go back to the best, and estimate the BatchNorm statistics anew where that is no worse."""
        assert self.best is not None, "a recipe's schedule comes to the whole goal within its steps"
        metric, state = self.best.metric, self.best.state
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
        return Training(self.history, self.constraint.masks, self.best.grids, taught)

    def close(self) -> None:
        """Leave no hook on the model."""
        self.constraint.close()
        if self.teacher:
            self.teacher.close()

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next steps depend on."""
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "constraint": self.constraint.state_dict(),
            "random": randomness.get_state(),
            "batches": self.batches.state_dict(),
            "best": _plain(self.best) if self.best else None,
            "history": [asdict(point) for point in self.history],
            "losses": list(self.losses),
            "teacher": self.teacher.state_dict() if self.teacher else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint, bit for bit."""
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.constraint.load_state_dict(state["constraint"])
        self.batches.load_state_dict(state["batches"])
        self.best = _best(state["best"]) if state["best"] else None
        self.history = [Point(**point) for point in state["history"]]
        self.losses = state["losses"]
        if self.teacher:
            self.teacher.load_state_dict(state["teacher"])
        if self.last is not None and self.history:  # what is shown is that of the network that goes on
            self.progress.evaluated(replace(self.last, value=self.history[-1].value))
        randomness.set_state(state["random"])


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _plain(best: Best) -> dict[str, Any]:
    grids = {"scales": dict(best.grids.scales), "ranges": dict(best.grids.ranges)}
    return {"metric": asdict(best.metric), "state": best.state, "grids": grids}


def _best(plain: dict[str, Any]) -> Best:
    return Best(Metric(**plain["metric"]), plain["state"], Grids(**plain["grids"]))
