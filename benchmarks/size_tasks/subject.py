"""What does the file-size benchmark ask of a network, and how is it trained and pruned?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from benchmarks.common import Options
from torch import Tensor, nn

from secateur import Codebook, Compression, Distillation, Metric, Recipe, Recovery
from secateur.recovery import randomness
from secateur.stages import Stage

Batch = tuple[Tensor, Tensor]


class SizeTask(Protocol):
    """A task of the library whose network can be replaced by the one that was trained for a seed."""

    model: nn.Module

    @property
    def example_inputs(self) -> tuple[Tensor, ...]:
        """Of one forward call."""

    def batches(self) -> Iterator[Batch]:
        """One epoch."""

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy."""

    def evaluate(self, model: nn.Module) -> Metric:
        """Accuracy on what neither trains nor chooses."""

    def validate(self, model: nn.Module) -> Metric:
        """Accuracy on what chooses checkpoints and recipes."""


TAUGHT = Recovery(
    steps=600,
    learning_rate=1e-3,
    evaluate_every=100,
    distillation=Distillation(weight=0.9, temperature=4.0),
)
"""Centroids are few: they are where they belong after some hundred steps."""


@dataclass(frozen=True)
class Goal:
    """What the pruned, shared and coded network has to reach.

    Attributes:
        times_smaller: bytes of the dense network's safetensors file over those of the `.sct`.
        points_lost: percentage points of test accuracy, at most.
        against: the dense network as it was, or after as many more steps.
    """

    times_smaller: float
    points_lost: float
    against: Literal["dense", "dense_control"]


@dataclass(frozen=True)
class Dense:
    """How the dense network comes about: from chance, by these steps."""

    network: Callable[[], nn.Module]
    training: Recovery


@dataclass(frozen=True)
class Subject:
    """A network, its goal, and the recipes.

    Attributes:
        name: for people, and of the folders that keep its trained networks.
        goal: what is asked of it.
        make: the task; options that say quick give it fewer examples.
        dense: the training of the task's network; None where `make` brings it trained.
        pruning: chosen on the validation examples.
        sharing: what follows it.
        seeds: at most; a network that came trained has one.
    """

    name: str
    goal: Goal
    make: Callable[[Options], SizeTask]
    dense: Dense | None
    pruning: Recipe
    sharing: Compression = field(default_factory=lambda: Compression(Codebook(4), recovery=TAUGHT))
    seeds: int = 3

    def untrained(self, options: Options, seed: int) -> Stage | None:
        """The dense network's training; None where there is nothing to train."""
        if self.dense is None:
            return None
        network, training = self.dense.network, self.dense.training

        def start() -> nn.Module:
            randomness.seed_everything(seed)
            return network()

        return Stage("dense", _fitting(Recipe(recovery=training), options), start)

    def recipe(self, options: Options) -> Recipe:
        """How it is pruned and shared."""
        return _fitting(replace(self.pruning, compress=self.sharing), options)


def _fitting(recipe: Recipe, options: Options) -> Recipe:
    """A few steps where the options say quick."""
    if not options.quick:
        return recipe
    sharing = recipe.compress and replace(recipe.compress, recovery=_brief(recipe.compress.recovery))
    return replace(recipe, recovery=_brief(recipe.recovery), compress=sharing)


def _brief(recovery: Recovery) -> Recovery:
    return replace(recovery, steps=20, evaluate_every=10)
