"""How do the weights move: which optimizer, at which learning rate?"""

import math
from collections.abc import Sequence

import torch
from torch import nn

from secateur.recipe import Recipe, Recovery


def make_optimizer(parameters: Sequence[nn.Parameter], options: Recovery) -> torch.optim.Optimizer:
    """The recipe's optimizer."""
    rate, decay = options.learning_rate, options.weight_decay
    if options.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=options.momentum, weight_decay=decay)
    kind = torch.optim.Adam if options.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, lr=rate, weight_decay=decay)


def learning_rate(recipe: Recipe, step: int) -> float:
    """The rate of one step, from the step alone: there is no scheduler state to lose.

    cosine: rate / 2 * (1 + cos(pi * t)), with t the fraction of the schedule's round that is over.
    """
    options = recipe.recovery
    if options.decay == "constant":
        return options.learning_rate
    start, length = recipe.schedule.round(step, options.steps)
    return options.learning_rate / 2 * (1 + math.cos(math.pi * (step - start) / length))
