"""How are activations rounded while a network is trained for an integer runtime?"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from secateur.core.modes import evaluation_mode
from secateur.core.task import Calibration
from secateur.errors import NumericalError
from secateur.quantize import Int8
from secateur.quantize.form import rounded
from secateur.quantize.onnx.ranges import LEVELS, RANGES, Histogram
from secateur.recovery.constraint import Range

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


class RoundedInputs:
    """Rounds what enters every linear and convolutional layer to 256 levels, whose spacing is learned.

    The ranges start from a few training batches (learned step size, arXiv 1902.08153).
    """

    def __init__(self, model: nn.Module, method: Int8, data: Calibration) -> None:
        layers = {
            f"{name}.weight".removeprefix("."): module
            for name, module in model.named_modules()
            if isinstance(module, LAYERS)
        }
        device = next(model.parameters()).device
        seen = _observe(model, layers, data, method.batches)
        ends = RANGES[method.ranges]
        self._grids = {name: ActivationGrid(ends(values)).to(device) for name, values in seen.items()}
        self._handles = [
            layers[name].register_forward_pre_hook(_rounding(grid)) for name, grid in self._grids.items()
        ]

    def parameters(self) -> Iterator[nn.Parameter]:
        """The logarithms of the spacings."""
        return (grid.log_scale for grid in self._grids.values())

    def ranges(self) -> dict[str, Range]:
        """Weight -> range of what enters its layer."""
        return {name: grid.range for name, grid in self._grids.items()}

    def close(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()

    def state_dict(self) -> dict[str, Any]:
        """By the weights' names."""
        return {name: dict(grid.state_dict()) for name, grid in self._grids.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with saved spacings."""
        for name, grid in self._grids.items():
            grid.load_state_dict(state[name])


class ActivationGrid(nn.Module):
    """scale * (clamp(round(x / scale) + zero, 0, 255) - zero), with a fixed `zero` and a learned scale."""

    zero: Tensor

    def __init__(self, ends: Range) -> None:
        super().__init__()
        low, high = ends
        scale = (high - low) / LEVELS or 1.0  # a layer that only ever sees zeros: any scale will do
        self.log_scale = nn.Parameter(torch.tensor(scale).log())
        self.register_buffer("zero", torch.tensor(round(-low / scale), dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """The nearest levels."""
        scale = self.log_scale.exp()
        level = rounded((x / scale).clamp(-self.zero, LEVELS - self.zero))
        return level * scale

    @property
    def range(self) -> Range:
        """Lowest and highest level."""
        scale = float(self.log_scale.detach().exp())
        return -float(self.zero) * scale, (LEVELS - float(self.zero)) * scale


def _rounding(grid: ActivationGrid) -> Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...]]:
    """A hook that rounds the first input of a layer."""
    return lambda _, inputs: (grid(inputs[0]), *inputs[1:])


@torch.no_grad()
def _observe(
    model: nn.Module, layers: Mapping[str, nn.Module], data: Calibration, batches: int
) -> dict[str, Histogram]:
    """What enters each layer on a few batches; layers that are never called are left out."""
    seen: dict[str, Histogram] = {}

    def watching(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def watch(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            values = inputs[0].detach().float().cpu()
            if not bool(torch.isfinite(values).all()):
                raise NumericalError(
                    f"What enters the layer of {name} holds NaN or infinity on a calibration batch. Expected "
                    "finite inputs: look for NaN in the training data."
                )
            seen.setdefault(name, Histogram()).add(values.numpy())

        return watch

    handles = [layer.register_forward_pre_hook(watching(name)) for name, layer in layers.items()]
    try:
        with evaluation_mode(model):
            for batch in islice(data.batches(), batches):
                data.loss(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    return seen
