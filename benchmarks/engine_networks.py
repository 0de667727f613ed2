"""Which networks does `benchmarks.engine` compile? Shapes as published, weights random."""

import torch
from torch import Tensor, nn

STAGES = (
    (64, 3, 1),
    (128, 4, 2),
    (256, 6, 2),
    (512, 3, 2),
)  # width, blocks, stride of ResNet-50 (arXiv 1512.03385)
POINTWISE = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.body = nn.Sequential(
            *_conv(inputs, width, 1), *_conv(width, width, 3, stride), *_conv(width, outputs, 1)[:2]
        )
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(*_conv(inputs, outputs, 1, stride)[:2])

    def forward(self, x: Tensor) -> Tensor:
        """Images to images."""
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet50() -> nn.Module:
    """For images of 224 x 224; strides in the 3x3 convolutions, as most do."""
    layers: list[nn.Module] = [*_conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for width, blocks, stride in STAGES:
        for block in range(blocks):
            layers.append(Bottleneck(inputs, width, 1 if block else stride))
            inputs = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1000))


def mobilenet_v1() -> nn.Module:
    """For images of 224 x 224 (arXiv 1704.04861)."""
    layers: list[nn.Module] = _conv(3, 32, 3, 2)
    inputs = 32
    for outputs, stride in POINTWISE:
        layers += [*_conv(inputs, inputs, 3, stride, inputs), *_conv(inputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1000))


def mlp() -> nn.Module:
    """Four blocks, the shape of a transformer's without their attention."""
    blocks = [(nn.Linear(768, 3072), nn.ReLU(), nn.Linear(3072, 768)) for _ in range(4)]
    return nn.Sequential(*(layer for block in blocks for layer in block))


def gru() -> nn.Module:
    """One layer of 256 units."""
    return nn.GRU(256, 256)


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    norm = nn.BatchNorm2d(outputs)
    nn.init.normal_(norm.bias)  # or what random weights answer fades from layer to layer
    return [conv, norm, nn.ReLU()]


def prune_(net: nn.Module, sparsity: float, block: tuple[int, int] = (1, 1)) -> nn.Module:
    """Zeros for the smallest weights of each layer, or of its blocks of (outputs, inputs).

    Depthwise convolutions and biases stay dense; where blocks do not divide a layer, single weights go.
    """
    for parameter in net.parameters():
        if parameter.dim() > 1 and parameter.shape[1] > 1:
            weight = parameter.data
            rows = weight.movedim(1, -1).reshape(len(weight), -1)
            fits = rows.shape[0] % block[0] == 0 == rows.shape[1] % block[1]
            high, wide = block if fits else (1, 1)
            sizes = rows.square().reshape(len(rows) // high, high, -1, wide).sum((1, 3))
            count = round(sparsity * sizes.numel())
            if count:
                kept = sizes > sizes.flatten().kthvalue(count).values
                kept = kept.repeat_interleave(high, 0).repeat_interleave(wide, 1)
                kept = kept.reshape(len(weight), *weight.shape[2:], weight.shape[1]).movedim(-1, 1)
                parameter.data = weight * kept
    return net.eval()
