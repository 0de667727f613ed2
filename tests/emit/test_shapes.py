"""How are sizes written, and do free ones stay free? emit-python itself tries batches of one and three."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from emitted import emitted, forward, lines, parsed, traced
from torch import Tensor, nn


def whole(*values: int) -> Any:
    return np.array(values, np.int64)


SHAPES: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "flattened": ("y = Reshape (x, val_0)", {"val_0": whole(-1, 144)}, ["return x.flatten(1)"]),
    "flattened from the second axis on": (
        "y = Reshape (x, val_0)",
        {"val_0": whole(0, 0, -1)},
        ["return x.flatten(2)"],
    ),
    "as it is": ("a = Reshape (x, val_0) y = Neg (a)", {"val_0": whole(0, 4, -1, 6)}, ["return -x"]),
    "split": ("y = Reshape (x, val_0)", {"val_0": whole(-1, 2, 2, 36)}, ["return x.reshape(-1, 2, 2, 36)"]),
    "the batch within another axis": (
        "y = Reshape (x, val_0)",
        {"val_0": whole(-1, 36)},
        ["return x.reshape(-1, 36)"],
    ),
    "of a shape that is computed": (
        "s = Shape (x) n = Gather (s, zero) m = Concat <axis = 0> (n, val_0) y = Reshape (x, m)",
        {"val_0": whole(2, 72)},
        ["return x.reshape(-1, 2, 72)"],
    ),
    "twice the batch, which is used twice": (
        "s = Shape <start = 0, end = 1> (x) d = Mul (s, two) m = Concat <axis = 0> (d, val_0) "
        "p = Concat <axis = 0> (s, val_1) a = Reshape (x, p) b = Concat <axis = 0> (a, a) y = Reshape (b, m)",
        {"val_0": whole(-1, 8), "val_1": whole(-1, 8)},
        [
            "N = x.shape[0]",
            "x = x.reshape(N, -1, 8)",
            "return torch.cat([x, x], dim=0).reshape(N * 2, -1, 8)",
        ],
    ),
    "expanded": (
        "a = ReduceMean (x, one) s = Shape (x) y = Expand (a, s)",
        {},
        ["return x.mean(1, keepdim=True).expand(-1, 4, -1, -1)"],
    ),
    "expanded to more axes": (
        "y = Expand (x, val_0)",
        {"val_0": whole(2, 1, 1, 1, 1)},
        ["return x.expand(2, -1, -1, -1, -1)"],
    ),
    "a number everywhere": (
        "s = Shape (x) a = ConstantOfShape (s) y = Add (x, a)",
        {},
        ["return x + torch.full((x.shape[0], 4, 6, 6), 0.0, device=x.device)"],
    ),
    "counted": (
        "s = Shape <start = 0, end = 1> (x) n = Squeeze (s, zero) a = Range (val_0, n, val_1) "
        "b = Cast <to = 1> (a) c = Unsqueeze (b, val_2) y = Mul (x, c)",
        {"val_0": np.int64(0), "val_1": np.int64(1), "val_2": whole(1, 2, 3)},
        [
            "y = torch.arange(x.shape[0], device=x.device).float()",
            "return x * y.unsqueeze(1).unsqueeze(2).unsqueeze(3)",
        ],
    ),
    "the half of an axis": (
        "s = Shape <start = 2, end = 3> (x) h = Div (s, two) y = Slice (x, zero, h, two)",
        {},
        ["return x[:, :, :3]"],
    ),
    "up to the batch": (
        "s = Shape <start = 0, end = 1> (x) e = Sub (s, one) f = Add (e, one) y = Slice (x, e, f, zero)",
        {},
        ["N = x.shape[0]", "return x[N - 1 : N - 1 + 1]"],
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str, tmp_path: Path) -> None:
    nodes, tensors, wanted = SHAPES[name]
    assert forward(parsed(nodes, tensors), tmp_path) == wanted


def test_a_size_that_no_input_has_is_asked_of_its_value(tmp_path: Path) -> None:
    nodes = "a = Concat <axis = 0> (x, x) b = Reshape (a, val_0) s = Shape (b) y = ConstantOfShape (s)"
    assert forward(parsed(nodes, {"val_0": whole(-1, 8)}), tmp_path) == [
        "y = torch.cat([x, x], dim=0).reshape(-1, 8)",
        "return torch.full((y.shape[0], 8), 0.0, device=x.device)",
    ]


def test_a_batch_that_is_fixed_stays_fixed(tmp_path: Path) -> None:
    module = emitted(parsed("y = Flatten (x)", inputs="float[2,4,6,6] x"), tmp_path)
    assert lines(module, "forward") == ["return x.flatten(1)"]
    assert "# x: (2, 4, 6, 6)" in Path(str(module.__file__)).read_text()


def test_free_sizes_beside_the_batch(tmp_path: Path) -> None:
    nodes = "s = Shape (x) a = Flatten (x) b = Reshape (a, s) y = Relu (b)"
    module = emitted(parsed(nodes, inputs="float[N,4,H,W] x"), tmp_path)
    x = torch.randn(2, 4, 5, 7)
    assert torch.equal(module.Network()(x), x.relu())


def test_a_mask_of_known_size_is_computed_beforehand(tmp_path: Path) -> None:
    class Masked(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen = torch.ones(x.shape[1:], device=x.device).tril() == 0
            return x.masked_fill(seen, -1.0)

    module = emitted(traced(Masked(), torch.randn(1, 3, 3)), tmp_path)
    (name,) = module.load().state_dict()
    assert lines(module, "forward") == [f"return torch.where(self.{name}, -1.0, x)"]
    assert not list(module.Network().parameters())
