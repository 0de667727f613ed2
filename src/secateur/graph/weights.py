"""Which parameters may a recipe prune?"""

import copy
from collections.abc import Container, Iterable, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.weight_norm import WeightNorm

from secateur.errors import NumericalError, RecipeError, did_you_mean

LISTED = 12  # names that a message shows


def prunable(
    model: nn.Module, only: Sequence[str] = ("*",), skip: Sequence[str] = (), *, normed: bool = True
) -> dict[str, nn.Parameter]:
    """Parameters with two or more axes whose names match `only` and not `skip`, in model order.

    Biases and normalisation scales have one axis: they are few and matter much, so they always stay.
    Tied weights appear once, under their first name.

    Args:
        model: any module.
        only: shell-style patterns, for instance `("features.*",)`; `"*"` also matches dots.
        skip: shell-style patterns of parameters to leave out, for instance `("head.weight",)`.
        normed: whether a chosen weight that is computed from others is refused; otherwise those of
            weight_norm are left out.

    Raises:
        RecipeError: a pattern matches no such parameter, nothing is left to prune, or zeros would not stay.
    """
    weights = {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.dim() >= 2 and parameter.is_floating_point() and parameter.numel() > 0
    }
    for field, patterns in (("only", only), ("skip", skip)):
        for pattern in patterns:
            if pattern != "*" and not any(fnmatchcase(name, pattern) for name in weights):
                raise RecipeError(
                    f"{field} = {pattern!r} matches no weight of the network."
                    f"{did_you_mean(pattern, weights)} It has: {_listed(list(weights))}."
                )
    parts = _normed(model)
    chosen = {
        name: parameter
        for name, parameter in weights.items()
        if any(fnmatchcase(name, pattern) for pattern in only)
        and not any(fnmatchcase(name, pattern) for pattern in skip)
        and (normed or name not in parts)
    }
    if not chosen:
        raise RecipeError(
            f"No weight is left to prune: only = {list(only)}, skip = {list(skip)}, and the network's "
            f"weights with two or more axes are: {_listed(list(weights)) or 'none'}."
        )
    for name in chosen if normed else ():
        if reason := _loses_zeros(model, name, name in parts):
            raise RecipeError(f"{reason} Or leave it out: skip = [{name!r}].")
    return chosen


def _loses_zeros(model: nn.Module, name: str, part: bool) -> str:
    """Why zeros of a parameter are not the zeros of its layer's weight; "" where they are."""
    if part:
        return (
            f"{name} is the length or the direction of a weight under weight_norm, and neither can be pruned "
            "alone. Fold them first: torch.nn.utils.parametrize.remove_parametrizations(layer, 'weight'), or "
            "torch.nn.utils.remove_weight_norm(layer)."
        )
    if name.endswith(".original") and not _passes_zeros(model, name):
        return (
            f"{name} goes through a parametrization that makes other numbers of its zeros, so nothing "
            "would be pruned. Fold it first: torch.nn.utils.parametrize.remove_parametrizations(layer, "
            "'weight')."
        )
    layer, _, own = name.rpartition(".")
    weight = own.removesuffix("_orig")
    if weight != own and f"{weight}_mask" in model.get_submodule(layer)._buffers:
        return (
            f"{name} is masked by torch.nn.utils.prune already, and its own numbers say nothing of these "
            f"zeros. Make them permanent first: torch.nn.utils.prune.remove(layer, {weight!r})."
        )
    return ""


def _normed(model: nn.Module) -> set[str]:
    """What weight_norm, the newer or the older, makes of a weight: the names of its length and direction."""
    found = set()
    for path, module in model.named_modules():
        own: list[str] = []
        if isinstance(module, parametrize.ParametrizationList):
            own = ["original0", "original1"]
        for hook in module._forward_pre_hooks.values():
            own += [f"{hook.name}_g", f"{hook.name}_v"] if isinstance(hook, WeightNorm) else []
        found |= {f"{path}.{name}".lstrip(".") for name in own}
    return found


def _passes_zeros(model: nn.Module, name: str) -> bool:
    """Is a weight 0 wherever its original is? True of spectral_norm, which divides it by a number."""
    made = model.get_submodule(name.rpartition(".")[0])
    if not isinstance(made, parametrize.ParametrizationList):
        return True
    trial = copy.deepcopy(made).eval()
    with torch.no_grad():
        gone = torch.arange(trial.original.numel()).reshape(trial.original.shape) % 2 == 0
        trial.original[gone] = 0
        weight = trial()
    return weight.shape == gone.shape and not bool(weight[gone].any())


def names_among(model: nn.Module, known: Container[str]) -> dict[str, str]:
    """Parameter -> that of its names which a graph or a file knows; what nothing reads is in neither.

    They differ where layers share a weight: its first name is PyTorch's, its last one the exporter's.
    """
    first = {id(parameter): name for name, parameter in model.named_parameters()}
    every = model.named_parameters(remove_duplicate=False)
    return {first[id(parameter)]: name for name, parameter in every if name in known}


def no_values(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """What is wrong with the first of them that is meta or lazy, in words; "" where all have values."""
    for name, tensor in tensors:
        if tensor.is_meta or nn.parameter.is_lazy(tensor):
            return (
                f"{name} has no values yet (a meta or lazy tensor). Expected a trained network: load its "
                "weights, or run one forward call."
            )
    return ""


def check_finite(model: nn.Module) -> None:
    """Refuse NaN and infinity in parameters and buffers; scores of such a network mean nothing."""
    tensors = [*model.named_parameters(), *model.named_buffers()]
    if wrong := no_values(tensors):
        raise NumericalError(wrong)
    for name, tensor in tensors:
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            bad = int((~torch.isfinite(tensor)).sum())
            raise NumericalError(
                f"{name} holds {bad} NaN or infinite values of {tensor.numel()}. Expected finite "
                "weights: load a checkpoint from before the training diverged."
            )


def _listed(names: list[str]) -> str:
    """The names, or the first of them and how many more."""
    shown = ", ".join(names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} and {len(names) - LISTED} more"
