from typing import Any

import pytest
import torch
from torch import nn

from secateur.surgery.journal import Journal
from secateur.surgery.modules import attributes, channels_of
from secateur.surgery.slicing import take

STAY = torch.tensor([0, 2])
"""Of four positions, or of the first four."""
GROUPS = torch.tensor([0, 1, 2, 6, 7, 8])
"""Of four groups of three, the first and the third."""


def conv(**options: Any) -> nn.Module:
    return nn.Conv2d(12, 12, 3, **options)


CASES: dict[str, tuple[nn.Module, dict[str, dict[int, torch.Tensor]], dict[str, Any]]] = {
    "linear rows": (
        nn.Linear(3, 4),
        {"weight": {0: STAY}, "bias": {0: STAY}},
        {"out_features": 2, "in_features": 3},
    ),
    "linear columns": (nn.Linear(4, 3), {"weight": {1: STAY}}, {"in_features": 2}),
    "bilinear": (
        nn.Bilinear(4, 5, 6),
        {"weight": {1: STAY}},
        {"in1_features": 2, "in2_features": 5, "out_features": 6},
    ),
    "conv": (
        nn.Conv1d(3, 4, 2),
        {"weight": {0: STAY}, "bias": {0: STAY}},
        {"out_channels": 2, "in_channels": 3},
    ),
    "depthwise": (
        nn.Conv2d(4, 4, 3, groups=4),
        {"weight": {0: STAY}, "bias": {0: STAY}},
        {"out_channels": 2, "in_channels": 2, "groups": 2},
    ),
    "whole groups": (
        conv(groups=4),
        {"weight": {0: GROUPS}, "bias": {0: GROUPS}},
        {"out_channels": 6, "in_channels": 6, "groups": 2},
    ),
    "rows of each group": (
        conv(groups=4),
        {"weight": {0: torch.tensor([0, 3, 6, 9])}, "bias": {0: torch.tensor([0, 3, 6, 9])}},
        {"out_channels": 4, "in_channels": 12, "groups": 4},
    ),
    "columns of each group": (conv(groups=4), {"weight": {1: STAY}}, {"in_channels": 8, "groups": 4}),
    "transposed": (
        nn.ConvTranspose1d(4, 6, 2),
        {"weight": {0: STAY}},
        {"in_channels": 2, "out_channels": 6, "groups": 1},
    ),
    "transposed groups": (
        nn.ConvTranspose1d(12, 8, 2, groups=4),
        {"weight": {0: GROUPS}, "bias": {0: torch.tensor([0, 1, 4, 5])}},
        {"in_channels": 6, "out_channels": 4, "groups": 2},
    ),
    "batch norm": (
        nn.BatchNorm2d(4),
        {name: {0: STAY} for name in ("weight", "bias", "running_mean", "running_var")},
        {"num_features": 2},
    ),
    "batch norm without weights": (
        nn.BatchNorm1d(4, affine=False),
        {"running_mean": {0: STAY}, "running_var": {0: STAY}},
        {"num_features": 2},
    ),
    "group norm": (
        nn.GroupNorm(4, 12),
        {"weight": {0: GROUPS}, "bias": {0: GROUPS}},
        {"num_channels": 6, "num_groups": 2},
    ),
    "layer norm": (nn.LayerNorm(4), {"weight": {0: STAY}, "bias": {0: STAY}}, {"normalized_shape": (2,)}),
    "rms norm": (nn.RMSNorm(4), {"weight": {0: STAY}}, {"normalized_shape": (2,)}),
    "embedding": (nn.Embedding(5, 4), {"weight": {1: STAY}}, {"num_embeddings": 5, "embedding_dim": 2}),
    "prelu": (nn.PReLU(4), {"weight": {0: STAY}}, {"num_parameters": 2}),
    "cell": (
        nn.RNNCell(3, 4),
        {"weight_ih": {0: STAY}, "weight_hh": {0: STAY, 1: STAY}, "bias_ih": {0: STAY}, "bias_hh": {0: STAY}},
        {"input_size": 3, "hidden_size": 2},
    ),
    "anything else": (nn.ReLU(), {}, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_attributes_say_what_the_cut_tensors_are(case: str) -> None:
    module, kept, expected = CASES[case]
    journal = Journal()
    for name, axes in kept.items():
        tensor: Any = getattr(module, name)
        journal.shrink(tensor, take(tensor.detach(), axes), None)
    found = attributes(module, kept)
    assert {name: found[name] for name in expected} == expected
    journal.undo()


def test_attention_whose_whole_width_shrinks_stays_pytorchs_own() -> None:
    """Width 8 and heads 4 become 4 and 2 together."""
    module, stay = nn.MultiheadAttention(8, 4), torch.arange(4)
    three = torch.cat([stay, stay + 8, stay + 16])
    for name, axes in {"in_proj_weight": {0: three, 1: stay}, "in_proj_bias": {0: three}}.items():
        tensor = module.get_parameter(name)
        tensor.data = take(tensor.detach(), axes)
    module.out_proj.weight.data = module.out_proj.weight.data[:4, :4]
    found = attributes(module, {})
    assert found == {"embed_dim": 4, "kdim": 4, "vdim": 4, "num_heads": 2}


def test_norms_without_tensors_learn_from_what_comes_in() -> None:
    assert channels_of(nn.GroupNorm(4, 12, affine=False), 6) == {"num_channels": 6, "num_groups": 2}
    assert channels_of(nn.GroupNorm(4, 12, affine=False), 5) == {}
    assert channels_of(nn.InstanceNorm2d(12), 5) == {"num_features": 5}
    assert channels_of(nn.GroupNorm(4, 12), 6) == channels_of(nn.BatchNorm2d(12), 6) == {}
    assert channels_of(nn.Linear(3, 3), 2) == {}
