"""Whole networks, traced: does the emitted module read well, and is it the same network?"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import int8_nets
import onnx_ir
import pytest
import torch
import torch.nn.functional as F
from emitted import answers, emitted, source, traced
from torch import Tensor, nn

from secateur.quantize.vectors import settle_batchnorm_

IMAGE = torch.linspace(-1, 1, 2 * 3 * 16 * 16).reshape(2, 3, 16, 16)


class Block(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, 1 + (after > before), 1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
        self.shortcut = nn.Sequential()
        if after > before:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, 2, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.shortcut(x))


class ResNet20(nn.Module):
    """Of CIFAR-10, with widths as a cut leaves them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5)
        widths = [5, 5, 5, 5, 11, 11, 11, 13, 13, 13]
        blocks = [Block(a, b) for a, b in pairwise(widths)]
        self.layer1, self.layer2, self.layer3 = (nn.Sequential(*blocks[i : i + 3]) for i in (0, 3, 6))
        self.linear = nn.Linear(13, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        out: Tensor = self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))
        return out


class Excited(nn.Module):
    """A depthwise convolution, squeezed and excited."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 1)
        self.depthwise = nn.Conv2d(6, 6, (3, 5), padding=(1, 2), groups=6, bias=False)
        self.bn = nn.BatchNorm2d(6, eps=1e-3, momentum=0.01)
        self.fc1, self.fc2 = nn.Conv2d(6, 2, 1), nn.Conv2d(2, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.bn(self.depthwise(F.hardswish(self.conv(x)))))
        gate = self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(gate)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.low = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.up, self.out = nn.ConvTranspose2d(6, 4, 2, stride=2), nn.Conv2d(14, 4, 3, padding=1)
        self.norm = nn.GroupNorm(2, 6)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        high = F.relu(self.down(x))
        low = F.elu(self.norm(self.low(high)))
        big = F.interpolate(low, scale_factor=2, mode="bilinear", align_corners=False)
        y = self.out(torch.cat([high, self.up(low), big], 1))
        return F.pixel_shuffle(y, 2), F.pad(low, (1, 2, 0, 3))[:, :, 1:]


class Words(nn.Module):
    """A token for the class, positions, two recurrent layers both ways."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.start = nn.Embedding(11, 8), nn.Parameter(torch.randn(1, 1, 8))
        self.places = nn.Parameter(torch.randn(1, 5, 8))
        self.gru = nn.GRU(8, 6, num_layers=2, batch_first=True, bidirectional=True)
        self.lstm = nn.LSTM(12, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.words(x) + self.places
        y = torch.cat([self.start.expand(y.shape[0], -1, -1), y], 1)
        y, _ = self.gru(y)
        y, (h, _) = self.lstm(y.transpose(0, 1))
        return y[-1], h.transpose(0, 1)


def transformer() -> nn.Module:
    return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True, activation="gelu")


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "ResNet-20": (ResNet20, IMAGE),
    "excited": (Excited, IMAGE),
    "U-Net": (UNet, IMAGE),
    "words": (Words, torch.arange(10).reshape(2, 5)),
    "transformer": (transformer, IMAGE.reshape(-1, 12, 8)),
    "shuffle": (int8_nets.Shuffle, IMAGE),
}


@dataclass
class Network:
    """How its class is made, the network, an input, and the module that was written."""

    make: Callable[[], nn.Module]
    model: nn.Module
    x: Tensor
    module: ModuleType


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Network:
    make, x = NETWORKS[request.param]
    model = int8_nets.made(make)
    return Network(make, model, x, emitted(traced(model, x), tmp_path_factory.mktemp("network")))


def test_the_emitted_module_answers_the_same_for_any_batch(network: Network) -> None:
    for x in (network.x, network.x[:1]):
        assert_close(answers(network.module, x), network.model(x))


def test_state_dicts_go_to_and_fro(network: Network) -> None:
    """The emitted module takes the state of the network's class, and gives its own back."""
    other = int8_nets.made(network.make, seed=1)
    mine = network.module.Network().eval()
    mine.load_state_dict(other.state_dict())
    assert_close(mine(network.x), other(network.x))
    other.load_state_dict(network.module.load().state_dict())
    assert_close(other(network.x), network.model(network.x))


def test_a_batchnorm_that_compression_wrote_with_two_tensors(tmp_path: Path) -> None:
    graph = int8_nets.graph("residual")
    settled = onnx_ir.from_proto(graph)
    settle_batchnorm_(settled.graph)
    module = emitted(onnx_ir.to_proto(settled), tmp_path)
    assert "        self.norm1 = nn.BatchNorm2d(8, eps=0.0)" in source(module).splitlines()
    assert_close(answers(module, IMAGE), int8_nets.network("residual")(IMAGE))


def test_the_source_is_as_ruff_wants_it(network: Network) -> None:
    assert max(map(len, source(network.module).splitlines())) <= 88
    for command in (["check"], ["format", "--diff"]):
        ruff = [
            sys.executable,
            "-m",
            "ruff",
            *command,
            "--isolated",
            "--no-cache",
            str(network.module.__file__),
        ]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def assert_close(got: object, wanted: object) -> None:
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)
