import copy
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils import prune

import secateur
from secateur.errors import ExportError, NumericalError, RecipeError
from secateur.export import max_abs_diff, save_state
from secateur.graph.trace import trace, with_weights_of
from secateur.graph.weights import check_finite, prunable


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.gru = nn.GRU(8, 12, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(24, 5)

    def forward(self, tokens: Tensor) -> Tensor:
        states, _ = self.gru(self.embed(tokens))
        answer: Tensor = self.head(states[:, -1])
        return answer


def attention() -> nn.Module:
    layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)
    return nn.Sequential(layer, nn.Flatten(), nn.Linear(16 * 6, 3))


CASES: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "convolutions": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU6(),
            nn.Conv2d(8, 8, 3, groups=8),
            nn.Conv2d(8, 4, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        ),
        torch.randn(1, 3, 12, 12),
    ),
    "recurrent": (Recurrent, torch.randint(11, (1, 7))),
    "attention": (attention, torch.randn(1, 6, 16)),
}


@pytest.mark.parametrize("name", CASES)
def test_names_survive_any_batch_runs_and_outputs_agree(name: str, tmp_path: object) -> None:
    make, x = CASES[name]
    torch.manual_seed(0)
    model = make().eval()
    graph = trace(model, (x,))
    assert {n for n, _ in model.named_parameters()} <= set(graph.graph.initializers)
    path = f"{tmp_path}/model.sct"
    assert secateur.save(model, path, example_inputs=(x,)) < 1e-5
    network = secateur.load(path)
    many = torch.cat([x] * 5)
    answer = network(many.numpy())
    assert isinstance(answer, np.ndarray)
    assert np.allclose(answer, model(many).detach().numpy(), atol=1e-5)


def test_a_network_that_fixes_its_batch_is_exported_with_that_of_the_example() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.randn(1, 1, 4))

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.token.expand(int(x.shape[0]), 1, 4), x], dim=1)

    graph = trace(Fixed(), (torch.randn(3, 2, 4),))
    shapes = [value.shape for value in (*graph.graph.inputs, *graph.graph.outputs)]
    assert [shape[0] if shape is not None else None for shape in shapes] in ([3, 3], ["batch", "batch"])


def test_without_any_batch_the_example_fixes_it() -> None:
    make, x = CASES["convolutions"]
    graph = trace(make().eval(), (torch.cat([x, x]),), any_batch=False)
    shape = graph.graph.inputs[0].shape
    assert shape is not None
    assert shape[0] == 2


def test_attention_with_a_bias_of_its_own_is_exported_as_products(tmp_path: object) -> None:
    class Biased(nn.Module):
        """As in T5: the exporter's own decomposition of this attention fails in a view."""

        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v = (nn.Linear(8, 8, bias=False) for _ in range(3))
            self.bias = nn.Embedding(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            q, k, v = (
                layer(x).view(x.shape[0], -1, 2, 4).transpose(1, 2) for layer in (self.q, self.k, self.v)
            )
            place = torch.arange(5)
            bias = self.bias((place[:, None] - place).abs()).permute(2, 0, 1)[None]
            y = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)
            return y.transpose(1, 2).contiguous().view(x.shape[0], -1, 8)

    torch.manual_seed(0)
    model = Biased().eval()
    assert secateur.save(model, f"{tmp_path}/m.sct", example_inputs=(torch.randn(1, 5, 8),)) < 1e-5


def test_a_graph_takes_the_weights_of_another_network() -> None:
    torch.manual_seed(0)
    one, other = (CASES["convolutions"][0]() for _ in range(2))
    x = CASES["convolutions"][1]
    graph = trace(one, (x,))
    swapped = with_weights_of(graph, other)
    weight = swapped.graph.initializers["0.weight"].const_value
    assert weight is not None
    assert np.array_equal(weight.numpy(), other.state_dict()["0.weight"].numpy())
    original = graph.graph.initializers["0.weight"].const_value
    assert original is not None
    assert np.array_equal(original.numpy(), one.state_dict()["0.weight"].numpy())
    assert isinstance(swapped, onnx_ir.Model)


def test_tracing_leaves_the_mode_of_every_module() -> None:
    model = CASES["convolutions"][0]().train()
    model.get_submodule("1").eval()  # a frozen BatchNorm
    trace(model, (CASES["convolutions"][1],))
    assert [m.training for m in model.children()] == [True, False, True, True, True, True, True]


