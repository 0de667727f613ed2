"""How are operators written that only give elements other places?"""

import math
from collections.abc import Callable

from secateur.emit.expressions import Expr, call, method
from secateur.emit.site import Site
from secateur.emit.sizes import Items, Size


def reshape(site: Site) -> Expr:
    """To another shape; a free size becomes -1 where it is the only one."""
    before, after = site.shape(), site.items(1, "shape") or ()
    if not site.node.attributes.get_int("allowzero", 0):
        after = tuple(_kept(site, axis) if size == 0 else size for axis, size in enumerate(after))
    if before is not None and _agree(before, after):
        return site.tensor(0)
    start = None if before is None else _flattened_from(before, after)
    if start is not None:
        return method(site.tensor(0), "flatten", *([start] if start else []))
    free = [axis for axis, size in enumerate(after) if size == -1 or isinstance(size, Expr)]
    if len(free) == 1 and 0 not in after:
        after = tuple(-1 if axis == free[0] else size for axis, size in enumerate(after))
    return method(site.tensor(0), "reshape", *(after or ((),)))


def _kept(site: Site, axis: int) -> Size:
    size = site.size(0, axis)
    return site.refuse(f"the size of axis {axis}, which it keeps, is not known") if size is None else size


def _agree(before: Items, after: Items) -> bool:
    """Whether the sizes are the same; a single -1 then is what is left over."""
    pairs = list(zip(before, after, strict=False))
    return len(before) == len(after) and after.count(-1) < 2 and all(b in (a, -1) for a, b in pairs)


def _flattened_from(before: Items, after: Items) -> int | None:
    """The axis from which on all axes become one, where that is all that happens."""
    last = len(after) - 1
    if not 0 <= last < len(before) - 1:
        return None
    known = [size for size in before[last:] if isinstance(size, int)]
    rest = math.prod(known) if len(known) == len(before) - last else None
    heads = before[:last] == after[:last] or (_agree(before[:last], after[:last]) and after[last] == rest)
    return last if heads and rest != 0 else None


def flatten(site: Site) -> Expr:
    """To two axes."""
    axis = site.axis(1)
    if axis == 1:
        return method(site.tensor(0), "flatten", 1)
    if axis in (site.rank() - 1, -1):
        return method(site.tensor(0), "flatten", 0, -2)
    if axis == 0:
        return method(site.tensor(0), "reshape", 1, -1)
    return site.refuse(f"it flattens at axis {axis}, on both sides of which there are several")


def transpose(site: Site) -> Expr:
    """Two axes swapped, or all in a new order."""
    order = tuple(site.node.attributes.get_ints("perm", ())) or tuple(reversed(range(site.rank())))
    moved = [axis for axis, old in enumerate(order) if axis != old]
    if not moved:
        return site.tensor(0)
    if len(moved) == 2:
        return method(site.tensor(0), "transpose", *moved)
    return method(site.tensor(0), "permute", *order)


def swap_last(site: Site) -> Expr:
    """The last two axes swapped; from secateur.emit.rewrites."""
    return method(site.tensor(0), "transpose", -2, -1)


def squeeze(site: Site) -> Expr:
    """Without these axes of size 1, or without all that are known to be."""
    axes = site.ints(1, "axes")
    if axes is None:
        axes = tuple(axis for axis, size in enumerate(site.shape() or ()) if size == 1)
    axes = tuple(sorted(axes))
    return method(site.tensor(0), "squeeze", axes[0] if len(axes) == 1 else axes)


def unsqueeze(site: Site) -> Expr:
    """One new axis after the other."""
    axes, result = site.ints(1, "axes") or (), site.tensor(0)
    if len(axes) > 1:
        axes = tuple(sorted(axis % (site.rank() + len(axes)) for axis in axes))
    for axis in axes:
        result = method(result, "unsqueeze", axis)
    return result


def shuffle(site: Site) -> Expr:
    """Channels to pixels, in PyTorch's order."""
    block = site.node.attributes.get_int("blocksize", 1)
    if site.node.attributes.get_string("mode", "DCR") != "CRD":
        return site.refuse("it takes channels in another order than PixelShuffle (mode DCR)")
    return call("F.pixel_shuffle", site.tensor(0), block)


RULES: dict[str, Callable[[Site], Expr]] = {
    "Reshape": reshape,
    "Flatten": flatten,
    "Transpose": transpose,
    "SwapLast": swap_last,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "DepthToSpace": shuffle,
}
