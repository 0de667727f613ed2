import copy
import math
from typing import Any

import pytest
import torch
from coupled import (
    EXAMPLES,
    ConvNet,
    Recurrent,
    Transformer,
    bits,
    coupling_of,
    every_other,
    groups_of,
    half_of,
    recurrent_group,
    stir,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from secateur.core.groups import Group, Member
from secateur.core.masks import Masks
from secateur.errors import SurgeryError
from secateur.surgery import cut, masks_without

NETWORKS: list[type[nn.Module]] = [ConvNet, Transformer]


def masked_answer(model: nn.Module, masks: Masks, x: Tensor) -> Tensor:
    masked = copy.deepcopy(model).eval()
    masks.apply_(masked)
    with torch.no_grad():
        answer: Tensor = masked(x)
    return answer


@pytest.mark.parametrize("kind", NETWORKS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_cut_is_masked_whichever_units_go_and_undo_restores_the_bits(kind: Any, data: st.DataObject) -> None:
    model, groups, x = stir(kind()), groups_of(kind), EXAMPLES[kind]
    removed = {}
    for group in groups:
        gone = data.draw(st.lists(st.booleans(), min_size=group.units, max_size=group.units), group.name)
        removed[group.name] = torch.tensor(gone) if not all(gone) else torch.arange(group.units) > 0
    masks = masks_without(groups, removed)
    expected, before, shown = masked_answer(model, masks, x), bits(model), repr(model)
    done = cut(model, masks, groups, example_inputs=(x,))
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(x), expected, rtol=1e-5, atol=1e-5)
    assert done.certificate.relative <= 1e-5
    assert done.certificate.inputs == 3
    assert done.removed == {name: int(gone.sum()) for name, gone in removed.items() if gone.any()}
    done.undo()
    assert bits(model) == before
    assert repr(model) == shown


def test_the_cut_network_is_as_narrow_as_it_says() -> None:
    model, groups = stir(ConvNet()), groups_of(ConvNet)
    done = cut(model, half_of(groups), groups, example_inputs=(EXAMPLES[ConvNet],))
    assert isinstance(model, ConvNet)
    assert (model.stem.out_channels, tuple(model.stem.weight.shape)) == (4, (4, 3, 3, 3))
    assert model.block.norm2.num_features == model.block.gate.in_features == 4
    assert (model.block.conv1.in_channels, model.block.conv1.out_channels) == (4, 4)
    assert model.depthwise.groups == model.depthwise.in_channels == model.prelu.num_parameters
    assert (model.grouped.groups, model.grouped.out_channels) == (2, 4)
    assert (model.norm.num_groups, model.norm.num_channels) == (2, 4)
    assert model.head.in_features == model.head.weight.shape[1] == 4 * 16
    assert done.removed["block.conv1"] == 4


def test_attention_loses_heads_and_tied_weights_are_cut_once() -> None:
    model, groups = stir(Transformer()), groups_of(Transformer)
    cut(model, half_of(groups), groups, example_inputs=(EXAMPLES[Transformer],))
    assert isinstance(model, Transformer)
    assert (model.layer.self_attn.num_heads, model.layer.self_attn.head_dim) == (2, 4)
    assert model.layer.self_attn.out_proj.in_features == 8
    assert (model.attention.num_heads, model.attention.attn_dim, model.attention.head_dim) == (2, 8, 4)
    assert model.out.weight is model.embed.weight


def test_a_recurrent_layer_goes_on_with_fewer_hidden_units() -> None:
    model, groups = stir(Recurrent()), [recurrent_group()]
    x = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    masks, before = half_of(groups), bits(model)
    expected = masked_answer(model, masks, x)
    done = cut(model, masks, groups, example_inputs=(x,))
    assert isinstance(model, Recurrent)
    assert (model.gru.hidden_size, model.lstm.input_size) == (3, 6)
    with torch.no_grad():
        torch.testing.assert_close(model(x), expected)
    model(x).sum().backward()
    done.undo()
    assert bits(model) == before
    assert model.gru.hidden_size == 6


def test_tied_weights_whose_mask_goes_by_the_other_name() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(7, 6)
            self.out = nn.Linear(6, 7, bias=False)
            self.out.weight = self.embed.weight

        def forward(self, tokens: Tensor) -> Tensor:
            logits: Tensor = self.out(self.embed(tokens))
            return logits

    model, positions = Tied(), torch.arange(6)[:, None]
    group = Group("embed", 6, (Member("out.weight", (7, 6), 1, positions),), "channels")
    mask = torch.ones(7, 6, dtype=torch.bool)
    mask[:, [0, 5]] = False
    done = cut(model, Masks({"embed.weight": mask}), [group], example_inputs=(torch.arange(7)[None],))
    assert done.removed == {"embed": 2}
    assert model.embed.weight is model.out.weight
    assert (model.embed.embedding_dim, model.out.in_features) == (4, 4)


def test_what_masks_remove_besides_whole_units_becomes_zero() -> None:
    model, group, _ = mlp()
    masks = masks_without([group], {"0": torch.tensor([True, False, False, False])})
    masks.tensors["0.weight"][2, 1] = False
    cut(model, masks, [group], example_inputs=(torch.randn(5, 3),))
    assert model[0].weight.shape == (3, 3)
    assert model[0].weight[1, 1] == 0
    assert int((model[0].weight == 0).sum()) == 1


def mlp_group() -> Group:
    one = torch.arange(4)[:, None]
    members = (
        Member("0.weight", (4, 3), 0, one),
        Member("0.bias", (4,), 0, one),
        Member("2.weight", (2, 4), 1, one),
    )
    return Group("0", 4, members, "channels")


def mlp() -> tuple[Any, Group, Masks]:
    torch.manual_seed(0)
    group = mlp_group()
    masks = masks_without([group], {"0": torch.tensor([False, True, False, True])})
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), group, masks


