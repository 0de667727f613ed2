"""Which networks lose channels in the benchmark, and how are they trained?"""

import copy
from dataclasses import dataclass, replace

from benchmarks.channels_rival import fixed_streams
from benchmarks.cifar10_task import Cifar10, Quick
from benchmarks.common import Options
from torch import nn

from secateur import Channels, Distillation, Recipe, Recovery, find_masks, refit_
from secateur.allocation import GlobalRank
from secateur.core.task import Calibration
from secateur.criteria import Taylor
from secateur.export import state_hash
from secateur.graph.structure import Structure
from secateur.recovery import randomness
from secateur.schedules import OneShot
from secateur.surgery import Certificate, cut

TIMES_FEWER = 2.1  # multiply-adds


@dataclass(frozen=True)
class Subject:
    """One network of the benchmark.

    Attributes:
        name: for people.
        task: its data and yardstick; `task.model` is the trained network.
        told: modules that torch-pruning must be told to leave alone.
        origin: what is to be known of the network.
    """

    name: str
    task: Cifar10
    told: tuple[str, ...]
    origin: str

    @property
    def label(self) -> str:
        """Names what is trained from these very weights in the work folder."""
        return f"{self.name.lower()}-{state_hash(self.task.model)[:8]}"


def recipe(steps: int, learning_rate: float, features: float) -> Recipe:
    """Whole channels, as many as it takes; chosen in short trials of ResNet-20 on validation images.

    `features`, of the distillation, is heard where blocks keep the channels that they answer.
    """
    recovery = Recovery(
        steps=steps,
        optimizer="sgd",
        learning_rate=learning_rate,
        weight_decay=1e-4,
        evaluate_every=max(1, steps // 3),
        distillation=Distillation(weight=0.5, temperature=4.0, features=features),
        refit_batches=8,
    )
    return Recipe(
        sparsity=1 - 1 / TIMES_FEWER,
        criterion=Taylor(),
        pattern=Channels(pool="sum", relative=False, round_to=1),
        allocation=GlobalRank(per_cost=True),
        schedule=OneShot(),
        measure="multiply_adds",
        recovery=recovery,
    )


def unpruned(asked: Recipe) -> Recipe:
    """The same training of a network that loses nothing on the way."""
    return Recipe(sparsity=0.0, schedule=OneShot(), recovery=asked.recovery)


@dataclass(frozen=True)
class Narrow:
    """A network to start from, its name in the work folder, and how well secateur's cut held."""

    name: str
    model: nn.Module
    certificate: Certificate | None = None


def narrowed(task: Cifar10, structure: Structure, asked: Recipe, seed: int) -> Narrow:
    """A copy without the channels that the recipe removes."""
    model = copy.deepcopy(task.model)
    randomness.seed_everything(seed)
    data = Calibration(task.batches, task.loss)
    masks = find_masks(model, asked, data=data, structure=structure)
    masks.apply_(model)
    refit_(model, task.model, masks, replace(data, limit=asked.recovery.refit_batches))
    done = cut(model, masks, structure.groups, example_inputs=task.example_inputs)
    return Narrow(f"secateur-{asked.fingerprint}", model, done.certificate)


def resnet20(options: Options) -> Subject:
    """The network of the data folder."""
    task = Cifar10(options)
    assert isinstance(task.model, Quick)
    told = tuple(fixed_streams(task.model.net))
    origin = (
        "The network of the data folder, trained for a long time. Its shortcuts pad with zeros, so the "
        "channels that blocks add to stay. torch-pruning fails on these shortcuts unless it is told which "
        f"modules to leave alone, here {len(told)}."
    )
    return Subject("ResNet-20", task, told, origin)
