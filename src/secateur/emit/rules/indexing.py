"""How are operators written that pick elements by their place?"""

from secateur.emit.expressions import Argument, Expr, call, literal, local, method, subscript, text
from secateur.emit.rules.layers import embedding
from secateur.emit.site import DEVICE, Site
from secateur.emit.sizes import Size

OPEN = 2**31 - 1  # where a slice ends that has no end
EVERYTHING = text(":")


def gather(site: Site) -> Expr:
    """Rows of a table (an embedding), or elements along an axis."""
    axis, table, index = site.axis(0), site.array(0), site.book.sizes.of(site.value(1))
    if axis == 0 and table is not None and table.ndim == 2 and index is None:
        return embedding(site)
    scalar = site.shape(1) == ()
    at: Argument = index[0] if index is not None and scalar else site.tensor(1)
    return subscript(site.tensor(0), *_behind(site, axis), at)


def _behind(site: Site, axis: int) -> list[Expr]:
    """The colons before an axis."""
    return [EVERYTHING] * (axis if axis >= 0 else axis + site.rank())


def slices(site: Site) -> Expr:
    """From here to there along some axes."""
    starts, ends = site.items(1, "starts") or (), site.items(2, "ends") or ()
    axes = site.ints(3, "axes") or tuple(range(len(starts)))
    steps = site.ints(4) or (1,) * len(starts)
    parts: dict[int, Expr] = {}
    result = site.tensor(0)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        where = axis if axis >= 0 else axis + site.rank()
        if step < 0:
            result = _backwards(site, result, where, start, end, step)
        else:
            parts[where] = _part(start, end, step, site.size(0, where))
    last = max((axis for axis, part in parts.items() if part != EVERYTHING), default=-1)
    return (
        subscript(result, *[parts.get(axis, EVERYTHING) for axis in range(last + 1)]) if last >= 0 else result
    )


def _part(start: Size, end: Size, step: int, size: Size | None) -> Expr:
    """`start:end:step` without what says nothing."""
    whole = end == size or (isinstance(end, int) and end >= (size if isinstance(size, int) else OPEN))
    first = () if start == 0 else literal(start).pieces
    last = () if whole else literal(end).pieces
    simple = all(isinstance(bound, int) for bound in (start, end))
    between = ":" if simple else " : " if first and last else " :" if first else ": "
    return Expr((*first, between, *last, *([f":{step}"] if step > 1 else [])))


def _backwards(site: Site, given: Expr, axis: int, start: Size, end: Size, step: int) -> Expr:
    size = site.size(0, axis)
    from_end = start == -1 or (isinstance(start, int) and isinstance(size, int) and start >= size - 1)
    to_start = isinstance(end, int) and isinstance(size, int) and end < -size
    if step != -1 or not from_end or not (to_start or (isinstance(end, int) and end <= -OPEN)):
        site.refuse("it goes backwards along a part of an axis")
    return method(given, "flip", axis)


def gather_elements(site: Site) -> Expr:
    """One element for each index."""
    return method(site.tensor(0), "gather", site.axis(0), site.tensor(1))


def gather_nd(site: Site) -> Expr:
    """Elements by their places along the first axes, which are the last axis of the index."""
    if site.node.attributes.get_int("batch_dims", 0):
        site.refuse("it picks other places for each example (batch_dims)")
    return subscript(site.tensor(0), method(site.tensor(1), "unbind", -1))


def scatter_nd(site: Site) -> Expr:
    """Likewise, with other elements put there."""
    kind = site.node.attributes.get_string("reduction", "none")
    if kind not in ("none", "add"):
        return site.refuse(f"it combines elements that meet in one place by {kind}")
    options: dict[str, Argument] = {"accumulate": True} if kind == "add" else {}
    return method(
        site.tensor(0), "index_put", method(site.tensor(1), "unbind", -1), site.tensor(2), **options
    )


def numbers(site: Site) -> Expr:
    """Whole numbers in a row."""
    start, end, step = (site.operand(i) for i in range(3))
    bounds = [end] if start == literal(0) and step == literal(1) else [start, end, step]
    return call("torch.arange", *bounds, device=local(DEVICE))


def filled(site: Site) -> Expr:
    """One number everywhere."""
    given = site.node.attributes.get_tensor("value", None)
    number = 0.0 if given is None else given.numpy().reshape(-1)[0]
    return call("torch.full", site.items(0) or (), number, device=local(DEVICE))


RULES = {
    "Gather": gather,
    "Slice": slices,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "ScatterND": scatter_nd,
    "Range": numbers,
    "ConstantOfShape": filled,
}
