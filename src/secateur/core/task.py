"""What the user brings: a trained network, its data, its loss and its yardstick."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from torch import Tensor, nn

from secateur.errors import TaskError

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


@dataclass(frozen=True)
class Metric:
    """What `Task.evaluate` answers.

    Attributes:
        name: for people, for instance "accuracy".
        value: a fraction in [0, 1] for a proportion, any finite number for a mean.
        n: examples it was computed on.
        higher_is_better: the direction.
        kind: "proportion" (right or wrong per example) or "mean" (a number per example).
        std: standard deviation over the examples, for a mean; gives it a confidence interval.
    """

    name: str
    value: float
    n: int
    higher_is_better: bool = True
    kind: Literal["proportion", "mean"] = "proportion"
    std: float | None = None

    def __post_init__(self) -> None:
        # Tensors and NumPy numbers are what an evaluation has at hand; the report wants plain ones.
        object.__setattr__(self, "value", float(self.value))
        object.__setattr__(self, "n", int(self.n))
        if self.std is not None:
            object.__setattr__(self, "std", float(self.std))
            if not (math.isfinite(self.std) and self.std >= 0):
                raise TaskError(f"The metric {self.name} has std = {self.std}. Expected 0 or more.")
        if self.kind not in ("proportion", "mean"):
            raise TaskError(
                f"The metric {self.name} has kind = {self.kind!r}. Expected 'proportion' or 'mean'."
            )
        if not math.isfinite(self.value):
            raise TaskError(
                f"The metric {self.name} is {self.value}. Expected a finite number: look for "
                "NaN or infinity in the network's outputs or in the evaluation data."
            )
        if self.n < 1:
            raise TaskError(f"The metric {self.name} counted n = {self.n} examples. Expected at least 1.")
        if self.kind == "proportion" and not 0 <= self.value <= 1:
            raise TaskError(
                f"The metric {self.name} is {self.value}, a proportion outside [0, 1]. Divide "
                'by the number of examples, or say Metric(..., kind="mean").'
            )

    @property
    def ci95(self) -> tuple[float, float] | None:
        """95 % confidence interval: Wilson's for a proportion, normal for a mean with `std`."""
        if self.kind == "proportion":
            centre = (self.value + Z95**2 / (2 * self.n)) / (1 + Z95**2 / self.n)
            variance = self.value * (1 - self.value) / self.n + Z95**2 / (4 * self.n**2)
            half = Z95 * math.sqrt(variance) / (1 + Z95**2 / self.n)
        elif self.std is not None:
            centre, half = self.value, Z95 * self.std / math.sqrt(self.n)
        else:
            return None
        return centre - half, centre + half

    def better_than(self, other: "Metric") -> bool:
        """Whether this value is strictly better than the other's."""
        return self.value > other.value if self.higher_is_better else self.value < other.value

    def __str__(self) -> str:
        shown = f"{100 * self.value:.2f} %" if self.kind == "proportion" else f"{self.value:.4g}"
        return f"{self.name} {shown}"


@runtime_checkable
class Task(Protocol):
    """The user's network and data. Nothing else in secateur knows what a batch is.

    Some more members are used where they exist:

    - `validate(model) -> Metric`: chooses the best checkpoint, so that `evaluate` stays untouched;
    - `narrow(width: float) -> nn.Module`: the same architecture, untrained, with `width` times the
      channels; gives the small dense baseline;
    - `training_steps: int`: optimizer steps the dense network was trained for; the small dense
      baseline gets as many before its share of recovery;
    - `license: str` and `model_card: str`: texts that go into the saved file, as they are.
    """

    @property
    def model(self) -> nn.Module:
        """The trained network; an ordinary attribute will do."""

    @property
    def example_inputs(self) -> tuple[Tensor, ...]:
        """Positional inputs of one forward call; the first axis of each is the batch."""

    def batches(self) -> Iterable[Any]:
        """One epoch of training batches.

        Shuffle with torch's, NumPy's or Python's global generator: their states are kept in checkpoints,
        so that a resumed run sees the same batches.
        """

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        """A scalar to minimise."""

    def evaluate(self, model: nn.Module) -> Metric:
        """The yardstick, on examples that `batches` never yields."""


@dataclass(frozen=True)
class Calibration:
    """The part of a task that data-driven criteria need."""

    batches: Callable[[], Iterable[Any]]
    loss: Callable[[nn.Module, Any], Tensor]
    limit: int = 16  # batches used

    def __post_init__(self) -> None:
        for name, given in (("batches", self.batches), ("loss", self.loss)):
            if not callable(given):
                raise TaskError(
                    f"{name} is a {type(given).__name__}. Expected a function: batches=lambda: loader, which "
                    "answers the batches anew each time, and loss(model, batch), which answers a scalar."
                )
