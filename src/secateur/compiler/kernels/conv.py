"""How is an image convolved?"""

import numpy as np

from secateur.compiler.code import Code
from secateur.compiler.costs import SECOND_CACHE
from secateur.compiler.kernels.activations import activation
from secateur.compiler.kernels.choice import Choice, choices, fastest
from secateur.compiler.kernels.conv_depthwise import depthwise
from secateur.compiler.kernels.conv_small import conv_small
from secateur.compiler.kernels.panel import FLOAT
from secateur.compiler.kernels.processor import registers
from secateur.compiler.kernels.streams import Matrix, streams
from secateur.compiler.kernels.tiling import tilings
from secateur.compiler.kernels.window import window
from secateur.compiler.program import Tensor

__all__ = ["conv"]

FAR = 4 * SECOND_CACHE  # bytes of an output whose lines are asked for before they are written


def conv(code: Code) -> None:
    """One to three axes; any stride, dilation, padding and groups; a constant weight."""
    op = code.op
    weight = op.constant(1).astype(np.float32)
    w = window(op, weight.shape[2:])
    if code.target.pitch == 1:
        conv_small(code, w, weight)
        return
    if weight.shape[1] == 1 and op.get("group", 1) == op.input(0).shape[1] > 1:
        depthwise(code, w, weight)
        return
    wide, channels = over_all_channels(weight, op.get("group", 1)), op.input(0).shape[1]
    ways = list(tilings(w, op.input(0), op.output, op.optional(3), code.target.pitch))
    costs = code.costs.conv
    found = choices(wide, channels, ways, costs.cache)
    tiled(code, wide, fastest(found, len(wide), channels, costs, registers(code.target)))


def over_all_channels(weight: Matrix, groups: int) -> Matrix:
    """(outputs, channels * kernel): weights of other groups' channels are 0."""
    outputs = len(weight)
    rows = weight.reshape(groups, outputs // groups, -1)
    wide = np.zeros((groups, outputs // groups, groups, rows.shape[2]), np.float32)
    for group in range(groups):
        wide[group, :, group] = rows[group]
    return wide.reshape(outputs, -1)


def tiled(code: Code, weight: Matrix, choice: Choice) -> None:
    """Tile by tile: `c/conv_tiles.h`."""
    op, tiling = code.op, choice.tiling
    channels, outputs = op.input(0).shape[1], len(weight)
    chunk = _chunk(outputs, tiling.tiles * op.input(0).shape[0])
    columns = np.arange(choice.block_channels)[:, None] * tiling.channel_bytes + np.array(tiling.offsets)
    every = np.tile(columns.reshape(-1), -(-channels // choice.block_channels)).astype(np.uint32)
    packed = streams(weight, every, columns.size, chunk, choice.write)
    bias = op.constant(2).astype(np.float32) if op.optional(2) is not None else np.zeros(outputs, np.float32)
    code.line(_copies(choice))
    code.line(_layer(code, choice, chunk, packed.words.nbytes > SECOND_CACHE))
    at = code.constant(packed.table, "starts")
    b, words = code.constant(bias, "bias"), code.constant(packed.words, "weight")
    kernel = f"{choice.function}_{tiling.pixels}"
    longer = f"{choice.function}_{tiling.pixels + tiling.unit}" if tiling.longer else kernel
    added = "x3" if op.optional(3) is not None else "NULL"
    code.headers.add("conv_elements" if choice.rows == 1 else "conv_blocks")
    code.call(
        *(
            "conv_tiles",
            "&layer",
            "x0",
            b,
            f"(const weights_t *){at}",
            words,
            added,
            "y0",
            "s",
            kernel,
            longer,
        ),
        header="conv_tiles",
    )
    stage = outputs * (tiling.pixels if tiling.staged else 0)
    panel = (choice.block_channels * tiling.panel.floats + tiling.panel.scratch) if tiling.packed else 0
    code.scratch = FLOAT * (stage + panel + 4 * 16)
    code.form = choice.form


def _chunk(outputs: int, tiles: int) -> int:
    """Outputs that one thread computes at a time: fewer where there are few tiles to share."""
    return outputs if tiles > 8 or outputs < 64 else -(-outputs // 4 // 8) * 8


def _copies(choice: Choice) -> str:
    copies = choice.tiling.panel.copies if choice.tiling.packed else ((0, 0, 0),)
    text = ", ".join(f"{{{source}, {target}, {rows}}}" for source, target, rows in copies)
    return f"static const copy_t copies[] = {{{text}}};"


def _layer(code: Code, choice: Choice, chunk: int, large: bool) -> str:
    """The struct `conv_t`."""
    op, tiling, panel = code.op, choice.tiling, choice.tiling.panel
    x, y = op.input(0), op.output
    added: Tensor | None = op.optional(3)
    window = panel.window.arguments.removeprefix("(window_t)")
    geometry = (window, panel.rows, panel.columns, *panel.padded, panel.floats, len(panel.copies), "copies")
    channels, outputs = x.shape[1], y.shape[1]
    numbers = (
        *(x.shape[0], channels, outputs, x.plane, added.plane if added else 0, y.plane),
        *(tiling.down, tiling.across, tiling.pixels, tiling.longer, tiling.unit),
        *(int(tiling.packed), int(tiling.staged)),
        *(
            choice.block_channels,
            -(-channels // choice.block_channels),
            chunk,
            -(-outputs // chunk),
            int(large),
            int(FLOAT * x.shape[0] * outputs * y.plane > FAR),
        ),
    )
    text = ", ".join(map(str, (f"{{{', '.join(map(str, geometry))}}}", *numbers, *activation(op))))
    return f"static const conv_t layer = {{{text}}};"
