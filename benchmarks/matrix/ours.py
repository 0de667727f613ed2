"""How does secateur cut a network when no one helps it?

Half of the channels of every group, to the channel; no weight is named. All calls into secateur are here.
"""

import copy
import time

from torch import Tensor, nn

from benchmarks.matrix.judge import Cut, Tell


def prune(model: nn.Module, inputs: tuple[Tensor, ...], tell: Tell) -> Cut:
    """Cut half of the channels of every group that secateur finds, in place."""
    from secateur import Channels, Recipe, find_masks
    from secateur.graph.structure import structure_of
    from secateur.surgery import cut

    tell("graph")
    start = time.process_time()
    structure = structure_of(model, inputs)
    seconds = time.process_time() - start
    tell("masks")
    recipe = Recipe(
        sparsity=0.5, pattern=Channels(round_to=1), measure="channels", allocation="uniform", floor=0.0
    )
    masks = find_masks(model, recipe, structure=structure)
    masked = copy.deepcopy(model)
    masks.apply_(masked)
    tell("cut")
    certificate = cut(model, masks, inputs, structure=structure)
    return Cut(len(structure.coupling.groups), masked, seconds, certificate.relative)
