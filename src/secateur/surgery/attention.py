"""What is a torch.nn.MultiheadAttention that has lost some of its heads?"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FewerHeads(nn.MultiheadAttention):
    """Attention whose heads together are narrower than what it reads and answers.

    A `torch.nn.MultiheadAttention` becomes one when heads are cut from it; parameters and their names
    are the same. PyTorch's own forward computes the width of a head as `embed_dim / num_heads`; here
    `head_dim` stays what it was.
    """

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """As in `torch.nn.MultiheadAttention.forward`."""
        if is_causal and attn_mask is None:
            raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
        batched = query.dim() == 3
        if not batched:
            query, key, value = (x.unsqueeze(0 if self.batch_first else 1) for x in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        if not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        q, k, v = self._projected(query, key, value)
        bias = self._bias(q, key_padding_mask, attn_mask, k.shape[2])
        dropout = self.dropout if self.training else 0.0
        weights: Tensor | None = None
        if need_weights:
            scores = (q * math.sqrt(1.0 / self.head_dim)) @ k.transpose(-2, -1)
            weights = F.dropout((scores if bias is None else scores + bias).softmax(-1), dropout)
            mixed = weights @ v
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, bias, dropout)
        output = self.out_proj(mixed.transpose(1, 2).flatten(2))
        output = output if self.batch_first else output.transpose(0, 1)
        if not batched:
            output = output.squeeze(0 if self.batch_first else 1)
            weights = None if weights is None else weights.squeeze(0)
        return output, weights

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Queries, keys and values of shape (batch, heads, length, head_dim)."""
        if self.in_proj_weight is not None:
            matrices = list(self.in_proj_weight.chunk(3))
        else:
            matrices = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        biases = [None] * 3 if self.in_proj_bias is None else list(self.in_proj_bias.chunk(3))
        q, k, v = (F.linear(x, w, b) for x, w, b in zip((query, key, value), matrices, biases, strict=True))
        if self.bias_k is not None and self.bias_v is not None:
            k = torch.cat([k, self.bias_k.expand(len(k), -1, -1)], 1)
            v = torch.cat([v, self.bias_v.expand(len(v), -1, -1)], 1)
        if self.add_zero_attn:
            k, v = F.pad(k, (0, 0, 0, 1)), F.pad(v, (0, 0, 0, 1))
        return [x.reshape(*x.shape[:2], self.num_heads, self.head_dim).transpose(1, 2) for x in (q, k, v)]

    def _bias(
        self, q: Tensor, key_padding_mask: Tensor | None, attn_mask: Tensor | None, length: int
    ) -> Tensor | None:
        """What is added to the scores, (batch or 1, heads or 1, queries or 1, length); None for nothing."""
        bias: Tensor | None = None
        if attn_mask is not None:
            mask = attn_mask if attn_mask.dim() == 2 else attn_mask.reshape(len(q), -1, *attn_mask.shape[1:])
            bias = _additive(mask, q)
            bias = bias[None, None] if bias.dim() == 2 else bias
        if key_padding_mask is not None:
            padding = _additive(key_padding_mask, q)[:, None, None]
            bias = padding if bias is None else bias + padding
        # Keys that the module itself adds, bias_k and zeros, are never masked.
        return bias if bias is None else F.pad(bias, (0, length - bias.shape[-1]))


def _additive(mask: Tensor, like: Tensor) -> Tensor:
    """True becomes minus infinity; numbers stay."""
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill(mask, -torch.inf)
