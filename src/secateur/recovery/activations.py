"""How are activations rounded while a network is trained for an integer runtime?"""

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from secateur.core.modes import evaluation_mode, layer_input
from secateur.core.task import Calibration
from secateur.errors import NumericalError
from secateur.quantize import Int8
from secateur.quantize.form import rounded
from secateur.quantize.grid import Scale
from secateur.quantize.onnx.ranges import LEVELS, RANGES, Histogram, Range

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""What runtimes compute with whole numbers; in the file, all else stays float."""


class RoundedInputs:
    """Rounds what enters every linear and convolutional layer to 256 levels, whose spacing is learned.

    The ranges start from a few training batches (learned step size, arXiv 1902.08153). Layers of weights
    that are not in `only` stay as they are.
    """

    def __init__(
        self, model: nn.Module, method: Int8, data: Calibration, only: Collection[str] | None = None
    ) -> None:
        layers = {layer: name for layer, name in _layers(model).items() if only is None or name in only}
        device = next(model.parameters()).device
        seen = _observe(model, layers, data, method.batches)
        ends = RANGES[method.ranges]
        self._grids = {name: ActivationGrid(ends(values)).to(device) for name, values in seen.items()}
        self._handles = [
            layer.register_forward_pre_hook(_rounding(self._grids[name]), with_kwargs=True)
            for layer, name in layers.items()
            if name in self._grids
        ]

    def parameters(self) -> Iterator[nn.Parameter]:
        """What the spacings are learned by."""
        return (parameter for grid in self._grids.values() for parameter in grid.parameters())

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
        self.scale = Scale(torch.tensor(scale))
        self.register_buffer("zero", torch.tensor(round(-low / scale), dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """The nearest levels."""
        scale: Tensor = self.scale()
        level = rounded((x / scale).clamp(-self.zero, LEVELS - self.zero))
        return level * scale

    @property
    def range(self) -> Range:
        """Lowest and highest level."""
        scale = float(self.scale().detach())
        return -float(self.zero) * scale, (LEVELS - float(self.zero)) * scale


def _rounding(grid: ActivationGrid) -> Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]:
    """A hook that rounds the first input of a layer, whether it is named or not."""

    def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args:
            return (grid(args[0]), *args[1:]), kwargs
        name, x = next(iter(kwargs.items()))
        return args, {**kwargs, name: grid(x)}

    return hook


def _layers(model: nn.Module) -> dict[nn.Module, str]:
    """Layer -> name of its weight, the same for layers that share one; the file has one range for it."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    layers = (module for module in model.modules() if isinstance(module, LAYERS))
    return {layer: names[id(layer.weight)] for layer in layers if id(layer.weight) in names}


@torch.no_grad()
def _observe(
    model: nn.Module, layers: Mapping[nn.Module, str], data: Calibration, batches: int
) -> dict[str, Histogram]:
    """What enters each layer on a few batches; layers that are never called are left out."""
    seen: dict[str, Histogram] = {}

    def watching(name: str) -> Callable[..., None]:
        def watch(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            values = layer_input(args, kwargs).detach().float().cpu()
            if not bool(torch.isfinite(values).all()):
                raise NumericalError(
                    f"What enters the layer of {name} holds NaN or infinity on a calibration batch. Expected "
                    "finite inputs: look for NaN in the training data."
                )
            seen.setdefault(name, Histogram()).add(values.numpy())

        return watch

    handles = [
        layer.register_forward_pre_hook(watching(name), with_kwargs=True) for layer, name in layers.items()
    ]
    try:
        with evaluation_mode(model):
            for batch in islice(data.batches(), batches):
                data.loss(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    return seen
