"""Which pieces of a graph are found to be one thing? emit-python itself compares with ONNX Runtime."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from emitted import emitted, forward, lines, parsed, traced
from torch import Tensor, nn

ONE, HALF, ROOT = np.float32(1), np.float32(0.5), np.float32(2**0.5)
ERF = "a = Div (x, val_2) b = Erf (a) c = Add (b, val_1) "
NUMBERS = {"val_0": HALF, "val_1": ONE, "val_2": ROOT}
PIECES: dict[str, tuple[str, list[str]]] = {
    "SiLU": ("a = Sigmoid (x) y = Mul (a, x)", ["return F.silu(x)"]),
    "a gate that is read twice": (
        "a = Sigmoid (x) b = Mul (a, x) y = Add (a, b)",
        ["y = torch.sigmoid(x)", "return y + y * x"],
    ),
    "GELU, the half last": (ERF + "d = Mul (x, c) y = Mul (d, val_0)", ["return F.gelu(x)"]),
    "GELU, the half first": (ERF + "d = Mul (x, val_0) y = Mul (d, c)", ["return F.gelu(x)"]),
    "GELU, the half within": (ERF + "d = Mul (c, val_0) y = Mul (x, d)", ["return F.gelu(x)"]),
    "no GELU: another factor": (
        ERF + "d = Mul (x, c) y = Mul (d, val_2)",
        ["return x * (torch.erf(x / 1.4142135) + 1.0) * 1.4142135"],
    ),
    "one over a root": ("a = Abs (x) b = Sqrt (a) y = Reciprocal (b)", ["return torch.rsqrt(torch.abs(x))"]),
    "times one": ("a = Mul (x, val_1) y = Relu (a)", ["return F.relu(x)"]),
    "times one, which broadcasts": (
        "a = ReduceMax <keepdims = 0> (x) y = Mul (a, val_3)",
        ["return x.amax((0, 1, 2, 3)) * self.val_3"],
    ),
}


@pytest.mark.parametrize("name", PIECES)
def test_activations(name: str, tmp_path: Path) -> None:
    nodes, wanted = PIECES[name]
    tensors = NUMBERS | {"val_3": np.ones((1, 1), np.float32)}
    assert forward(parsed(nodes, tensors), tmp_path) == wanted


MATRIX, ROW = np.arange(12, dtype=np.float32).reshape(6, 2), np.array([1, -1], np.float32)
LINEAR: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "PyTorch's, turned in the graph": (
        "w = Transpose <perm = [1, 0]> (fc.weight) a = MatMul (x, w) y = Add (a, fc.bias)",
        {"fc.weight": MATRIX.T, "fc.bias": ROW},
        "self.fc = nn.Linear(6, 2)",
        "return self.fc(x)",
    ),
    "turned by the exporter, named by its bias": (
        "a = MatMul (x, onnx::MatMul_9) y = Add (fc.bias, a)",
        {"onnx::MatMul_9": MATRIX, "fc.bias": ROW},
        "self.fc = nn.Linear(6, 2)",
        "return self.fc(x)",
    ),
    "Gemm": (
        "a = Flatten (x) y = Gemm <transB = 1> (a, fc.weight, fc.bias)",
        {"fc.weight": np.tile(MATRIX.T, 24), "fc.bias": ROW},
        "self.fc = nn.Linear(144, 2)",
        "return self.fc(x.flatten(1))",
    ),
    "a sum that is no bias": (
        "w = Transpose <perm = [1, 0]> (fc.weight) a = MatMul (x, w) "
        "b = ReduceMean (x, val_0) y = Add (a, b)",
        {"fc.weight": MATRIX.T, "val_0": np.array([3])},
        "self.fc = nn.Linear(6, 2, bias=False)",
        "return self.fc(x) + x.mean(3, keepdim=True)",
    ),
    "in general": (
        "a = Flatten (x) y = Gemm <alpha = 2.0, transA = 0> (a, mix, val_0)",
        {"mix": np.tile(MATRIX, (24, 1)), "val_0": HALF},
        "self.mix = nn.Parameter(torch.zeros(144, 2))",
        "return x.flatten(1) @ self.mix * 2.0 + 0.5",
    ),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_layers(name: str, tmp_path: Path) -> None:
    nodes, tensors, made, called = LINEAR[name]
    module = emitted(parsed(nodes, tensors), tmp_path)
    assert (lines(module, "__init__"), lines(module, "forward")) == ([made], [called])


def test_one_weight_in_two_layers_is_one_parameter(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.out = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
            self.out.weight = self.words.weight

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.out(self.words(x))
            return out

    module = emitted(traced(Tied(), torch.zeros(1, 3, dtype=torch.long)), tmp_path)
    assert lines(module, "__init__") == ["self.out = nn.Embedding(7, 4)"]
    assert lines(module, "forward") == ["x = self.out(x)", "return F.linear(x, self.out.weight)"]


def test_attention_with_and_without_masks(tmp_path: Path) -> None:
    class Attention(nn.Module):
        def forward(self, q: Tensor, k: Tensor, mask: Tensor) -> Tensor:
            a = F.scaled_dot_product_attention(q, k, k)
            b = F.scaled_dot_product_attention(q, k, k, is_causal=True)
            c = F.scaled_dot_product_attention(q, k, k, attn_mask=mask, scale=0.25)
            return a + b + c

    inputs = [torch.randn(1, 2, 5, 4), torch.randn(1, 2, 5, 4), torch.randn(1, 1, 5, 5)]
    assert forward(traced(Attention(), *inputs), tmp_path) == [
        "x = F.scaled_dot_product_attention(q, k, k)",
        "y = F.scaled_dot_product_attention(q, k, k, attn_mask=mask, scale=0.25)",
        "return x + F.scaled_dot_product_attention(q, k, k, is_causal=True) + y",
    ]


def test_attention_that_is_scaled_after_the_product(tmp_path: Path) -> None:
    scores = "k = Transpose <perm = [0, 1, 3, 2]> (x) a = MatMul (x, k) b = Div (a, val_0)"
    model = parsed(f"{scores} c = Softmax (b) y = MatMul (c, x)", {"val_0": np.float32(6**0.5)})
    assert forward(model, tmp_path) == ["return F.scaled_dot_product_attention(x, x, x)"]


def test_attention_whose_empty_rows_are_made_zero(tmp_path: Path) -> None:
    """As PyTorch's exporter writes a mask that is true where there is something to see."""
    scores = "k = Transpose <perm = [0, 1, 3, 2]> (x) a = MatMul (x, k) b = Mul (val_0, a) c = Softmax (b)"
    model = parsed(f"{scores} d = IsNaN (c) e = Where (d, val_1, c) y = MatMul (e, x)", NUMBERS)
    assert forward(model, tmp_path) == ["return F.scaled_dot_product_attention(x, x, x, scale=0.5)"]


