"""How are matrices multiplied?"""

from dataclasses import dataclass

from secateur.compiler.code import Code, literal
from secateur.compiler.kernels.activations import activation
from secateur.compiler.loops import Walk, broadcast, loops, strides_of
from secateur.compiler.program import Op, Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Side:
    """One matrix of a product, or one in each place of a batch.

    Attributes:
        name: of its pointer in C.
        steps: elements from row to row, and from column to column.
        batch: elements from place to place, along each axis of the batch.
    """

    name: str
    steps: tuple[int, int]
    batch: Shape = ()


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


def gemm(code: Code) -> None:
    """All attributes; every input constant or computed; any number of axes in front of those of the first."""
    reference(code, _gemm(code.op))


def matmul(code: Code) -> None:
    """Any number of axes, with broadcasting; either side constant or computed."""
    reference(code, _matmul(code.op))


def _gemm(op: Op) -> Product:
    a, b, c = op.input(0), op.input(1), op.optional(2)
    first, second = _matrix(a, "x0", op.get("transA", 0)), _matrix(b, "x1", op.get("transB", 0))
    inner, columns = b.shape[::-1] if op.get("transB", 0) else b.shape
    added = None
    if c is not None:
        steps = (0, 0, *broadcast(c, op.output.shape).strides)[-2:]
        added = Side("x2", (steps[0], steps[1]))
    alpha, beta = op.get("alpha", 1.0), op.get("beta", 1.0)
    return Product(a.size // inner, columns, inner, first, second, added, alpha, beta)


def _matrix(tensor: Tensor, name: str, transposed: int) -> Side:
    width = tensor.shape[-1]
    return Side(name, (1, width) if transposed else (width, 1))


def _matmul(op: Op) -> Product:
    a, b, y = op.input(0), op.input(1), op.output
    inner = a.shape[-1]
    columns = b.shape[-1] if len(b.shape) > 1 else 1
    first, second = Side("x0", (inner, 1)), Side("x1", (columns, 1))
    if b.size == inner * columns:  # one matrix for the whole batch: its rows follow each other
        return Product(a.size // inner, columns, inner, first, second)
    batch = y.shape[: len(y.shape) - (len(a.shape) > 1) - 1]
    rows = a.shape[-2] if len(a.shape) > 1 else 1
    walks = [_batch(t, batch) for t in (a, b)]
    first, second = Side("x0", first.steps, walks[0]), Side("x1", second.steps, walks[1])
    return Product(rows, columns, inner, first, second, batch=batch)


def _batch(tensor: Tensor, batch: Shape) -> Shape:
    """Over the axes in front of the matrix."""
    shape = tensor.shape[:-2]
    own = strides_of(tensor)[: len(shape)]
    strides = [0 if size == 1 else stride for size, stride in zip(shape, own, strict=True)]
    return (*[0] * (len(batch) - len(shape)), *strides)


def reference(code: Code, product: Product) -> None:
    """Sums of products as they are written."""
    c = f"{product.c.name}, {_steps(product.c)}" if product.c else "NULL, (steps_t){{0, 0}}"
    code.headers.add("matmul")
    over_batch(
        code,
        product,
        f"matmul_reference({{part}}, x0 + {{0}}, {_steps(product.a)}, x1 + {{1}}, {_steps(product.b)}, {c}, "
        f"y0 + {{2}}, {product.rows}, {product.columns}, {product.inner}, {literal(product.alpha)}, "
        f"{literal(product.beta)}, {', '.join(activation(code.op))});",
    )


def over_batch(code: Code, product: Product, call: str) -> None:
    """A call for each place of the batch, with the places of a, b and y as `{0}` to `{2}`.

    The threads share the places; where there is only one, they share the work within it.
    """
    if not product.batch:
        code.line(call.format(0, 0, 0, part="p"))
        return
    code.line("const part_t alone = {0, 1};")
    whole = Tensor("", (*product.batch, product.rows, product.columns), code.op.output.dtype)
    walks = [Walk(steps) for steps in (product.a.batch, product.b.batch, strides_of(whole)[:-2])]
    for text in loops(product.batch, walks, call.replace("{part}", "alone")):
        code.line(text)


def _steps(side: Side) -> str:
    """In C; inside a text that is formatted once more."""
    return f"(steps_t){{{{{side.steps[0]}, {side.steps[1]}}}}}"
