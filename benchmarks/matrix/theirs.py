"""How does torch-pruning cut a network when no one helps it?

As its README says: `BasePruner` with the group's L2 norm and half of the channels. Layers that make the
network's output are ignored, as the README tells to do by hand; here a rule finds them for every network.
What its examples write by hand for single architectures (numbers of heads, attributes that are set anew after
the cut, dimensions of parameters, layers to leave out) is not given, to neither tool.
"""

import copy
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.matrix.judge import Cut, Tell
from benchmarks.matrix.theirs_masked import Step, masked_network
from torch import Tensor, nn
from torch.utils import _pytree as pytree

LAYERS = (nn.modules.conv._ConvNd, nn.Linear, nn.MultiheadAttention, nn.RNNBase, nn.Embedding)


def prune(model: nn.Module, inputs: tuple[Tensor, ...], tell: Tell) -> Cut:
    """Cut half of the channels of every group that torch-pruning finds, in place."""
    import torch_pruning

    dense = copy.deepcopy(model)
    names: dict[Any, str] = {module: name for name, module in model.named_modules()}
    tell("graph")
    start = time.process_time()
    pruner = torch_pruning.pruner.BasePruner(
        model,
        inputs,
        importance=torch_pruning.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=0.5,
        ignored_layers=makers_of_output(model, inputs),
    )
    seconds = time.process_time() - start
    tell("cut")
    groups: list[list[Step]] = []
    for group in pruner.step(interactive=True):
        groups.append(list(_steps(group, names, pruner.DG._param_to_name)))
        group.prune()
    tell("masks")
    masked = masked_network(dense, model, [step for group in groups for step in group], inputs)
    return Cut(len(groups), masked, seconds)


def makers_of_output(model: nn.Module, inputs: tuple[Tensor, ...]) -> list[nn.Module]:
    """Layers whose result reaches an output with no other layer in between."""
    made: dict[Any, nn.Module] = {}

    def note(module: nn.Module, _: Any, answer: Any) -> None:
        first = answer[0] if isinstance(answer, tuple) else answer
        made[first.grad_fn] = module

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, LAYERS)]
    try:
        outputs = pytree.tree_leaves(model(*inputs))
    finally:
        for hook in hooks:
            hook.remove()
    todo: list[Any] = [x.grad_fn for x in outputs if isinstance(x, Tensor)]
    seen: set[Any] = {None}
    found: list[nn.Module] = []
    while todo:
        node = todo.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in made:
            found.append(made[node])
        else:
            todo += [previous for previous, _ in node.next_functions]
    return found


def _steps(group: Any, names: dict[Any, str], parameters: dict[Any, str]) -> Iterator[Step]:
    """What `group.prune()` is about to do, by names that hold in a copy as well."""
    for dep, positions in group:
        target, dimension = dep.target.module, dep.target.pruning_dim
        if isinstance(target, nn.Parameter):
            yield Step(parameters[target], dep.handler, dimension, list(positions), True)
        elif target in names:
            yield Step(names[target], dep.handler, dimension, list(positions), False)