def test_products_with_softmax_that_are_no_attention(tmp_path: Path) -> None:
    model = parsed("a = MatMul (x, x) b = Softmax <axis = 1> (a) y = MatMul (b, x)")
    assert forward(model, tmp_path) == ["return F.softmax(x @ x, dim=1) @ x"]
    model = parsed("a = MatMul (x, x) b = Softmax (a) y = MatMul (b, x)")
    assert forward(model, tmp_path / "other") == ["return F.softmax(x @ x, dim=-1) @ x"]


def test_a_group_norm_is_found_in_its_pieces(tmp_path: Path) -> None:
    module = emitted(traced(nn.Sequential(nn.GroupNorm(2, 4)), torch.randn(1, 4, 3)), tmp_path)
    assert lines(module, "__init__") == ["self.layer0 = nn.GroupNorm(2, 4)"]


SEQUENCE = "float[5,N,3] x"


def recurrent(gates: int, directions: int) -> dict[str, Any]:
    """Weights of four hidden units on three features, under the names that older exporters give."""
    shapes = {"onnx::W_1": (gates * 4, 3), "onnx::R_2": (gates * 4, 4), "onnx::B_3": (gates * 8,)}
    random = np.random.default_rng(0)
    return {
        name: random.standard_normal((directions, *shape)).astype(np.float32)
        for name, shape in shapes.items()
    }


RECURRENT: dict[str, tuple[str, int, int, list[str], list[str]]] = {
    "GRU, squeezed": (
        "a, h = GRU <hidden_size = 4, linear_before_reset = 1> (x, W, R, B) y = Squeeze (a, one)",
        *(3, 1),
        ["self.w_1 = nn.GRU(3, 4)"],
        ["x, _ = self.w_1(x)", "return x"],
    ),
    "LSTM in both directions, as ONNX has its output": (
        'y, h, c = LSTM <hidden_size = 4, direction = "bidirectional"> (x, W, R, B)',
        *(4, 2),
        ["self.w_1 = nn.LSTM(3, 4, bidirectional=True)"],
        ["x, _ = self.w_1(x)", "return x.unflatten(-1, (2, -1)).transpose(1, 2)"],
    ),
    "RNN without biases, its last state": (
        "a, y = RNN <hidden_size = 4> (x, W, R)",
        *(1, 1),
        ["self.w_1 = nn.RNN(3, 4, bias=False)"],
        ["_, x = self.w_1(x)", "return x"],
    ),
    "LSTM that starts somewhere": (
        "s = ReduceMean (x, zero) p = Pad (s, val_0) a, h, y = LSTM <hidden_size = 4> (x, W, R, B, , p, p)",
        *(4, 1),
        ["self.w_1 = nn.LSTM(3, 4)"],
        ["y = F.pad(x.mean(0, keepdim=True), (0, 1))", "_, (_, x) = self.w_1(x, (y, y))", "return x"],
    ),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers(name: str, tmp_path: Path) -> None:
    nodes, gates, directions, made, called = RECURRENT[name]
    tensors = recurrent(gates, directions) | {"val_0": np.array([0, 0, 0, 0, 0, 1])}
    for letter, full in zip("WRB", tensors, strict=False):
        nodes = re.sub(rf"\b{letter}\b", full, nodes)
    module = emitted(parsed(nodes, tensors, inputs=SEQUENCE), tmp_path)
    assert (lines(module, "__init__"), lines(module, "forward")) == (made, called)


def test_layers_of_one_module_stay_one_module(tmp_path: Path) -> None:
    class States(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            _, (h, c) = self.rnn(x)
            return h.transpose(0, 1), c.transpose(0, 1)

    model = States()
    module = emitted(traced(model, torch.randn(1, 5, 3)), tmp_path)
    made = "self.rnn = nn.LSTM(3, 4, num_layers=2, batch_first=True, bidirectional=True)"
    assert lines(module, "__init__") == [made]
    assert lines(module, "forward")[0] == "_, (x, y) = self.rnn(x)"
    for name, tensor in module.load().state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])
