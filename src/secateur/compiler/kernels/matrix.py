"""How are rows multiplied by a constant matrix?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.compiler.code import Code
from secateur.compiler.costs import MatrixCosts, total
from secateur.compiler.kernels import matrix_formats as formats
from secateur.compiler.kernels.matrix_costs import FEW, pieces
from secateur.compiler.kernels.matrix_formats import SLICE, Floats
from secateur.compiler.kernels.processor import lookup
from secateur.compiler.targets import Target

Steps = tuple[int, int]
PANEL_BYTES = 1 << 19  # of packed rows: half of a second-level cache
BAND_BYTES = 1 << 15  # of a panel's part that stays in the first cache
CHUNK = 192  # outputs
TILE_ROWS = 12  # as in gemm.h, where it is widest
TILE_SLICES = 2
WORTH = 1.15  # a sparse form must be estimated so much faster than the dense one


@dataclass(frozen=True)
class Layer:
    """y (rows, outputs) = activation(x (rows, inputs) weight^T + c).

    Attributes:
        weight: (outputs, inputs).
        rows: of x.
        x: elements from row to row, and from column to column.
        y: the same.
        c: a pointer in C and its steps, where something is added.
        activation: as `activations.activation` answers it.
    """

    weight: Floats
    rows: int
    x: Steps
    y: Steps
    c: tuple[str, Steps] = ("NULL", (0, 0))
    activation: tuple[str, str, str] = ("none", "0.0f", "0.0f")


Call = Callable[[str, str, str], str]
"""From three expressions in C, for the part of the work, x and y, to the statement."""


def multiply(code: Code, layer: Layer) -> Call:
    """In the form that is estimated to be the fastest; its weights are added to the program's."""
    form = best(layer, code.target, code.costs.matrix)
    code.form = form
    return FORMS[form](code, layer)


def best(layer: Layer, target: Target, costs: MatrixCosts) -> str:
    """The form with the lowest estimate."""
    if layer.weight.shape[1] > np.iinfo(np.uint16).max:
        return "dense"
    if target.pitch == 1:  # no vectors: an element costs a little more than a weight
        return "rows" if np.count_nonzero(layer.weight) < 0.7 * layer.weight.size else "plain"
    work = work_of(layer, target)
    return min(work, key=lambda form: handicap(form) * total(work[form], costs))


def handicap(form: str) -> float:
    """What an estimate is multiplied by before it is compared with others."""
    return 1.0 if form == "dense" else WORTH


def work_of(layer: Layer, target: Target) -> dict[str, dict[str, float]]:
    """Form -> its pieces of work, of the forms that a processor with vectors has."""
    wide = panel_rows(layer.rows, target)
    return pieces(layer.weight, layer.rows, wide, _band(wide), lookup(target))