def test_a_network_that_cannot_be_exported_says_why() -> None:
    class Impossible(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * float(np.asarray(x.sum().item()))

    with pytest.raises(ExportError, match="Impossible cannot be exported to ONNX"):
        trace(Impossible(), (torch.ones(2, 2),))


def test_an_example_that_does_not_run_says_why() -> None:
    with pytest.raises(
        ExportError, match=r"Linear does not run on its example inputs, of shape \(2, 5\): mat1 and mat2"
    ):
        trace(nn.Linear(3, 4), (torch.ones(2, 5),))


def test_a_tensor_in_place_of_a_tuple_is_told_apart() -> None:
    with pytest.raises(ExportError, match=r"a tensor of shape \(3, 4\)\. .* write \(x,\)"):
        trace(nn.Linear(4, 2), torch.zeros(3, 4))  # type: ignore[arg-type]


def test_a_file_that_is_another_network_is_refused(tmp_path: object) -> None:
    model = nn.Linear(3, 2)
    path = f"{tmp_path}/model.sct"
    secateur.save(model, path, example_inputs=(torch.ones(1, 3),))
    other = copy.deepcopy(model)
    other.weight.data += 1
    with pytest.raises(ExportError, match="answers differently from PyTorch"):
        max_abs_diff(other, secateur.load(path), (torch.ones(1, 3),))


def test_bfloat16_is_no_format_to_save(tmp_path: object) -> None:
    model = nn.Linear(3, 2).bfloat16()
    with pytest.raises(ExportError, match=r"weight is bfloat16, .* Save a float32 copy"):
        secateur.save(model, f"{tmp_path}/m.sct", example_inputs=(torch.ones(1, 3).bfloat16(),))


def test_outputs_have_the_keys_that_the_network_answers_under() -> None:
    class Keyed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> dict[str, Any]:
            hidden = self.inner(x).relu()
            return {"logits": self.outer(hidden), "states": [hidden, hidden.sum(1)], "x": x + 1, "same": x}

    outputs = trace(Keyed(), (torch.ones(1, 3),)).graph.outputs
    assert [value.name for value in outputs][:3] == ["logits", "states.0", "states.1"]
    assert len({value.name for value in outputs}) == 5


def test_small_answers_are_held_to_their_own_size(tmp_path: object) -> None:
    model = nn.Linear(3, 2)
    model.weight.data *= 1e-5
    model.bias.data.zero_()
    path = f"{tmp_path}/model.sct"
    secateur.save(model, path, example_inputs=(torch.ones(1, 3),))
    model.weight.data *= -3
    with pytest.raises(ExportError, match="answers differently from PyTorch"):
        max_abs_diff(model, secateur.load(path), (torch.ones(1, 3),))


def test_prunable_weights_have_two_axes_and_keep_their_order() -> None:
    model = Recurrent()
    names = list(prunable(model))
    assert names[0] == "embed.weight"
    assert names[-1] == "head.weight"
    assert not any("bias" in name for name in names)
    assert next(iter(prunable(model, only=["gru.*"], skip=["*_hh_*"]))) == "gru.weight_ih_l0"


def test_tied_weights_appear_once() -> None:
    model = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)})
    model["b"].weight = model["a"].weight
    assert list(prunable(model)) == ["a.weight"]


def test_a_pattern_that_matches_nothing_suggests_a_name() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'head.weight'"):
        prunable(Recurrent(), skip=["hed.weight"])


def test_infinite_buffers_are_found_too() -> None:
    model = nn.BatchNorm1d(2)
    assert model.running_var is not None
    model.running_var[1] = torch.inf
    with pytest.raises(NumericalError, match="running_var holds 1 NaN or infinite values of 2"):
        check_finite(model)


def test_save_leaves_a_good_file_alone_when_the_new_one_fails(tmp_path: object) -> None:
    class Changing(nn.Module):
        """Answers something else at each call, so the exported graph cannot agree."""

        def __init__(self) -> None:
            super().__init__()
            self.calls = itertools.count(1)
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.weight * next(self.calls)

    path = Path(f"{tmp_path}/model.sct")
    secateur.save(nn.Linear(3, 2), path, example_inputs=(torch.ones(1, 3),))
    before = path.read_bytes()
    with pytest.raises(ExportError, match="answers differently"):
        secateur.save(Changing(), path, example_inputs=(torch.ones(1, 3),))
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["model.sct"]


