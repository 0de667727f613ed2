"""Whole networks, small: the compiled one answers as ONNX Runtime does."""

import warnings
from collections.abc import Callable

import numpy as np
import onnx
import onnx_ir
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import secateur.compiler
from secateur.graph.trace import trace
from secateur.network_file.read import as_graph


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Dense(nn.Module):
    """DenseNet: every layer sees all before it; the norm comes first."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.MaxPool2d(3, 2, 1))
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(8 + 4 * i), nn.ReLU(), nn.Conv2d(8 + 4 * i, 4, 3, padding=1))
            for i in range(3)
        )
        self.end = nn.Sequential(nn.BatchNorm2d(20), nn.ReLU(), nn.Conv2d(20, 10, 1), nn.AvgPool2d(2))
        self.head = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        answer: Tensor = self.head(self.end(x).mean((2, 3)))
        return answer


class UNet(nn.Module):
    """Down by pooling, up by transposed convolution and by interpolation, with shortcuts."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([conv(3, 8), conv(8, 16), conv(16, 16)])
        self.up = nn.ConvTranspose2d(16, 16, 2, 2)
        self.right = nn.ModuleList([conv(32, 8), conv(16, 8)])
        self.out = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = torch.relu(self.down[0](x))
        b = torch.relu(self.down[1](nn.functional.max_pool2d(a, 2)))
        c = torch.relu(self.down[2](nn.functional.max_pool2d(b, 2)))
        d = torch.relu(self.right[0](torch.cat([self.up(c), b], 1)))
        e = nn.functional.interpolate(d, scale_factor=2, mode="bilinear", align_corners=False)
        return torch.sigmoid(self.out(torch.relu(self.right[1](torch.cat([e, a], 1)))))


class ConvNext(nn.Module):
    """Depthwise 7x7, a norm over channels, a wide GELU in between, and a learned scale."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 4, 4)
        self.depthwise = nn.Conv2d(16, 16, 7, padding=3, groups=16)
        self.norm = nn.LayerNorm(16)
        self.mlp = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 16))
        self.scale = nn.Parameter(torch.full((16,), 0.3))
        self.head = nn.Linear(16, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.mlp(self.norm(self.depthwise(x).permute(0, 2, 3, 1))) * self.scale
        answer: Tensor = self.head((x + y.permute(0, 3, 1, 2)).mean((-2, -1)))
        return answer


class MobileV3(nn.Module):
    """Hard swish, and squeeze-and-excitation with a hard sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 8, stride=2), nn.Hardswish())
        self.wide = nn.Sequential(conv(8, 24, 1), nn.Hardswish(), conv(24, 24, 5, groups=24), nn.Hardswish())
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(24, 8, 1), nn.ReLU(), nn.Conv2d(8, 24, 1), nn.Hardsigmoid()
        )
        self.narrow = conv(24, 8, 1)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 6))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.wide(x)
        answer: Tensor = self.head(x + self.narrow(y * self.squeeze(y)))
        return answer


