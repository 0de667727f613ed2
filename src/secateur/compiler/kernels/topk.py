"""Which elements along an axis are the largest?"""

from secateur.compiler.code import Code
from secateur.compiler.loops import Walk, loops, strides_of


def top_k(code: Code) -> None:
    """Along any axis, for a number that is a constant; largest and smallest; the first of equal ones."""
    op, x = code.op, code.op.input(0)
    count = int(op.constant(1).reshape(-1)[0]) if op.optional(1) is not None else op.get("k", 1)
    axis = op.get("axis", -1) % len(x.shape)
    own = strides_of(x)
    y = op.outputs[0] or op.outputs[1]
    assert y is not None, "unread nodes are removed"
    kept = [other for other in range(len(x.shape)) if other != axis]
    walks = [Walk(tuple(strides[other] for other in kept)) for strides in (own, strides_of(y))]
    better = ">" if op.get("largest", 1) else "<"
    step = strides_of(y)[axis]
    place = f"{{1}} + (ptrdiff_t)({{k}}) * {step}"
    known = "y0[{at}]" if op.outputs[0] else f"x0[{{0}} + y1[{{at}}] * {own[axis]}]"
    names = [f"y{i}" for i, output in enumerate(op.outputs) if output is not None]
    new = {"y0": "v", "y1": "i"}
    moved = " ".join(f"{n}[{_at(place, 'j')}] = {n}[{_at(place, 'j - 1')}];" for n in names)
    written = " ".join(f"{n}[{_at(place, 'j')}] = {new[n]};" for n in names)
    before, last = (known.replace("{at}", _at(place, k)) for k in ("j - 1", str(count - 1)))
    code.headers.add("base")
    body = (
        f"{{{{ int n = 0; for (int i = 0; i < {x.shape[axis]}; i++) {{{{ "
        f"const {x.c_type} v = x0[{{0}} + (ptrdiff_t)i * {own[axis]}]; "
        f"if (n == {count} && !(v {better} {last})) continue; "
        f"int j = n < {count} ? n++ : {count - 1}; "
        f"for (; j > 0 && v {better} {before}; j--) {{{{ {moved} }}}} {written} }}}} }}}}"
    )
    for line in loops([x.shape[other] for other in kept], walks, body):
        code.line(line)


def _at(place: str, k: str) -> str:
    return place.replace("{k}", k)
