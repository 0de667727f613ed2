"""How far are the two LeNets pruned before their weights are shared?"""

from dataclasses import replace

from benchmarks.mnist_task import Mnist, lenet_5, lenet_300_100
from benchmarks.size_tasks.subject import Dense, Goal, Subject

from secateur import Distillation, Gradual, Recipe, Recovery

UNTAUGHT = Distillation(weight=0)
# On the validation images SGD at a high rate was better than Adam (98.64 against 98.46 % on LeNet-300-100), a
# teacher at temperature 4 with nearly all the weight better than half of it at 1, Taylor no better than
# magnitude, and shifted images brought less than they cost.
TAUGHT = Recovery(
    steps=12_000,
    optimizer="sgd",
    learning_rate=0.1,
    weight_decay=1e-4,
    evaluate_every=500,
    checkpoint_every=4000,
    distillation=Distillation(weight=0.9, temperature=4.0),
)

LENET_300_100 = Subject(
    name="LeNet-300-100",
    goal=Goal(times_smaller=60, points_lost=0, against="dense"),
    make=lambda options: Mnist(options, lenet_300_100),
    dense=Dense(
        lenet_300_100,
        Recovery(steps=10_000, learning_rate=1e-3, evaluate_every=1000, distillation=UNTAUGHT),
    ),
    pruning=Recipe(sparsity=1 - 1 / 20, schedule=Gradual(end=0.6), floor=0.002, recovery=TAUGHT),
)

LENET_5 = Subject(
    name="LeNet-5",
    goal=Goal(times_smaller=100, points_lost=0, against="dense"),
    make=lambda options: Mnist(options, lenet_5),
    dense=Dense(
        lenet_5,
        Recovery(steps=4000, learning_rate=1e-3, evaluate_every=500, distillation=UNTAUGHT),
    ),
    pruning=Recipe(
        sparsity=1 - 1 / 36,
        schedule=Gradual(end=0.6),
        floor=0.002,
        recovery=replace(TAUGHT, steps=6000, learning_rate=0.05),
    ),
)
