"""What do the elements along an axis come to, up to each of them?"""

from collections.abc import Callable, Mapping

from secateur.compiler.code import Code
from secateur.compiler.loops import Walk, loops, strides_of


def _running(start: str, step: str, code: Code) -> None:
    op, x, y = code.op, code.op.input(0), code.op.output
    if not x.shape or op.constant(1).size != 1:
        raise op.refused("sums along no axis")
    axis = int(op.constant(1).reshape(-1)[0]) % len(x.shape)
    size = x.shape[axis]
    kept = [other for other in range(len(x.shape)) if other != axis]
    walks = [Walk(tuple(strides_of(t)[other] for other in kept)) for t in (x, y)]
    turn = f"({size - 1} - k)" if op.get("reverse", 0) else "k"
    read, write = (f"{{{i}}} + (ptrdiff_t){turn} * {strides_of(t)[axis]}" for i, t in enumerate((x, y)))
    keep = "t" if op.get("exclusive", 0) else "s"  # t is what was there before this element
    body = (
        f"{{{{ {x.c_type} s = {start}; for (int k = 0; k < {size}; k++) {{{{ const {x.c_type} t = s; "
        f"s = s {step} x0[{read}]; y0[{write}] = {keep}; }}}} }}}}"
    )
    code.headers.add("base")
    for line in loops([x.shape[other] for other in kept], walks, body):
        code.line(line)


def cumulative_sum(code: Code) -> None:
    """Along an axis that is a constant; in both directions; every type."""
    _running("0", "+", code)


def cumulative_product(code: Code) -> None:
    """Along an axis that is a constant; in both directions; every type."""
    _running("1", "*", code)


CUMULATIVE: Mapping[str, Callable[[Code], None]] = {
    "CumProd": cumulative_product,
    "CumSum": cumulative_sum,
}
