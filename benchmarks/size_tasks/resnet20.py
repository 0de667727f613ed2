"""How far is ResNet-20 pruned before its weights are shared?"""

from benchmarks.cifar10_task import Cifar10
from benchmarks.size_tasks.subject import TAUGHT, Goal, Subject

from secateur import Codebook, Compression, Distillation, Gradual, Recipe, Recovery

RESNET_20 = Subject(
    name="ResNet-20",
    goal=Goal(times_smaller=20, points_lost=0.5, against="dense_control"),
    make=Cifar10,
    dense=None,
    pruning=Recipe(
        sparsity=0.8,
        # The rate is high until everything is gone: 2 to 5 points are lost on the way, and come back later.
        schedule=Gradual(end=0.4),
        recovery=Recovery(
            steps=7000,
            optimizer="sgd",
            learning_rate=0.05,
            weight_decay=1e-4,
            evaluate_every=500,
            distillation=Distillation(weight=0.9, temperature=4.0),
        ),
    ),
    sharing=Compression(Codebook(4), recovery=TAUGHT),
    seeds=1,
)
