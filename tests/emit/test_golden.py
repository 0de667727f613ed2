"""What is written for one small network, as a whole.

    RENEW_GOLDEN=1 pytest tests/emit/test_golden.py

writes the file anew, for a person to read before it is committed.
"""

import ast
import os
from pathlib import Path

import int8_nets
import pytest
import torch
from emitted import emitted, source, traced
from torch import Tensor, nn

GOLDEN = Path(__file__).parents[1] / "golden" / "emitted.py.txt"


class Block(nn.Module):
    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(channels, hidden, 1, bias=False), nn.Conv2d(hidden, channels, 1)
        self.bn, self.gamma = nn.BatchNorm2d(hidden), nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(torch.relu(self.bn(self.conv1(x))))
        return torch.add(x, self.gamma * y)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.GELU(), nn.MaxPool2d(2))
        self.blocks = nn.Sequential(Block(8, 5), Block(8, 13))
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.blocks(self.stem(x)).mean((2, 3)))
        return out


@pytest.fixture(scope="module")
def module_source(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("golden")
    return source(emitted(traced(int8_nets.made(Small), torch.zeros(1, 3, 16, 16)), folder))


def test_the_source_is_the_golden_one(module_source: str) -> None:
    if os.environ.get("RENEW_GOLDEN"):
        GOLDEN.write_text(module_source, encoding="utf-8")
    assert module_source == GOLDEN.read_text(encoding="utf-8")


def test_the_source_needs_torch_and_safetensors_alone(module_source: str) -> None:
    imports = [
        node for node in ast.walk(ast.parse(module_source)) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports
    }
    assert {name.split(".")[0] for name in names} == {"pathlib", "torch", "safetensors"}
    assert "secateur" not in module_source.replace("`secateur emit-python`", "")
