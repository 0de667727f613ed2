"""Small networks with everything that makes a cut hard, their groups, and units to remove."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from secateur.core.groups import Group, Member
from secateur.core.masks import Masks
from secateur.graph.coupling import Coupling, couple
from secateur.graph.trace import trace
from secateur.graph.values import look
from secateur.surgery import masks_without


def coupling_of(model: nn.Module, *inputs: Tensor) -> Coupling:
    """All groups of a network, as its graph says."""
    model.eval()
    graph = trace(model, inputs)
    values = look(graph, [x.numpy() for x in inputs])
    parameters = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    buffers = [name for name, _ in model.named_buffers()]
    return couple(graph, values, parameters + buffers, buffers)


def every_other(groups: Sequence[Group]) -> dict[str, Tensor]:
    """Units 1, 3, 5 and so on of each group."""
    return {group.name: torch.arange(group.units) % 2 == 1 for group in groups}


def half_of(groups: Sequence[Group]) -> Masks:
    """Masks without them."""
    return masks_without(groups, every_other(groups))


def stir(model: nn.Module, seed: int = 0) -> nn.Module:
    """Normalisations and biases that are not 0 or 1, so that nothing hides."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=generator))
        if name.endswith("running_var"):
            buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    return model


class Block(nn.Module):
    """A residual block of convolutions, with squeeze-and-excite."""

    def __init__(self, channels: int, groups: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 8, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, channels, 3, padding=1, groups=groups)
        self.norm2 = nn.BatchNorm2d(channels)
        self.gate = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Any:
        y = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        gate = torch.sigmoid(self.gate(y.mean((2, 3))))
        return torch.relu(x + y * gate[:, :, None, None])


class ConvNet(nn.Module):
    """Residual, concatenated, grouped, depthwise, flattened into a Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.block = Block(8)
        self.branch = nn.Conv2d(8, 4, 1)
        self.depthwise = nn.Conv2d(12, 12, 3, groups=12, padding=1)
        self.prelu = nn.PReLU(12)
        self.grouped = nn.Conv2d(12, 8, 3, groups=2)
        self.norm = nn.GroupNorm(4, 8)
        self.head = nn.Linear(8 * 4 * 4, 5)

    def forward(self, x: Tensor) -> Any:
        x = self.block(self.stem(x))
        x = torch.cat([x, self.branch(x)], 1)
        x = self.norm(self.grouped(self.prelu(self.depthwise(x))))
        return self.head(x.flatten(1))


class Attention(nn.Module):
    """Self-attention as many write it, with names of its own and a width that its code knows."""

    def __init__(self, width: int = 16, heads: int = 4) -> None:
        super().__init__()
        self.num_heads = heads
        self.head_dim = width // heads
        self.attn_dim = width
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Any:
        b, n, _ = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-2, -1) * self.head_dim**-0.5).softmax(-1)
        return self.proj((scores @ v).transpose(1, 2).reshape(b, n, self.attn_dim))


class Transformer(nn.Module):
    """Two layers of attention, PyTorch's own and one by hand, with MLPs."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 16)
        self.layer = nn.TransformerEncoderLayer(16, 4, 24, batch_first=True)
        self.norm = nn.LayerNorm(16)
        self.attention = Attention()
        self.up = nn.Linear(16, 20)
        self.down = nn.Linear(20, 16)
        self.out = nn.Linear(16, 11, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Any:
        x = self.layer(self.embed(tokens))
        x = x + self.attention(self.norm(x))
        return self.out(x + self.down(nn.functional.gelu(self.up(x))))


class Recurrent(nn.Module):
    """A GRU of two layers and both directions, then an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(5, 6, num_layers=2, bidirectional=True, batch_first=True)
        self.lstm = nn.LSTM(12, 4, batch_first=True)
        self.out = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Any:
        return self.out(self.lstm(self.gru(x)[0])[0][:, -1])


EXAMPLES: dict[type[nn.Module], Tensor] = {
    ConvNet: torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1)),
    Transformer: torch.arange(10).reshape(2, 5),
}


@cache
def groups_of(kind: Any) -> tuple[Group, ...]:
    """Of these networks; looked for once, since that takes a second."""
    return coupling_of(kind(), EXAMPLES[kind]).groups


def bits(model: nn.Module) -> dict[str, bytes]:
    """Everything a network holds, to compare bit by bit."""
    return {name: tensor.detach().numpy().tobytes() for name, tensor in model.state_dict().items()}


def recurrent_group() -> Group:
    """One unit is all gates of a hidden unit of `Recurrent.gru`, in both layers and directions."""
    gates = torch.arange(18).reshape(3, 6).T
    outputs = torch.arange(12).reshape(2, 6).T
    members = []
    for layer in ("l0", "l0_reverse", "l1", "l1_reverse"):
        reads = 5 if layer.startswith("l0") else 12
        members += [
            Member(f"gru.weight_ih_{layer}", (18, reads), 0, gates),
            Member(f"gru.weight_hh_{layer}", (18, 6), 0, gates),
            Member(f"gru.weight_hh_{layer}", (18, 6), 1, torch.arange(6)[:, None]),
            Member(f"gru.bias_ih_{layer}", (18,), 0, gates),
            Member(f"gru.bias_hh_{layer}", (18,), 0, gates),
        ]
        if reads == 12:
            members.append(Member(f"gru.weight_ih_{layer}", (18, 12), 1, outputs))
    members.append(Member("lstm.weight_ih_l0", (16, 12), 1, outputs))
    return Group("gru", 6, tuple(members), "channels")
