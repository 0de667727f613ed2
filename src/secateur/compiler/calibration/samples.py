"""Which layers are timed, each in which ways?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from secateur.compiler.code import Code
from secateur.compiler.costs import Costs, total
from secateur.compiler.kernels import Kernel
from secateur.compiler.kernels.choice import Choice, choices, pieces
from secateur.compiler.kernels.conv import tiled
from secateur.compiler.kernels.matrix import FORMS, Layer, handicap, work_of
from secateur.compiler.kernels.processor import Registers, registers
from secateur.compiler.kernels.tiling import tilings
from secateur.compiler.kernels.window import window
from secateur.compiler.program import Op, Tensor
from secateur.compiler.shapes import pitch_of
from secateur.compiler.targets import Target

FLOAT = np.dtype(np.float32)
WAYS = 18  # of each convolution: the fastest by the costs so far, and others evenly
CACHES = (12, 16, 20, 24, 28, 32, 48)  # KiB: sizes of the first cache, of which the times tell one


@dataclass(frozen=True)
class Conv:
    """A square convolution: channels, outputs, kernel, size of the image, stride, zeros, and their blocks."""

    channels: int
    outputs: int
    kernel: int
    size: int
    stride: int = 1
    sparsity: float = 0.9
    block: int = 1


@dataclass(frozen=True)
class Product:
    """Rows times a matrix (outputs, inputs), its zeros, and their blocks."""

    outputs: int
    inputs: int
    rows: int
    sparsity: float = 0.9
    block: int = 1


CONVS = (
    Conv(64, 256, 1, 56),
    Conv(256, 64, 1, 56, sparsity=0.8),
    Conv(128, 512, 1, 28),
    Conv(256, 1024, 1, 14),
    Conv(1024, 256, 1, 14, sparsity=0.95),
    Conv(512, 2048, 1, 7),
    Conv(256, 512, 1, 56, stride=2),
    Conv(32, 64, 1, 112),
    Conv(64, 64, 3, 56),
    Conv(128, 128, 3, 28, sparsity=0.8),
    Conv(256, 256, 3, 14),
    Conv(512, 512, 3, 7, sparsity=0.95),
    Conv(128, 128, 3, 28, stride=2, sparsity=0.7),
    Conv(3, 32, 3, 112, stride=2),
    Conv(64, 64, 3, 28, sparsity=0.0),
    Conv(128, 256, 1, 28, sparsity=0.0),
    Conv(512, 128, 1, 7, sparsity=0.0),
    Conv(128, 256, 1, 28, sparsity=0.8, block=4),
    Conv(64, 64, 3, 28, sparsity=0.8, block=4),
)
PRODUCTS = tuple(
    Product(outputs, inputs, rows, sparsity, block)
    for outputs, inputs in ((768, 256), (768, 3072), (1000, 1024))
    for rows in (1, 4, 16, 64)
    for sparsity, block in ((0.0, 1), (0.8, 1), (0.9, 1), (0.95, 1), (0.9, 16))
)
"""Shapes of ResNet-50, MobileNet, transformers and recurrent layers."""


@dataclass(frozen=True)
class Way:
    """One way to compute a layer.

    Attributes:
        layer: number of the layer.
        pieces: of its work, for each size of the first cache in `CACHES`.
        op: the operator.
        write: its step.
        handicap: that its estimate is multiplied by when ways are compared.
    """

    layer: int
    pieces: Mapping[int, Mapping[str, float]]
    op: Op
    write: Kernel
    handicap: float = 1.0


def conv_ways(target: Target, costs: Costs) -> Iterator[Way]:
    """Of all convolutions."""
    rng, has = np.random.default_rng(0), registers(target)
    for number, conv in enumerate(CONVS):
        weight = _pruned(rng, conv.outputs, conv.channels * conv.kernel**2, conv.sparsity, conv.block)
        op = _conv_op(conv, weight, number, target)
        geometry = window(op, (conv.kernel, conv.kernel))
        tiles = list(tilings(geometry, op.input(0), op.output, None, target.pitch))
        found = list(choices(weight, conv.channels, tiles, costs.conv.cache))
        for choice in _some(found, conv, costs, has):
            work = {size: pieces(choice, conv.outputs, conv.channels, size * 1024, has) for size in CACHES}
            yield Way(number, work, op, partial(tiled, weight=weight, choice=choice))


def _some(found: list[Choice], conv: Conv, costs: Costs, has: Registers) -> list[Choice]:
    """Half of them the best, as far as is known; the others from all over."""

    def estimate(way: Choice) -> float:
        return total(pieces(way, conv.outputs, conv.channels, costs.conv.cache, has), costs.conv)

    ranked = sorted(found, key=estimate)
    rest = ranked[WAYS // 2 :]
    return ranked[: WAYS // 2] + rest[:: max(1, 2 * len(rest) // WAYS)]


def _conv_op(conv: Conv, weight: NDArray[np.float32], number: int, target: Target) -> Op:
    out, padding = conv.size // conv.stride, (conv.kernel - 1) // 2
    x = Tensor(
        f"x{number}", (1, conv.channels, conv.size, conv.size), FLOAT, None, pitch_of(conv.size**2, target)
    )
    y = Tensor(f"y{number}", (1, conv.outputs, out, out), FLOAT, None, pitch_of(out**2, target))
    shape = (conv.outputs, conv.channels, conv.kernel, conv.kernel)
    constant = Tensor(f"w{number}", shape, FLOAT, weight.reshape(shape))
    pads = (padding,) * 4 if conv.stride == 1 else (padding, padding, 0, 0)
    return Op(f"conv{number}", "Conv", (x, constant), (y,), {"strides": (conv.stride,) * 2, "pads": pads})


def product_ways(target: Target) -> Iterator[Way]:
    """Of all products."""
    rng = np.random.default_rng(0)
    for number, product in enumerate(PRODUCTS):
        weight = _pruned(rng, product.outputs, product.inputs, product.sparsity, product.block)
        layer = Layer(weight, product.rows, (product.inputs, 1), (product.outputs, 1))
        x = Tensor(f"a{number}", (product.rows, product.inputs), FLOAT)
        y = Tensor(f"b{number}", (product.rows, product.outputs), FLOAT)
        op = Op(f"product{number}", "Gemm", (x,), (y,), {})
        for form, work in work_of(layer, target).items():
            write = partial(_product, layer=layer, form=form)
            yield Way(number, dict.fromkeys(CACHES, work), op, write, handicap(form))


def _product(code: Code, layer: Layer, form: str) -> None:
    code.line(FORMS[form](code, layer)("p", "x0", "y0"))


def _pruned(
    rng: np.random.Generator, outputs: int, inputs: int, sparsity: float, block: int
) -> NDArray[np.float32]:
    """Random zeros, of `block` neighbouring outputs at once."""
    weight = rng.standard_normal((outputs, inputs)).astype(np.float32)
    kept = rng.random((-(-outputs // block), inputs)) >= sparsity
    return weight * np.repeat(kept, block, axis=0)[:outputs].astype(np.float32)
