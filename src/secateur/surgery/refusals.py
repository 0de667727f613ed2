"""Which networks would be cut wrongly without anyone noticing?"""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod

from secateur.core.copies import first_difference, unwrapped
from secateur.core.groups import Group, another
from secateur.errors import SurgeryError
from secateur.surgery.slicing import named_tensors

WRAPPERS = {"DataParallel": "module", "DistributedDataParallel": "module", "OptimizedModule": "_orig_mod"}
"""What holds copies, buckets or compiled code of what it wraps; names, as importing these takes long."""


def refuse_arguments(groups: object, optimizers: object, copies: object) -> None:
    """Raise where one thing was given in place of several.

    Raises:
        SurgeryError: says what to write.
    """
    expected = (
        ("groups", groups, "structure.groups"),
        ("optimizers", optimizers, "optimizers=[optimizer]"),
        ("copies", copies, "copies=[copy]"),
    )
    for name, given, write in expected:
        if isinstance(given, nn.Module) or not isinstance(given, Iterable):
            raise SurgeryError(f"{name} is a {type(given).__name__}. Expected several, in a list: {write}.")


def refuse_wrapped(model: nn.Module, groups: Iterable[Group]) -> None:
    """Raise where slicing would leave something of the old shape behind, or another network was meant.

    Raises:
        SurgeryError: wrapped, compiled, scripted, with computed weights, or with other tensors.
    """
    for name, module in model.named_modules():
        where = f"{name or 'The network'} is"
        for wrapper, inner in WRAPPERS.items():
            if type(module).__name__ == wrapper:
                raise SurgeryError(
                    f"{where} wrapped in {wrapper}, which holds on to the old shapes. Cut the "
                    f"network inside ({name + '.' if name else 'model.'}{inner}), and wrap the cut one anew."
                )
        if module._compiled_call_impl is not None:
            raise SurgeryError(f"{where} compiled for the old shapes. Cut first, then call compile().")
        if isinstance(module, torch.jit.ScriptModule):
            raise SurgeryError(f"{where} scripted by TorchScript, whose code is fixed. Cut the nn.Module.")
    _refuse_strange(model, groups)


def _refuse_strange(model: nn.Module, groups: Iterable[Group]) -> None:
    tensors = named_tensors(model)
    for group in groups:
        if strange := another(group.members, tensors):
            raise SurgeryError(
                f"The group {group.name} names {strange}. Expected groups that were found for this very "
                "network: find them again after a cut."
            )
        for member in group.members:
            if reason := computed(model, member.tensor):
                raise SurgeryError(reason)


def computed(model: nn.Module, tensor: str) -> str:
    """Why a tensor is not itself what its layer uses, "" where it is."""
    path = tensor.rpartition(".")[0]
    holder, found, _ = path.partition(".parametrizations.")
    module = model.get_submodule(holder if found else path)
    hooks = [type(hook).__name__ for hook in module._forward_pre_hooks.values()]
    if parametrize.is_parametrized(module):
        remedy = "torch.nn.utils.parametrize.remove_parametrizations(layer, 'weight')"
    elif {"WeightNorm", "SpectralNorm"} & set(hooks):
        remedy = "torch.nn.utils.remove_weight_norm(layer) or remove_spectral_norm(layer)"
    elif any(isinstance(hook, BasePruningMethod) for hook in module._forward_pre_hooks.values()):
        remedy = "torch.nn.utils.prune.remove(layer, 'weight')"
    else:
        return ""
    return (
        f"{tensor} is under a parametrization: the weight of {holder or 'the network'} is computed from it "
        f"in every forward call, and may depend on all of its elements. Fold it first: {remedy}."
    )


def twin(copy: nn.Module, model: nn.Module) -> nn.Module:
    """The copy of the network, without the wrapper of `torch.optim.swa_utils.AveragedModel`.

    Raises:
        SurgeryError: it is no copy: names or shapes differ.
    """
    inner = unwrapped(copy)
    own = {name: tuple(tensor.shape) for name, tensor in named_tensors(inner).items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in named_tensors(model).items()}
    name = first_difference(own, theirs)
    if name is not None:
        raise SurgeryError(
            f"A copy ({type(copy).__name__}) differs from the network in {name}: {own.get(name)} instead of "
            f"{theirs.get(name)}. Expected a deepcopy of the network, or an AveragedModel of it."
        )
    return inner
