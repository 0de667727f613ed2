"""How does secateur cut a network when no one helps it?

Half of the channels of every group, to the channel; no weight is named. All calls into secateur are here.
"""

import copy
import time
from dataclasses import replace

from benchmarks.matrix.judge import Cut, Tell
from torch import Tensor, nn


def prune(model: nn.Module, inputs: tuple[Tensor, ...], tell: Tell) -> Cut:
    """Cut half of the channels of every group that secateur finds, in place."""
    from secateur import Channels, Recipe, Uniform, cut, find_masks
    from secateur.graph.structure import structure_of
    from secateur.surgery import followed

    pattern = Channels(round_to=1)
    tell("graph")
    start = time.process_time()
    structure = structure_of(model, inputs)
    seconds = time.process_time() - start
    tell("follow")
    channels = replace(structure.coupling, groups=tuple(pattern.select(structure.groups)))
    structure = structure.with_coupling(followed(model, channels, inputs))
    tell("masks")
    recipe = Recipe(sparsity=0.5, measure="channels", pattern=pattern, allocation=Uniform())
    masks = find_masks(model, recipe, structure=structure)
    groups = structure.groups
    del structure  # its graph holds the weights once more
    masked = copy.deepcopy(model)
    masks.apply_(masked)
    tell("cut")
    done = cut(model, masks, groups, example_inputs=inputs)
    return Cut(len(done.removed), masked, seconds, done.certificate.relative)
