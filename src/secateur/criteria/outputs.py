"""Which elements of a weight make which output channel?

For most layers a channel is a row. Transposed convolutions keep their outputs along axis 1, group by group;
embeddings along the last axis. The scores of a channel are shared out evenly over the elements that make it,
so that their sum over what makes it gives the channel's score back. What only reads it holds scores of other
channels.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from secateur.core.groups import Group

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
BatchNorm = nn.modules.batchnorm._BatchNorm


def owner(model: nn.Module, name: str) -> nn.Module:
    """The module that holds the parameter of this name."""
    return model.get_submodule(name.rpartition(".")[0])


def holders(model: nn.Module, names: Iterable[str]) -> Iterator[tuple[str, nn.Module]]:
    """Each with every module that holds it under its last name: layers may share a weight."""
    wanted = {}
    for name in names:
        own = name.rpartition(".")[2]
        wanted[own, id(owner(model, name)._parameters[own])] = name
    for module in model.modules():
        for own, parameter in module._parameters.items():
            if (own, id(parameter)) in wanted:
                yield wanted[own, id(parameter)], module


def made(group: Group, model: nn.Module) -> Group:
    """The group without members that only read its channels; blocks, and where none makes them, as it is."""

    def makes(tensor: str, rank: int) -> int:
        module = owner(model, tensor)
        if isinstance(module, EMBEDDINGS):
            return rank - 1
        return int(isinstance(module, TRANSPOSED) and rank > 1)

    makers = tuple(m for m in group.members if m.axis == makes(m.tensor, len(m.shape)))
    return replace(group, members=makers) if makers and group.kind != "layers" else group


def to_outputs(weight: Tensor, module: nn.Module) -> Tensor:
    """(channels, elements that make each) of a parameter of `module`."""
    if isinstance(module, TRANSPOSED) and weight.dim() > 1:  # (in, out / groups, *kernel)
        by_group = weight.reshape(module.groups, -1, *weight.shape[1:])
        return by_group.transpose(1, 2).reshape(module.groups * weight.shape[1], -1)
    if isinstance(module, EMBEDDINGS):
        return weight.T
    return weight.reshape(weight.shape[:1].numel(), -1)


def spread(channels: Tensor, weight: Tensor, module: nn.Module) -> Tensor:
    """Scores (channels,) of outputs, in the weight's shape: each shared out evenly over its elements."""
    places = to_outputs(torch.arange(weight.numel(), device=weight.device).reshape(weight.shape), module)
    scores = channels.new_empty(weight.numel())
    scores[places] = (channels / places.shape[1])[:, None]
    return scores.reshape(weight.shape)


def norms_behind(model: nn.Module) -> dict[str, str]:
    """Weight of a layer -> that of the BatchNorm right behind it."""
    norms: dict[str, str] = {}
    before = ("", 0)
    for place, module in model.named_modules():
        name = f"{place}.weight".lstrip(".")
        own = dict(module.named_parameters(recurse=False))
        if isinstance(module, BatchNorm) and before[1] == module.num_features and "weight" in own:
            norms[before[0]] = name
        if own:
            weight = own.get("weight")
            makes = 0 if weight is None or weight.dim() < 2 else len(to_outputs(weight, module))
            before = (name, makes)
    return norms
