"""How is the accuracy brought back? The options of recovery training."""

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

from secateur.core.protocols import Penalty
from secateur.errors import RecipeError, did_you_mean
from secateur.penalties import GroupLasso

Optimizer = Literal["adam", "adamw", "sgd"]
Decay = Literal["cosine", "constant"]


@dataclass(frozen=True)
class Distillation:
    """Learning from the dense original (Hinton et al., arXiv 1503.02531; Romero et al., arXiv 1412.6550).

    loss = (1 - weight) * task loss + weight * distance of the outputs + features * distance of the blocks.
    The outputs' distance is temperature^2 * KL divergence of softened class probabilities where the metric
    is a proportion and the network answers one tensor, and the mean squared error, in units of the
    original's variance, elsewhere: the mean over all floating-point tensors of a tuple or dictionary. That of
    the blocks, modules inside that hold at least two layers, is always the latter, and the mean over all
    blocks that answer the same shape in both networks.
    """

    weight: float = 0.5  # 0 turns it off
    temperature: float = 4.0
    features: float = 0.0  # 0 turns it off

    @property
    def wanted(self) -> bool:
        """Does the original teach at all?"""
        return self.weight > 0 or self.features > 0

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise RecipeError(f"distillation weight = {self.weight}: expected 0 (off) to 1.")
        if not self.temperature > 0:
            raise RecipeError(f"distillation temperature = {self.temperature}: expected above 0.")
        if not 0 <= self.features < math.inf:
            raise RecipeError(
                f"distillation features = {self.features}: expected 0 (off) or a finite number above 0."
            )


@dataclass(frozen=True)
class Recovery:
    """Training under the masks.

    Attributes:
        steps: optimizer steps; 0 prunes without recovery.
        optimizer: "adam", "adamw" or "sgd".
        learning_rate: at the start (of each round, where weights rewind).
        decay: of the learning rate: "cosine" down to 0, or "constant".
        momentum: of "sgd".
        weight_decay: of every optimizer.
        distillation: how much the dense original teaches.
        evaluate_every: steps between evaluations; the best network at full sparsity is kept.
        checkpoint_every: steps between checkpoints on disk.
        batchnorm_batches: batches that re-estimate BatchNorm statistics at the end; 0 leaves them.
        refit_batches: batches on which layers are fitted again, in closed form, when all has gone at once;
            0 leaves that to training.
        penalty: what pulls channels, heads and blocks towards zero before they are removed; None for nothing.
    """

    steps: int = 1000
    optimizer: Optimizer = "adam"
    learning_rate: float = 1e-3
    decay: Decay = "cosine"
    momentum: float = 0.9
    weight_decay: float = 0.0
    distillation: Distillation = field(default_factory=Distillation)
    evaluate_every: int = 100
    checkpoint_every: int = 100
    batchnorm_batches: int = 20
    refit_batches: int = 0
    penalty: Penalty | None = None

    def __post_init__(self) -> None:
        least = {"steps": 0, "evaluate_every": 1, "checkpoint_every": 1}
        for name, low in (least | {"batchnorm_batches": 0, "refit_batches": 0}).items():
            if getattr(self, name) < low:
                raise RecipeError(f"{name} = {getattr(self, name)}: expected at least {low}.")
        if not 0 < self.learning_rate < math.inf:
            raise RecipeError(f"learning_rate = {self.learning_rate}: expected a finite number above 0.")
        if not 0 <= self.momentum < 1:
            raise RecipeError(f"momentum = {self.momentum}: expected 0 up to, not including, 1.")
        if not 0 <= self.weight_decay < math.inf:
            raise RecipeError(f"weight_decay = {self.weight_decay}: expected 0 or more.")
        if isinstance(self.penalty, (str, type)):
            raise RecipeError(f"penalty = {self.penalty!r}: expected an object, such as {GroupLasso()}.")
        for name, known in (("optimizer", get_args(Optimizer)), ("decay", get_args(Decay))):
            value = getattr(self, name)
            if value not in known:
                raise RecipeError(
                    f"{name} = {value!r} is unknown.{did_you_mean(value, known)} Known: {', '.join(known)}."
                )
