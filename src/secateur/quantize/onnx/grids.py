"""On which grid of 255 levels does each weight lie?

    weight = level * scale[channel],  level in -127 .. 127

The zero point is 0, so a removed weight is level 0 and stays exactly zero.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from secateur.errors import ExportError
from secateur.graph.constants import Floats, set_constant
from secateur.quantize.onnx.layers import Weight

LEVELS = 127
SMALLEST = 2.0**-100
"""The least scale, of channels without weights: its product with an activation's scale is still normal."""


@dataclass(frozen=True)
class Grid:
    """Scales of shape (out_channels,), float32, and the axis along which they lie."""

    scales: Floats
    axis: int


def snap_(weights: Iterable[Weight], scales: Mapping[str, Floats]) -> None:
    """Round those weights whose scales are known to their grid, in place.

    To be done before a BatchNorm is folded: a level may not depend on how f * w / (f * scale) rounds.

    Raises:
        ExportError: scales of another shape than (out_channels,), or not positive and finite.
    """
    for weight in weights:
        if weight.name in scales:
            scale = weight.along(_checked(weight, np.asarray(scales[weight.name], np.float32)))
            set_constant(weight.value, np.clip(np.round(weight.array / scale), -LEVELS, LEVELS) * scale)


def grids(
    weights: Iterable[Weight], scales: Mapping[str, Floats], factors: Mapping[str, Floats]
) -> dict[str, Grid]:
    """The grid of each weight: its own scales times |factors|, or what its largest elements need."""
    found = {}
    for weight in weights:
        others = tuple(axis for axis in range(weight.array.ndim) if axis != weight.axis)
        needed = np.abs(weight.array).max(axis=others, initial=0) / LEVELS
        if weight.name in scales:
            needed = np.asarray(scales[weight.name], np.float64) * np.abs(
                factors.get(weight.name, np.ones(1))
            )
        found[weight.name] = Grid(np.maximum(needed, SMALLEST).astype(np.float32), weight.axis)
    return found


def _checked(weight: Weight, scales: Floats) -> Floats:
    channels = weight.array.shape[weight.axis]
    if scales.shape != (channels,):
        raise ExportError(
            f"weight_scales[{weight.name!r}] has the shape {scales.shape}, but the weight has {channels} "
            f"output channels. Expected one scale for each: ({channels},)."
        )
    if not (np.isfinite(scales) & (scales > 0)).all():
        worst = scales[~(np.isfinite(scales) & (scales > 0))][0]
        raise ExportError(
            f"weight_scales[{weight.name!r}] holds {worst}. Expected the distance of two neighbouring values "
            "of each channel: positive and finite, even for a channel of zeros."
        )
    return scales
