"""How does torch-pruning cut a network when no one helps it?

As its README says: `BasePruner` with the group's L2 norm and half of the channels. Layers that make the
network's output are ignored, as the README tells to do by hand; here a rule finds them for every network.
What its examples write by hand for single architectures (numbers of heads, attributes that are set anew after
the cut, dimensions of parameters, layers to leave out) is not given, to neither tool.
"""

import copy
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.matrix.judge import Cut, Tell

LAYERS = (nn.modules.conv._ConvNd, nn.Linear, nn.MultiheadAttention, nn.RNNBase, nn.Embedding)


@dataclass(frozen=True)
class Step:
    """One thing that torch-pruning did: a function, called with a module or parameter and positions."""

    name: str
    handler: Callable[..., Any]
    dimension: int
    positions: list[int]
    parameter: bool


def prune(model: nn.Module, inputs: tuple[Tensor, ...], tell: Tell) -> Cut:
    """Cut half of the channels of every group that torch-pruning finds, in place."""
    import torch_pruning

    dense = copy.deepcopy(model)
    names = {module: name for name, module in model.named_modules()}
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
    steps: list[list[Step]] = []
    for group in pruner.step(interactive=True):
        steps.append(list(_steps(group, names, pruner.DG._param_to_name)))
        group.prune()
    tell("masks")
    return Cut(len(steps), _masked(dense, [s for group in steps for s in group]), seconds)


def makers_of_output(model: nn.Module, inputs: tuple[Tensor, ...]) -> list[nn.Module]:
    """Layers whose result reaches an output with no other layer in between."""
    made: dict[Any, nn.Module] = {}

    def note(module: nn.Module, given: Any, answer: Any) -> None:
        first = answer[0] if isinstance(answer, tuple) else answer
        made[first.grad_fn] = module

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, LAYERS)]
    try:
        outputs = torch.utils._pytree.tree_leaves(model(*inputs))
    finally:
        for hook in hooks:
            hook.remove()
    todo = [x.grad_fn for x in outputs if isinstance(x, Tensor)]
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


def _masked(dense: nn.Module, steps: Iterable[Step]) -> nn.Module | None:
    """The dense network with zeros for all that the steps remove, or None where masks do not tell.

    Which elements are gone is seen by doing the same to a network whose elements are their own numbers.
    """
    steps = list(steps)
    if any(_depends_on_width(dense, step) for step in steps):
        return None
    numbered = copy.deepcopy(dense)
    for parameter in numbered.parameters():
        parameter.data = torch.arange(parameter.numel(), dtype=torch.float64).view(parameter.shape)
    for step in steps:
        _repeat(numbered, step)
    left = dict(numbered.named_parameters())
    with torch.no_grad():
        for name, parameter in dense.named_parameters():
            gone = torch.ones(parameter.numel(), dtype=torch.bool)
            gone[left[name].flatten().long()] = False
            parameter.masked_fill_(gone.view(parameter.shape), 0.0)
    return dense


def _depends_on_width(dense: nn.Module, step: Step) -> bool:
    """Whether a module computes a mean over the channels it lost: then zeros are not the same as nothing.

    LayerNorm, GroupNorm, RMSNorm and convolutions with standardised weights do; BatchNorm does not.
    """
    module = dense.get_submodule(step.name.rpartition(".")[0] if step.parameter else step.name)
    kind = type(module).__name__
    return ("Norm" in kind and "BatchNorm" not in kind and "InstanceNorm" not in kind) or "Std" in kind


def _repeat(model: nn.Module, step: Step) -> None:
    step.handler.__self__.pruning_dim = step.dimension  # type: ignore[attr-defined]  # as Dependency does
    if not step.parameter:
        step.handler(model.get_submodule(step.name), step.positions)
        return
    owner, _, name = step.name.rpartition(".")
    module = model.get_submodule(owner)
    setattr(module, name, step.handler(getattr(module, name), step.positions))