def test_subnormal_numbers_become_zero() -> None:
    model, group, masks = mlp()
    tiny = torch.finfo(torch.float32).tiny
    with torch.no_grad():
        model[0].weight[0, 0], model[0].weight[0, 1] = -tiny / 2, tiny
    cut(model, masks, [group], example_inputs=(torch.randn(5, 3),))
    assert (model[0].weight[0, 0].item(), model[0].weight[0, 1].item()) == (0.0, tiny)
    assert not torch.signbit(model[0].weight[0, 0])


def test_parameters_stay_the_same_objects_and_hooks_and_names_stay() -> None:
    model, group, masks = mlp()
    parameters, calls = list(model.parameters()), []
    model[0].register_forward_hook(lambda *_: calls.append(1))
    parameters[0].register_hook(lambda grad: calls.append(2))
    names = list(model.state_dict())
    cut(model, masks, [group], example_inputs=(torch.randn(5, 3),))
    assert [id(p) for p in model.parameters()] == [id(p) for p in parameters]
    assert list(model.state_dict()) == names
    calls.clear()
    model(torch.randn(5, 3)).sum().backward()
    assert calls == [1, 2]


def test_training_goes_on_while_the_last_loss_is_still_alive() -> None:
    """Its graph keeps gradient accumulators that know the old shapes."""
    model, group, masks = mlp()
    loss = model(torch.randn(5, 3)).sum()
    loss.backward()
    before = model[0].weight.grad
    assert before is not None
    kept = before[[0, 2]].clone()
    cut(model, masks, [group], example_inputs=(torch.randn(5, 3),))
    assert model[0].weight.grad is not None
    assert torch.equal(model[0].weight.grad, kept)
    model(torch.randn(5, 3)).sum().backward()
    assert model[0].weight.grad.shape == (2, 3)
    assert math.isfinite(loss.item())


def test_modes_and_random_states_are_left_alone() -> None:
    model, group, masks = mlp()
    model.train()
    model[1].eval()
    state = torch.get_rng_state()
    cut(model, masks, [group], example_inputs=(torch.randn(5, 3, generator=torch.Generator()),))
    assert [m.training for m in model.modules()] == [True, True, False, True]
    assert torch.equal(torch.get_rng_state(), state)


def test_real_inputs_are_compared_too() -> None:
    model, group, masks = mlp()
    real = [(torch.randn(2, 3),), (torch.randn(7, 3),)]
    done = cut(model, masks, [group], example_inputs=(torch.randn(5, 3),), inputs=real)
    assert done.certificate.inputs == 5


