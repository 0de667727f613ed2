"""How are two matrices multiplied that are both computed?"""

from dataclasses import dataclass

from secateur.compiler.code import Code, literal
from secateur.compiler.kernels.activations import activation
from secateur.compiler.kernels.matrix import TILE_SLICES, braced, packed_rows
from secateur.compiler.kernels.matrix_formats import SLICE, Floats
from secateur.compiler.loops import Walk, loops, strides_of
from secateur.compiler.program import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Side:
    """One matrix of a product, or one in each place of a batch.

    Attributes:
        name: of its pointer in C.
        steps: elements from row to row, and from column to column.
        batch: elements from place to place, along each axis of the batch.
        array: (rows, columns), of a constant without a batch.
    """

    name: str
    steps: tuple[int, int]
    batch: Shape = ()
    array: Floats | None = None


@dataclass(frozen=True)
class Product:
    """y (rows, columns) = alpha a (rows, inner) b (inner, columns) + beta c, in each place of a batch."""

    rows: int
    columns: int
    inner: int
    a: Side
    b: Side
    c: Side | None = None
    alpha: float = 1.0
    beta: float = 1.0
    batch: Shape = ()


def reference(code: Code, product: Product) -> None:
    """Sums of products as they are written."""
    end = f"{literal(product.alpha)}, {literal(product.beta)}, {', '.join(activation(code.op))}"
    code.headers.add("matmul")
    _over_batch(code, product, "matmul_reference", f"{_added(product)}, y0 + {{2}}, {_sizes(product)}, {end}")


def tiles(code: Code, product: Product) -> None:
    """Sums that stay in registers; both sides are packed on the way."""
    code.headers.add("gemm")
    rows = packed_rows(product.rows, product.inner)
    code.scratch = 4 * ((rows + TILE_SLICES * SLICE) * product.inner + SLICE)
    written = f"{literal(product.beta)}, y0 + {{2}}, {_steps((product.columns, 1))}"
    finish = f"(finish_t){{{{{_added(product)}, {written}, {', '.join(activation(code.op))}}}}}"
    end = f"{_sizes(product)}, {literal(product.alpha)}, {finish}, (float *)(void *)s, {rows}"
    _over_batch(code, product, "gemm", end)


def _over_batch(code: Code, product: Product, function: str, end: str) -> None:
    """A call for each place of the batch; `end` are its arguments behind a and b, with y's place as `{2}`.

    The threads share the places; where there is only one, they share the work within it.
    """
    a, b = product.a, product.b
    second = f"NULL, {b.name} + {{1}}" if function == "gemm" else f"{b.name} + {{1}}"
    places = f"{a.name} + {{0}}, {_steps(a.steps)}, {second}, {_steps(b.steps)}"
    if not product.batch:
        code.line(f"{function}(p, {places}, {end});".format(0, 0, 0))
        return
    code.line("const part_t alone = {0, 1};")
    whole = Tensor("", (*product.batch, product.rows, product.columns), code.op.output.dtype)
    walks = [Walk(steps) for steps in (a.batch, b.batch, strides_of(whole)[:-2])]
    for text in loops(product.batch, walks, f"{function}(alone, {places}, {end});"):
        code.line(text)


def _sizes(product: Product) -> str:
    return f"{product.rows}, {product.columns}, {product.inner}"


def _added(product: Product) -> str:
    return f"{product.c.name}, {_steps(product.c.steps)}" if product.c else f"NULL, {_steps((0, 0))}"


def _steps(steps: tuple[int, int]) -> str:
    """Inside a text that is formatted once more."""
    return braced(steps).replace("{", "{{").replace("}", "}}")