def panel_rows(rows: int, target: Target) -> int:
    """Rows that are computed together where each element is read for itself: their sums fit the registers."""
    panels = -(-rows // (128 if lookup(target) == 32 else 32))
    return -(-rows // (panels * SLICE)) * SLICE


def finish(layer: Layer, y: str) -> str:
    """What follows the sums, in C."""
    pointer, steps = layer.c
    numbers = f"{pointer}, {braced(steps)}, 1.0f, {y}, {braced(layer.y)}, {', '.join(layer.activation)}"
    return f"(finish_t){{{numbers}}}"


def braced(steps: Steps) -> str:
    """As C takes it."""
    return f"(steps_t){{{steps[0]}, {steps[1]}}}"


def _call(code: Code, layer: Layer, function: str, weights: str, floats: int, after: str = "") -> Call:
    """A function of c/ that multiplies; it needs so many floats of scratch memory."""
    code.scratch = max(code.scratch, 4 * floats)
    outputs, inputs = layer.weight.shape
    sizes = f"{layer.rows}, {inputs}, {outputs}"

    def call(part: str, x: str, y: str) -> str:
        ends = f"{finish(layer, y)}, (float *)(void *)s{after}"
        return f"{function}({part}, {x}, {braced(layer.x)}, {weights}, {sizes}, {ends});"

    return call


def _constants(code: Code, *arrays: tuple[NDArray[Any], str]) -> str:
    return ", ".join(code.constant(array, note) for array, note in arrays)


def _plain(code: Code, layer: Layer) -> Call:
    code.headers.add("spmv")
    weights = _constants(code, (layer.weight, "weight"))
    return _call(code, layer, "plain_product", weights, layer.weight.shape[1])


def _dense(code: Code, layer: Layer) -> Call:
    weights = _constants(code, (formats.slices(layer.weight), "weight, in slices"))
    inputs = layer.weight.shape[1]
    if layer.rows == 1:
        code.headers.add("spmv")
        return _call(code, layer, "slices_product", weights, inputs)
    code.headers.add("gemm")
    rows = packed_rows(layer.rows, inputs)
    return _call(code, layer, "dense_product", weights, rows * inputs + SLICE, f", {rows}")


def packed_rows(rows: int, inputs: int) -> int:
    """Rows that are packed at a time: a few tiles, as many as the cache holds."""
    return min(max(PANEL_BYTES // (4 * inputs), TILE_ROWS), rows + TILE_ROWS)


def _blocks(code: Code, layer: Layer) -> Call:
    packed = formats.blocks(layer.weight)
    weights = _constants(
        code, (packed.start, "starts"), (packed.index, "inputs"), (packed.values, "weight, in sparse slices")
    )
    inputs = layer.weight.shape[1]
    if layer.rows <= FEW:
        code.headers.add("spmv")
        return _call(code, layer, "blocks_product", weights, inputs)
    code.headers.add("gemm")
    rows = packed_rows(layer.rows, inputs) + TILE_ROWS
    return _call(code, layer, "sparse_product", weights, rows * inputs + SLICE, f", {rows}")


def _rows(code: Code, layer: Layer) -> Call:
    packed = formats.rows(layer.weight)
    code.headers.add("spmv")
    weights = _constants(
        code, (packed.start, "starts"), (packed.index, "inputs"), (packed.values, "weight, its elements")
    )
    return _call(code, layer, "rows_product", weights, layer.weight.shape[1])


def _windows(code: Code, layer: Layer) -> Call:
    window = lookup(code.target)
    packed = formats.windows(layer.weight, window)
    code.headers.add("spmv")
    weights = _constants(
        code,
        (packed.start, "starts"),
        (packed.base, "windows"),
        (packed.index, "places in the windows"),
        (packed.values, "weight, by windows"),
    )
    return _call(code, layer, "windows_product", weights, layer.weight.shape[1], f", {window}")


def _elements(code: Code, layer: Layer) -> Call:
    wide, inputs = panel_rows(layer.rows, code.target), layer.weight.shape[1]
    band = _band(wide)
    packed = formats.elements(layer.weight, CHUNK, band)
    code.headers.add("spmm")
    weights = _constants(
        code,
        (packed.start, "starts"),
        (packed.order, "outputs by size"),
        (packed.counts, "sizes"),
        (packed.index, "inputs"),
        (packed.values, "weight, its elements"),
    )
    held = f"(elements_t){{{weights}, {CHUNK}, {band}}}"
    return _call(code, layer, "elements_product", held, (inputs + 2 * CHUNK) * wide, f", {wide}")


def _band(wide: int) -> int:
    return BAND_BYTES // (4 * wide)


FORMS: Mapping[str, Callable[[Code, Layer], Call]] = {
    "plain": _plain,
    "dense": _dense,
    "blocks": _blocks,
    "rows": _rows,
    "windows": _windows,
    "elements": _elements,
}
"""Name -> what writes it; `c/gemm.h`, `c/spmv.h` and `c/spmm.h` compute them."""
