import copy
from typing import Any

import pytest
import torch
from coupled import stir
from torch import Tensor, nn

from secateur.core.groups import Group, Member
from secateur.surgery import cut, cuttable, masks_without
from secateur.surgery.attention import FewerHeads

GENERATOR = torch.Generator().manual_seed(0)
Q, K, V = (torch.randn(2, n, 8, generator=GENERATOR) for n in (5, 7, 7))
PADDING = torch.tensor([[False] * 5 + [True] * 2, [False] * 7])
CAUSAL = torch.ones(5, 7, dtype=torch.bool).triu(1)
BIAS = torch.randn(5, 7, generator=GENERATOR)
PER_HEAD = torch.randn(2 * 4, 5, 7, generator=GENERATOR)


def pair(**options: Any) -> tuple[nn.MultiheadAttention, nn.MultiheadAttention]:
    """PyTorch's attention, and ours with the same weights and all heads."""
    theirs = nn.MultiheadAttention(8, 4, **{"batch_first": True, **options}).eval()
    stir(theirs)
    ours = copy.deepcopy(theirs)
    ours.__class__ = FewerHeads
    return theirs, ours


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"add_bias_kv": True},
        {"add_zero_attn": True},
        {"kdim": 8, "vdim": 8, "add_bias_kv": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("padding", [None, PADDING, PADDING.float() * -3], ids=["-", "bool", "float"])
@pytest.mark.parametrize("mask", [None, CAUSAL, BIAS, PER_HEAD], ids=["-", "bool", "float", "heads"])
@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.filterwarnings("ignore:Support for mismatched:UserWarning")
def test_with_all_heads_it_answers_what_pytorchs_does(
    options: dict[str, Any], padding: Tensor | None, mask: Tensor | None, weights: bool
) -> None:
    theirs, ours = pair(**options)
    given = {"key_padding_mask": padding, "attn_mask": mask, "need_weights": weights}
    torch.testing.assert_close(ours(Q, K, V, **given), theirs(Q, K, V, **given))


def test_weights_of_each_head_time_first_and_unbatched() -> None:
    theirs, ours = pair(batch_first=False)
    q, k = Q.transpose(0, 1), K.transpose(0, 1)
    given: dict[str, Any] = {"average_attn_weights": False}
    torch.testing.assert_close(ours(q, k, k, **given), theirs(q, k, k, **given))
    alone: dict[str, Any] = {"key_padding_mask": PADDING[0]}
    torch.testing.assert_close(ours(Q[0], K[0], V[0], **alone), theirs(Q[0], K[0], V[0], **alone))


def test_the_causal_hint_needs_its_mask_as_pytorchs_does() -> None:
    theirs, ours = pair()
    square = CAUSAL[:, :5]
    given: dict[str, Any] = {"attn_mask": square, "is_causal": True, "need_weights": False}
    torch.testing.assert_close(ours(Q, Q, Q, **given), theirs(Q, Q, Q, **given))
    for each in (theirs, ours):
        with pytest.raises(RuntimeError, match="Need attn_mask"):
            each(Q, Q, Q, is_causal=True)


def test_dropout_only_in_training() -> None:
    _, ours = pair(dropout=0.5)
    assert torch.equal(ours(Q, K, V)[0], ours(Q, K, V)[0])
    ours.train()
    assert not torch.equal(ours(Q, K, V)[0], ours(Q, K, V)[0])


def heads_of(path: str) -> Group:
    """Of width 8: four heads of two, in queries, keys and values alike."""
    two = torch.arange(8).reshape(4, 2)
    three = torch.cat([two, two + 8, two + 16], 1)
    members = (
        Member(f"{path}.in_proj_weight", (24, 8), 0, three),
        Member(f"{path}.in_proj_bias", (24,), 0, three),
        Member(f"{path}.out_proj.weight", (8, 8), 1, two),
    )
    return Group(path, 4, members, "heads")


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")  # the masked one's
def test_an_encoder_with_padding_does_not_take_pytorchs_fused_path() -> None:
    """Only the second layer loses heads; the first one alone would let the encoder take nested tensors."""
    layer = nn.TransformerEncoderLayer(8, 4, 16, batch_first=True)
    model = stir(nn.TransformerEncoder(layer, 2)).eval()
    group = heads_of("layers.1.self_attn")
    masks = masks_without([group], {group.name: torch.tensor([True, False, False, True])})
    masked = copy.deepcopy(model)
    masks.apply_(masked)
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    done = cut(model, masks, [group], example_inputs=(Q, None, padding))
    assert type(model.get_submodule("layers.1.self_attn")) is FewerHeads
    with torch.no_grad():
        expected, got = masked(Q, None, padding), model(Q, None, padding)
    real = ~padding
    torch.testing.assert_close(got[real], expected[real])
    done.undo()
    assert type(model.get_submodule("layers.1.self_attn")) is nn.MultiheadAttention
    with torch.no_grad():
        assert torch.equal(model(Q), copy.deepcopy(model)(Q))
    assert model.use_nested_tensor


def test_a_cut_attention_learns_and_can_be_copied() -> None:
    model = stir(nn.TransformerEncoderLayer(8, 4, 16, batch_first=True))
    group = heads_of("self_attn")
    masks = masks_without([group], {group.name: torch.tensor([False, True, True, True])})
    cut(model, masks, [group], example_inputs=(Q,))
    model.train()
    model(Q).sum().backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in model.parameters())
    assert torch.equal(copy.deepcopy(model).eval()(Q), model.eval()(Q))


