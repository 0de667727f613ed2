"""How are operators written that make one number of many along some axes?"""

from secateur.emit.expressions import Argument, Expr, call, method
from secateur.emit.site import Site

METHODS = {
    "ReduceMean": "mean",
    "ReduceSum": "sum",
    "ReduceMax": "amax",
    "ReduceMin": "amin",
    "ReduceLogSumExp": "logsumexp",
}


def axes_of(site: Site, index: int = 1) -> tuple[int, ...]:
    """The axes, all where the node names none, in order."""
    axes = site.ints(index, "axes")
    if axes:
        return tuple(sorted(axes))
    return () if site.node.attributes.get_int("noop_with_empty_axes", 0) else tuple(range(site.rank()))


def one_or_more(axes: tuple[int, ...]) -> int | tuple[int, ...]:
    """As PyTorch takes them: a single one without a tuple."""
    return axes[0] if len(axes) == 1 else axes


def reduction(site: Site) -> Expr:
    """A method of the tensor."""
    axes = axes_of(site)
    if not axes:
        return site.tensor(0)
    return method(site.tensor(0), METHODS[site.node.op_type], one_or_more(axes), **_kept(site))


def product(site: Site) -> Expr:
    """Of one axis at a time."""
    result = site.tensor(0)
    kept = _kept(site)
    for axis in sorted((axis % site.rank() for axis in axes_of(site)), reverse=True):
        result = method(result, "prod", axis, **kept)
    return result


def norm(site: Site) -> Expr:
    """The sum of sizes, or the root of the sum of squares."""
    order: dict[str, Argument] = {"ord": 1} if site.node.op_type == "ReduceL1" else {}
    return call(
        "torch.linalg.vector_norm", site.tensor(0), **order, dim=one_or_more(axes_of(site)), **_kept(site)
    )


def sum_of_squares(site: Site) -> Expr:
    """Of the elements along the axes."""
    return method(method(site.tensor(0), "square"), "sum", one_or_more(axes_of(site)), **_kept(site))


def position(site: Site) -> Expr:
    """Where the largest or the smallest is."""
    if site.node.attributes.get_int("select_last_index", 0):
        site.refuse("PyTorch takes the first of equal elements, not the last")
    name = "argmax" if site.node.op_type == "ArgMax" else "argmin"
    return method(site.tensor(0), name, site.axis(0), **_kept(site))


def running_sum(site: Site) -> Expr:
    """From the start, each element included."""
    if site.node.attributes.get_int("exclusive", 0) or site.node.attributes.get_int("reverse", 0):
        site.refuse("PyTorch only adds up from the start, each element included")
    axis = site.ints(1)
    return method(site.tensor(0), "cumsum", axis[0] if axis else 0)


def _kept(site: Site) -> dict[str, Argument]:
    return {"keepdim": True} if site.node.attributes.get_int("keepdims", 1) else {}


RULES = {
    **dict.fromkeys(METHODS, reduction),
    **dict.fromkeys(("ReduceL1", "ReduceL2"), norm),
    **dict.fromkeys(("ArgMax", "ArgMin"), position),
    "ReduceProd": product,
    "ReduceSumSquare": sum_of_squares,
    "CumSum": running_sum,
}
