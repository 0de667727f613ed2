"""How is each LeNet trained and pruned, and what did others reach with it?"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.common import Options
from benchmarks.mnist_task import lenet_5, lenet_300_100
from torch import nn

from secateur import Distillation, Gradual, Recipe, Recovery
from secateur.recovery import randomness
from secateur.stages import Stage

PATIENT = "4 times the steps"
TAYLOR = "Taylor instead of magnitude"


@dataclass(frozen=True)
class Subject:
    """A network, how it is pruned, and what others reached with it."""

    name: str
    make: Callable[[], nn.Module]
    steps: int  # of the dense network's training, and of each recovery
    ladder: tuple[int, ...]  # times fewer weights
    far: int  # of them, where other ways are tried with seed 0
    tries: tuple[tuple[int, str], ...]  # times fewer weights, and another way, with all seeds
    han: str  # error at 12 times fewer weights, arXiv 1506.02626
    surgery: int  # times fewer weights without loss, arXiv 1608.04493

    def recipe(self, options: Options) -> Recipe:
        """Gradual magnitude with distillation; chosen on the validation images."""
        steps = 20 if options.quick else self.steps
        recovery = Recovery(
            steps=steps,
            learning_rate=4e-3,
            evaluate_every=max(1, steps // 10),
            distillation=Distillation(weight=0.5, temperature=1.0),
        )
        return Recipe(schedule=Gradual(end=0.5), floor=0.002, recovery=recovery)

    def untrained(self, options: Options, seed: int) -> Stage:
        """The dense network's own training: no teacher, and a quarter of the learning rate."""
        recipe = self.recipe(options)
        alone = replace(recipe.recovery, learning_rate=1e-3, distillation=Distillation(weight=0))

        def start() -> nn.Module:
            randomness.seed_everything(seed)
            return self.make()

        return Stage("dense", replace(recipe, recovery=alone), start)


SUBJECTS = (
    Subject(
        name="LeNet-300-100",
        make=lenet_300_100,
        steps=4000,
        ladder=(16, 24, 32, 40, 56),
        far=56,
        tries=((56, PATIENT), (56, TAYLOR)),
        han="1.64 -> 1.59 %",
        surgery=56,
    ),
    Subject(
        name="LeNet-5",
        make=lenet_5,
        steps=2500,
        ladder=(32, 64, 108),
        far=64,
        tries=((64, PATIENT), (64, TAYLOR), (108, TAYLOR)),
        han="0.80 -> 0.77 %",
        surgery=108,
    ),
)