class Vit(nn.Module):
    """Patches, a token for the class, attention."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 32))
        self.places = nn.Parameter(torch.randn(1, 17, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), tokens], 1) + self.places
        return torch.softmax(self.head(self.encoder(tokens)[:, 0]), -1)


class Bert(nn.Module):
    """Words and places, attention with a mask, norms behind."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(50, 32), nn.Embedding(12, 32)
        self.norm = nn.LayerNorm(32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, 0.0, "gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.pool = nn.Linear(32, 32)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        x = self.norm(self.words(words) + self.places(torch.arange(words.shape[1])))
        away = torch.zeros_like(mask, dtype=torch.float32).masked_fill(mask == 0, -1e9)
        x = self.encoder(x, src_key_padding_mask=away)
        return torch.tanh(self.pool(x[:, 0]))


def ds_cnn() -> nn.Module:
    """For keywords: a tall first layer, depthwise separable ones."""
    blocks = [nn.Sequential(conv(12, 12, groups=12), nn.ReLU(), conv(12, 12, 1), nn.ReLU()) for _ in range(2)]
    stem = nn.Sequential(nn.Conv2d(1, 12, (10, 4), (2, 2), (5, 1)), nn.BatchNorm2d(12), nn.ReLU())
    return nn.Sequential(stem, *blocks, nn.AvgPool2d((25, 5)), nn.Flatten(), nn.Linear(12, 12))


def inverted_residual() -> nn.Module:
    """MobileNetV2 and EfficientNet: ReLU6 and SiLU; and the other norms and activations."""
    return nn.Sequential(
        *(
            conv(3, 12, stride=2),
            nn.ReLU6(),
            conv(12, 12, groups=12),
            nn.SiLU(),
            nn.GroupNorm(3, 12),
            nn.Mish(),
        ),
        *(
            nn.InstanceNorm2d(12, affine=True),
            nn.PReLU(12),
            nn.ReflectionPad2d(1),
            nn.Conv2d(12, 8, 3),
            nn.ELU(),
        ),
        *(
            nn.PixelShuffle(2),
            nn.ZeroPad2d((1, 2, 0, 1)),
            nn.Conv2d(2, 4, 3),
            nn.Softplus(),
            nn.LeakyReLU(0.2),
        ),
    )


IMAGE = (torch.Size([2, 3, 32, 32]),)
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[torch.Size, ...]]] = {
    "DenseNet": (Dense, IMAGE),
    "U-Net": (UNet, IMAGE),
    "ConvNeXt": (ConvNext, IMAGE),
    "MobileNetV3": (MobileV3, IMAGE),
    "ViT": (Vit, IMAGE),
    "DS-CNN": (ds_cnn, (torch.Size([1, 1, 49, 10]),)),
    "others": (inverted_residual, (torch.Size([1, 3, 15, 17]),)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_images(name: str) -> None:
    make, shapes = NETWORKS[name]
    torch.manual_seed(0)
    check(make(), tuple(torch.randn(shape) for shape in shapes))


def test_words() -> None:
    torch.manual_seed(0)
    mask = torch.ones(2, 12, dtype=torch.int64)
    mask[1, 7:] = 0
    check(Bert(), (torch.randint(0, 50, (2, 12)), mask))


def check(network: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    _settle_(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = trace(network, inputs, any_batch=False)
    session = onnxruntime.InferenceSession(onnx_ir.to_proto(graph).SerializeToString())
    names = [value.name for value in session.get_inputs()]
    wanted = session.run(None, dict(zip(names, (x.numpy() for x in inputs), strict=True)))[0]
    got = secateur.compiler.compile(graph)(*(x.numpy() for x in inputs))
    assert np.abs(got - wanted).max() <= 1e-4 * np.abs(wanted).max()


def _settle_(network: nn.Module) -> None:
    """Statistics as after training, not 0 and 1."""
    network.eval()
    for module in network.modules():
        if (
            isinstance(module, nn.BatchNorm2d)
            and module.running_mean is not None
            and module.running_var is not None
        ):
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)


def test_what_follows_from_a_range_is_computed_when_it_is_compiled() -> None:
    """Masks of shifted windows are written so: rows 0, 1, ... of zeros are set."""
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 18]> g (float[21, 3] x) => (float[21, 3] y)
        <int64 first = {0}, int64 end = {14}, int64 step = {1}, int64[1] last = {-1}> {
        rows = Range(first, end, step)
        places = Unsqueeze(rows, last)
        mask = ScatterND(zeros, places, ones)
        y = Add(x, mask) }"""
    )
    for name, array in (("zeros", np.zeros((21, 3))), ("ones", np.ones((14, 3)))):
        model.graph.initializer.append(onnx.numpy_helper.from_array(array.astype(np.float32), name))
    compiled = secateur.compiler.compile(as_graph(model))
    assert [step.kind for step in compiled.sources.steps] == ["Add"]
    x = np.zeros((21, 3), np.float32)
    np.testing.assert_array_equal(compiled(x)[:, 0], [1] * 14 + [0] * 7)
