"""How does torch-pruning's group-norm pruner narrow the same network?

As in its own benchmark of ResNet-56 (`reproduce/main.py --method group_norm --global-pruning`): one ranking
of all groups by their L2 norms, in steps of 1/400, until the multiply-adds have come down far enough. Then
the benchmark's loop trains it. Its default, the same share of every layer, is tried too.
"""

import copy
from collections.abc import Sequence
from importlib import import_module

import torch
from benchmarks.cifar10_task import Quick
from benchmarks.common import channels_last_, give_up
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

STEPS = 400  # from the whole network to none of it


def torch_pruned(
    model: nn.Module, image: Tensor, times_fewer: float, ignored: Sequence[str], everywhere: bool
) -> nn.Module:
    """A narrower copy.

    Args:
        model: the network.
        image: a batch of one.
        times_fewer: multiply-adds that are left, at most, are those of the network divided by this.
        ignored: names of modules that it must not touch.
        everywhere: one ranking over the network, else the same share of every layer.
    """
    try:
        rival = import_module("torch_pruning")
    except ImportError:
        give_up("The comparison needs torch-pruning: pip install torch-pruning==1.6.1.")
    assert isinstance(model, Quick)
    net = copy.deepcopy(model.net)
    pruner = rival.pruner.GroupNormPruner(
        net,
        image,
        importance=rival.importance.GroupMagnitudeImportance(p=2),
        global_pruning=everywhere,
        pruning_ratio=1.0,
        iterative_steps=STEPS,
        ignored_layers=[net.get_submodule(name) for name in ignored],
    )
    before = flops(net, image)
    while flops(net, image) * times_fewer > before:
        pruner.step()
    return Quick(channels_last_(net)).eval()


@torch.no_grad()
def flops(net: nn.Module, image: Tensor) -> int:
    """Of convolutions and linear layers; two for each multiply-add."""
    with FlopCounterMode(display=False) as counter:
        net.eval()(image)
    return int(counter.get_total_flops())


def fixed_streams(net: nn.Module) -> list[str]:
    """What it must be told to leave alone where shortcuts pad channels with zeros: it fails on these."""
    return [
        name
        for name, _ in net.named_modules()
        if name in ("conv1", "bn1", "linear") or name.endswith((".conv2", ".bn2"))
    ]