class Stubborn(nn.Module):
    """Its code knows the width, in an attribute that is no integer."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(3, 4)
        self.norm = nn.LayerNorm(3)
        self.down = nn.Linear(4, 2)
        self.width = "4"

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.up(self.norm(x)))
        answer: Tensor = self.down(x.reshape(-1, int(self.width)))
        return answer


def stubborn_group() -> Group:
    names = {"0.weight": "up.weight", "0.bias": "up.bias", "2.weight": "down.weight"}
    members = tuple(Member(names[m.tensor], m.shape, m.axis, m.positions) for m in mlp_group().members)
    return Group("up", 4, members, "channels")


def test_a_cut_that_the_code_does_not_follow_is_taken_back_and_explained() -> None:
    torch.manual_seed(0)
    model, group = Stubborn(), stubborn_group()
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    before, shown = bits(model), repr(model)
    moments = {k: v.clone() for k, v in optimizer.state[model.up.weight].items()}
    with pytest.raises(SurgeryError) as raised:
        cut(model, half_of([group]), [group], example_inputs=(torch.randn(4, 3),), optimizers=[optimizer])
    for words in ("Linear 'down' failed", "int(self.width)", "Cut there: up", "taken back", "skip"):
        assert words in str(raised.value)
    assert raised.value.__cause__ is not None
    assert (bits(model), repr(model)) == (before, shown)
    after = optimizer.state[model.up.weight]
    assert all(torch.equal(after[key], value) for key, value in moments.items())
    assert model.up.weight.grad is not None
    assert model.up.weight.grad.shape == (4, 3)


class Averaging(nn.Module):
    """Runs after any cut, and answers something else: it divides by how many channels there are."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(3, 4)
        self.down = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.up(x))
        answer: Tensor = self.down(x) + x.mean(-1, keepdim=True)
        return answer


def test_a_cut_that_runs_but_answers_something_else_is_taken_back() -> None:
    torch.manual_seed(0)
    model, group = Averaging(), stubborn_group()
    before = bits(model)
    with pytest.raises(SurgeryError, match=r"runs, but its answers differ by .* of the largest"):
        cut(model, half_of([group]), [group], example_inputs=(torch.randn(4, 3),))
    assert bits(model) == before


def test_rounding_alone_is_told_from_a_wrong_cut() -> None:
    """In float32 the sum of numbers this large and small depends on their order."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 1))
    one = torch.arange(64)[:, None]
    members = (
        Member("0.weight", (64, 64), 0, one),
        Member("0.bias", (64,), 0, one),
        Member("1.weight", (1, 64), 1, one),
    )
    group = Group("0", 64, members, "channels")
    done = cut(model, half_of([group]), [group], example_inputs=(torch.randn(9, 64),), tolerance=1e-12)
    assert done.certificate.dtype == "float64"
    assert done.certificate.relative <= 1e-12


def test_a_network_in_16_bits_is_compared_in_64() -> None:
    model, group, masks = mlp()
    model.bfloat16()
    done = cut(model, masks, [group], example_inputs=(torch.randn(5, 3).bfloat16(),))
    assert model[0].weight.dtype == torch.bfloat16
    assert done.certificate.dtype in ("bfloat16", "float64")
    assert done.certificate.relative <= 1e-5


def test_a_network_that_keeps_a_tensor_of_an_earlier_call_says_so() -> None:
    model, group, masks = mlp()
    model.cache = model[0].weight * 2
    with pytest.raises(SurgeryError, match="Sequential cannot be copied.*remove tensors"):
        cut(model, masks, [group], example_inputs=(torch.randn(5, 3),))


def test_the_example_must_run() -> None:
    model, group, masks = mlp()
    before = bits(model)
    with pytest.raises(SurgeryError, match="does not run on the inputs"):
        cut(model, masks, [group], example_inputs=(torch.randn(5, 8),))
    assert bits(model) == before


def test_a_network_that_answers_nothing_finite_cannot_be_certified() -> None:
    model, group, masks = mlp()
    with torch.no_grad():
        model[2].bias.fill_(torch.nan)
    with pytest.raises(SurgeryError, match="no finite number"):
        cut(model, masks, [group], example_inputs=(torch.randn(5, 3),))


def test_a_cut_network_can_be_coupled_and_cut_again() -> None:
    model, x = stir(ConvNet()), EXAMPLES[ConvNet]
    first = groups_of(ConvNet)
    cut(model, masks_without(first, every_other(first)), first, example_inputs=(x,))
    second = coupling_of(model, x).groups
    done = cut(model, half_of(second), second, example_inputs=(x,))
    assert isinstance(model, ConvNet)
    assert model.block.conv1.out_channels == 2
    assert done.certificate.relative <= 1e-5
