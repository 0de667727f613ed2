"""Which attributes of PyTorch's own modules say how wide they are, once their tensors are cut?"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from secateur.surgery.attention import FewerHeads

Kept: TypeAlias = Mapping[str, Mapping[int, Tensor]]
"""Of one module: tensor -> axis -> positions that stay."""
Attributes: TypeAlias = dict[str, Any]


def attributes(module: nn.Module, kept: Kept) -> Attributes:
    """Attributes that follow the module's tensors, which are cut already; with their new values."""
    for kind, follow in FOLLOW.items():
        if isinstance(module, kind):
            return follow(module, kept)
    return {}


def _convolution(module: Any, kept: Kept) -> Attributes:
    """A group that lost all of its rows is gone; the others lost equally many."""
    weight, groups = module.weight, module.groups
    rows = kept.get("weight", {}).get(0)
    if rows is not None and groups > 1:
        before = module.in_channels if module.transposed else module.out_channels
        groups = len(torch.unique(rows // (before // groups)))
    ends = weight.shape[0], weight.shape[1] * groups
    reads, makes = ends if module.transposed else ends[::-1]
    return {"in_channels": reads, "out_channels": makes, "groups": groups}


def _linear(module: Any, _kept: Kept) -> Attributes:
    return {"in_features": module.weight.shape[1], "out_features": module.weight.shape[0]}


def _bilinear(module: Any, _kept: Kept) -> Attributes:
    out, one, other = module.weight.shape
    return {"in1_features": one, "in2_features": other, "out_features": out}


def _batch_norm(module: Any, _kept: Kept) -> Attributes:
    some = module.weight if module.weight is not None else module.running_mean
    return {"num_features": some.shape[0]}


def _group_norm(module: Any, _kept: Kept) -> Attributes:
    """Whole groups go."""
    channels = module.weight.shape[0]
    return {"num_channels": channels, "num_groups": module.num_groups * channels // module.num_channels}


def _shaped_norm(module: Any, _kept: Kept) -> Attributes:
    return {"normalized_shape": type(module.normalized_shape)(module.weight.shape)}


def _embedding(module: Any, _kept: Kept) -> Attributes:
    return {"num_embeddings": module.weight.shape[0], "embedding_dim": module.weight.shape[1]}


def _recurrent(module: Any, _kept: Kept) -> Attributes:
    return {"input_size": module.weight_ih_l0.shape[1], "hidden_size": module.weight_hh_l0.shape[1]}


def _recurrent_cell(module: Any, _kept: Kept) -> Attributes:
    return {"input_size": module.weight_ih.shape[1], "hidden_size": module.weight_hh.shape[1]}


def _prelu(module: Any, _kept: Kept) -> Attributes:
    return {"num_parameters": module.weight.shape[0]}


def _attention(module: Any, _kept: Kept) -> Attributes:
    """PyTorch's own forward insists on heads that make up the whole width, ours does not."""
    joint = module.in_proj_weight
    reads = [w.shape[1] for w in ([joint] * 3 if joint is not None else _separate(module))]
    inner = module.out_proj.weight.shape[1]
    follow = {
        "embed_dim": reads[0],
        "kdim": reads[1],
        "vdim": reads[2],
        "num_heads": inner // module.head_dim,
    }
    if inner == reads[0]:
        return follow
    own = FewerHeads if type(module) is nn.MultiheadAttention else type(module)
    # The second keeps nn.TransformerEncoderLayer from its fused path.
    return {**follow, "__class__": own, "_qkv_same_embed_dim": False}


def _separate(module: Any) -> list[Tensor]:
    return [module.q_proj_weight, module.k_proj_weight, module.v_proj_weight]


FOLLOW: dict[type[nn.Module], Callable[[Any, Kept], Attributes]] = {
    nn.modules.conv._ConvNd: _convolution,
    nn.Linear: _linear,
    nn.Bilinear: _bilinear,
    nn.modules.batchnorm._NormBase: _batch_norm,
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _shaped_norm,
    nn.RMSNorm: _shaped_norm,
    nn.Embedding: _embedding,
    nn.EmbeddingBag: _embedding,
    nn.RNNBase: _recurrent,
    nn.RNNCellBase: _recurrent_cell,
    nn.PReLU: _prelu,
    nn.MultiheadAttention: _attention,
}


def changed(module: nn.Module, kept: Kept) -> Iterator[tuple[str, Any]]:
    """Those of `attributes` that are not as they should be yet."""
    for name, value in attributes(module, kept).items():
        if getattr(module, name) != value:
            yield name, value


def channels_of(module: nn.Module, channels: int) -> Attributes:
    """Attributes of a normalisation without tensors, when `channels` come in.

    Nothing in it is cut, so only its input tells.
    """
    if isinstance(module, nn.GroupNorm) and module.weight is None:
        groups, rest = divmod(module.num_groups * channels, module.num_channels)
        return {} if rest else {"num_channels": channels, "num_groups": groups}
    bare = isinstance(module, nn.modules.batchnorm._NormBase)
    if bare and module.weight is None and module.running_mean is None:
        return {"num_features": channels}
    return {}
