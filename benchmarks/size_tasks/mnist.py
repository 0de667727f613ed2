"""How far are the two LeNets pruned before their weights are shared?"""

from benchmarks.mnist_task import Mnist, lenet_5, lenet_300_100
from benchmarks.size_tasks.subject import Dense, Goal, Subject

from secateur import Distillation, Gradual, Recipe, Recovery

UNTAUGHT = Distillation(weight=0)
# On LeNet-5's validation images a teacher at temperature 4 with nearly all the weight was better than half of
# it at 1, and Taylor no better than magnitude.
TEACHER = Distillation(weight=0.9, temperature=4.0)

LENET_300_100 = Subject(
    name="LeNet-300-100",
    goal=Goal(times_smaller=60, points_lost=0, against="dense"),
    make=lambda options: Mnist(options, lenet_300_100),
    # The dense network of `benchmarks.mnist`. A dense network of 10,000 steps (98.24 %, mean of 3 seeds) lost
    # 0.1 points at 20 times fewer weights.
    dense=Dense(
        lenet_300_100,
        Recovery(steps=4000, learning_rate=1e-3, evaluate_every=400, distillation=UNTAUGHT),
    ),
    pruning=Recipe(
        sparsity=1 - 1 / 20,
        schedule=Gradual(end=0.5),
        floor=0.002,
        recovery=Recovery(
            steps=4000,
            learning_rate=4e-3,
            evaluate_every=400,
            distillation=Distillation(weight=0.5, temperature=1.0),
        ),
    ),
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
        sparsity=1 - 1 / 40,
        schedule=Gradual(end=0.6),
        floor=0.002,
        recovery=Recovery(
            steps=4000,
            learning_rate=2e-3,
            evaluate_every=500,
            checkpoint_every=4000,
            distillation=TEACHER,
        ),
    ),
)