class Reader(nn.Module):
    """An encoder that does not look at padding, as PyTorch's own examples write it."""

    def __init__(self, masks: bool) -> None:
        super().__init__()
        self.masks = masks
        self.table = nn.Embedding(20, 16)
        layer = nn.TransformerEncoderLayer(16, 4, 24, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.classes = nn.Linear(16, 3)

    def forward(self, tokens: Tensor) -> Any:
        padding = tokens == 0 if self.masks else None
        return self.classes(self.encoder(self.table(tokens), src_key_padding_mask=padding)[:, 0])


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("masks", [False, True])
def test_heads_are_found_in_any_batch_and_behind_a_mask(batch: int, masks: bool) -> None:
    """PyTorch lays heads and batch into one axis, and repeats the mask for every head."""
    model: Any = stir(Reader(masks)).eval()
    tokens = torch.randint(1, 20, (batch, 6), generator=torch.Generator().manual_seed(0))
    tokens[-1, 4:] = 0
    structure = cuttable(model, (tokens,))
    heads = [group for group in structure.groups if group.kind == "heads"]
    assert [(group.name.rpartition(".")[0], group.units) for group in heads] == [
        (f"encoder.layers.{i}.self_attn", 4) for i in range(2)
    ]
    gone = {group.name: torch.tensor([True, False, i == 1, False]) for i, group in enumerate(heads)}
    done = cut(model, masks_without(heads, gone), heads, example_inputs=(tokens,))
    assert done.certificate.relative < 1e-5
    assert [layer.self_attn.num_heads for layer in model.encoder.layers] == [3, 2]
    more = torch.randint(0, 20, (5, 9), generator=torch.Generator().manual_seed(1))
    assert model(more).shape == (5, 3)


class OneKey(nn.Module):
    """All heads share one key and one value, which are repeated for each."""

    def __init__(self) -> None:
        super().__init__()
        self.h = 4
        self.q, self.kv, self.o = nn.Linear(16, 16), nn.Linear(16, 8), nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Any:
        b, n, _ = x.shape
        q = self.q(x).view(b, n, self.h, 4).transpose(1, 2)
        k, v = self.kv(x).view(b, n, 1, 8).transpose(1, 2).expand(b, self.h, n, 8).chunk(2, -1)
        y = (q @ k.transpose(-2, -1)).softmax(-1) @ v
        return self.o(y.transpose(1, 2).reshape(b, n, -1))


def test_heads_that_all_share_one_key_go_and_the_key_stays() -> None:
    model: Any = stir(OneKey())
    x = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0))
    (heads,) = (group for group in cuttable(model, (x,)).groups if group.kind == "heads")
    assert {member.tensor for member in heads.members} == {"q.weight", "q.bias", "o.weight"}
    masks = masks_without([heads], {heads.name: torch.tensor([True, False, False, False])})
    assert cut(model, masks, [heads], example_inputs=(x,)).certificate.relative < 1e-5
    assert model.h == 3
