"""Which pruned networks stand in the table of `benchmarks.engine`, and how fast are they expected to be?"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from benchmarks.engine_networks import gru, mlp, mobilenet_v1, prune_, resnet50
from torch import Tensor, nn

IMAGE, IMAGES = (1, 3, 224, 224), (16, 3, 224, 224)
STEPS = (100, 1, 256)  # of one sequence


@dataclass(frozen=True)
class Row:
    """One network.

    Attributes:
        network: makes it.
        shape: of its input.
        sparsity: of each pruned layer.
        least: times ONNX Runtime's speed that are expected.
        block: (outputs, inputs) that are pruned together.
    """

    network: Callable[[], nn.Module]
    shape: tuple[int, ...]
    sparsity: float
    least: float
    block: tuple[int, int] = (1, 1)

    def made(self) -> tuple[nn.Module, Tensor]:
        """The pruned network and an input, the same each time."""
        torch.manual_seed(0)
        return prune_(self.network(), self.sparsity, self.block), torch.randn(self.shape)


ROWS = {
    "resnet50-90": Row(resnet50, IMAGE, 0.9, 4),
    "resnet50-90-batch16": Row(resnet50, IMAGES, 0.9, 4),
    "resnet50-95": Row(resnet50, IMAGE, 0.95, 6),
    "resnet50-80": Row(resnet50, IMAGE, 0.8, 1),
    "resnet50-70": Row(resnet50, IMAGE, 0.7, 1),
    "resnet50-80-1x4": Row(resnet50, IMAGE, 0.8, 1, (1, 4)),
    "resnet50-80-4x1": Row(resnet50, IMAGE, 0.8, 1, (4, 1)),
    "resnet50-dense": Row(resnet50, IMAGE, 0, 0.8),
    "mobilenet-90": Row(mobilenet_v1, IMAGE, 0.9, 3),
    "mobilenet-90-batch16": Row(mobilenet_v1, IMAGES, 0.9, 3),
    "mobilenet-dense": Row(mobilenet_v1, IMAGE, 0, 0.8),
    "mlp-90-1": Row(mlp, (1, 768), 0.9, 2.5),
    "mlp-90-64": Row(mlp, (64, 768), 0.9, 5),
    "mlp-90-16x1-1": Row(mlp, (1, 768), 0.9, 6, (16, 1)),
    "gru-90": Row(gru, STEPS, 0.9, 2.5),
    "gru-90-16x1": Row(gru, STEPS, 0.9, 5, (16, 1)),
}
"""Name -> network: what is pruned, percent of zeros, their blocks, rows or images."""
