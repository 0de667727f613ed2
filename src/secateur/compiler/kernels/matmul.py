"""Which product of matrices does an operator ask for?"""

import numpy as np

from secateur.compiler.code import Code
from secateur.compiler.kernels.activations import activation
from secateur.compiler.kernels.matrix import Layer, best, multiply
from secateur.compiler.kernels.matrix_formats import Floats
from secateur.compiler.kernels.products import Product, Shape, Side, reference, tiles
from secateur.compiler.loops import broadcast, strides_of
from secateur.compiler.program import Op, Tensor


def gemm(code: Code) -> None:
    """All attributes; every input constant or computed; any number of axes in front of those of the first."""
    _multiply(code, gemm_product(code.op))


def matmul(code: Code) -> None:
    """Any number of axes, with broadcasting; either side constant or computed."""
    _multiply(code, matmul_product(code.op))


def _multiply(code: Code, product: Product) -> None:
    if code.op.output.dtype != np.float32:
        raise code.op.refused(f"multiplies elements of type {code.op.output.dtype.name}")
    found = None if product.batch else _rows_by_weight(code, product) or _weight_by_columns(code, product)
    if found is not None:
        x, layer = found
        code.line(multiply(code, layer)("p", x, "y0"))
    elif code.target.pitch == 1 or product.columns == 1:
        reference(code, product)
    else:
        tiles(code, product)


def _rows_by_weight(code: Code, product: Product) -> tuple[str, Layer] | None:
    """The second side is constant."""
    added = _added(code, product, turned=False)
    if product.b.array is None or added is None:
        return None
    weight = _scaled(product.b.array.T, product.alpha)
    steps = (product.columns, 1)
    return product.a.name, Layer(weight, product.rows, product.a.steps, steps, added, activation(code.op))


def _weight_by_columns(code: Code, product: Product) -> tuple[str, Layer] | None:
    """The first side is constant and has zeros to gain by: columns are then the rows of a layer."""
    added = _added(code, product, turned=True)
    if product.a.array is None or added is None:
        return None
    weight = _scaled(product.a.array, product.alpha)
    x = (product.b.steps[1], product.b.steps[0])
    layer = Layer(weight, product.columns, x, (1, product.columns), added, activation(code.op))
    dense = best(layer, code.target, code.costs.matrix) == "dense"
    return None if dense and product.columns > 1 else (product.b.name, layer)


def _added(code: Code, product: Product, turned: bool) -> tuple[str, tuple[int, int]] | None:
    """What a layer adds: a pointer and its steps. None where it is computed and has a factor."""
    c = product.c
    if c is None:
        return "NULL", (0, 0)
    steps = (c.steps[1], c.steps[0]) if turned else c.steps
    if product.beta == 1:
        return c.name, steps
    if c.array is None:
        return None
    return code.constant(_scaled(c.array, product.beta), "bias"), steps


def _scaled(array: Floats, factor: float) -> Floats:
    return np.ascontiguousarray(array if factor == 1 else array * np.float32(factor))


def gemm_product(op: Op) -> Product:
    """What Gemm asks for."""
    a, b, c = op.input(0), op.input(1), op.optional(2)
    first, second = _matrix(a, "x0", op.get("transA", 0)), _matrix(b, "x1", op.get("transB", 0))
    inner, columns = b.shape[::-1] if op.get("transB", 0) else b.shape
    added = None
    if c is not None:
        steps = (0, 0, *broadcast(c, op.output.shape).strides)[-2:]
        added = Side("x2", (steps[0], steps[1]), array=c.array)
    alpha, beta = op.get("alpha", 1.0), op.get("beta", 1.0)
    return Product(a.size // inner, columns, inner, first, second, added, alpha, beta)


def _matrix(tensor: Tensor, name: str, transposed: int) -> Side:
    array = None if tensor.array is None else tensor.array.reshape(-1, tensor.shape[-1])
    if transposed:
        return Side(name, (1, tensor.shape[-1]), array=None if array is None else array.T)
    return Side(name, (tensor.shape[-1], 1), array=array)


def matmul_product(op: Op) -> Product:
    """What MatMul asks for: one product where one matrix holds for the whole batch."""
    a, b, y = op.input(0), op.input(1), op.output
    inner = a.shape[-1]
    columns = b.shape[-1] if len(b.shape) > 1 else 1
    if b.size == inner * columns:  # one matrix for the whole batch: its rows follow each other
        second = None if b.array is None else b.array.reshape(inner, columns)
        sides = _matrix(a, "x0", 0), Side("x1", (columns, 1), array=second)
        return Product(a.size // inner, columns, inner, *sides)
    batch = y.shape[: len(y.shape) - (len(a.shape) > 1) - 1]
    rows = a.shape[-2] if len(a.shape) > 1 else 1
    steps = [_batch(t, batch) for t in (a, b)]
    first, second_side = Side("x0", (inner, 1), steps[0]), Side("x1", (columns, 1), steps[1])
    return Product(rows, columns, inner, first, second_side, batch=batch)


def _batch(tensor: Tensor, batch: Shape) -> Shape:
    """Over the axes in front of the matrix."""
    shape = tensor.shape[:-2]
    own = strides_of(tensor)[: len(shape)]
    strides = [0 if size == 1 else stride for size, stride in zip(shape, own, strict=True)]
    return (*[0] * (len(batch) - len(shape)), *strides)