def test_outputs_of_minus_infinity_do_not_differ_from_themselves(tmp_path: object) -> None:
    class Masked(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).masked_fill(torch.tensor([True, False]), -torch.inf)

    assert secateur.save(Masked(3, 2), f"{tmp_path}/m.sct", example_inputs=(torch.ones(1, 3),)) < 1e-5


def test_weight_norm_is_refused_with_the_way_out() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
    with pytest.raises(RecipeError, match="remove_parametrizations"):
        prunable(layer)
    beside = nn.Sequential(layer, nn.Linear(4, 2))
    assert list(prunable(beside, skip=("0.*",))) == ["1.weight"]
    assert list(prunable(beside, only=("1.*",))) == ["1.weight"]
    assert list(prunable(beside, skip=("0.*",), normed=False)) == ["1.weight"]


def test_a_layer_that_pytorch_masks_is_refused_with_the_way_out() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    prune.l1_unstructured(model[0], "weight", 0.5)  # type: ignore[no-untyped-call]
    with pytest.raises(RecipeError, match=r"0\.weight_orig is masked by .*prune\.remove\(layer, 'weight'\)"):
        prunable(model)
    prune.remove(model[0], "weight")  # type: ignore[no-untyped-call]
    assert sorted(prunable(model)) == ["0.weight", "1.weight"]


def test_names_that_only_look_like_weight_norm_are_weights() -> None:
    model = nn.Module()
    model.weight_g, model.weight_v = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    assert list(prunable(model)) == ["weight_g", "weight_v"]


def test_the_graph_keeps_its_weights_when_the_network_trains_on() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4)).eval()
    kernels = model.get_parameter("0.weight")
    kernels.data = kernels.data.contiguous(memory_format=torch.channels_last)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    graph = trace(model, (torch.zeros(1, 3, 5, 5),))
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.add_(1)
    for name in ("0.weight", "0.bias", "1.weight", "1.running_mean"):
        kept = graph.graph.initializers[name].const_value
        assert kept is not None
        np.testing.assert_array_equal(kept.numpy(), before[name].numpy())


def test_each_output_is_held_to_its_own_size(tmp_path: object) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Any:
            y = self.layer(x)
            return y * 1e4, y.sigmoid() * (0.5 if torch.compiler.is_exporting() else 1.0)

    with pytest.raises(ExportError, match="on output 1 of up to"):
        secateur.save(Two(), f"{tmp_path}/model.sct", example_inputs=(torch.ones(1, 3),))


def test_a_transposed_view_of_a_square_weight_is_a_tensor_of_its_own(tmp_path: object) -> None:
    model = nn.Linear(3, 3)
    model.register_buffer("turned", model.weight.detach().t())
    save_state(model, Path(f"{tmp_path}/state.safetensors"))
    stored = load_file(f"{tmp_path}/state.safetensors")
    assert torch.equal(stored["turned"], model.weight.t())
    assert set(stored) == {"weight", "bias", "turned"}


def test_a_lazy_network_is_refused_and_stays_lazy() -> None:
    model = nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2))
    with pytest.raises(ExportError, match=r"0\.weight has no values yet"):
        secateur.cuttable(model, (torch.ones(1, 3),))
    assert isinstance(model[0], nn.LazyLinear)


class Centred(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight - weight.mean(1, keepdim=True)


def test_a_parametrization_that_loses_zeros_is_refused_where_it_is_pruned() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4))
    nn.utils.parametrize.register_parametrization(model[1], "weight", Centred())
    with pytest.raises(RecipeError, match=r"1\.parametrizations\.weight\.original .* other numbers"):
        prunable(model)
    assert list(prunable(model, skip=("1.*",))) == ["0.weight"]
    scaled = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4))
    assert list(prunable(scaled)) == ["parametrizations.weight.original"]


@pytest.mark.parametrize(("given", "kind"), [((torch.ones(1, 3), None), "NoneType"), ({"x": 1}, "str")])
def test_inputs_that_are_no_tensors_are_named(given: Any, kind: str) -> None:
    with pytest.raises(ExportError, match=f"example_inputs holds {kind}. Expected a tuple of tensors"):
        secateur.cuttable(nn.Linear(3, 2), given)
