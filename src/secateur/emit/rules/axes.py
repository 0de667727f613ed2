"""How are operators written that only give elements other places?"""

import math
from collections.abc import Callable

from secateur.emit.expressions import Argument, Expr, Held, Variable, call, local, method
from secateur.emit.site import DEVICE, Several, Site
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
    given = site.node.attributes.get_ints("perm", ())
    order = tuple(reversed(range(site.rank()))) if given is None else tuple(int(axis) for axis in given)
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


def expand(site: Site) -> Expr:
    """Axes of size 1 repeated, without a copy; -1 leaves one as it is."""
    wanted, number = site.items(1) or (), site.operand(0)
    if site.array(0) is not None and Held not in map(type, number.pieces):
        return call("torch.full", wanted, number, device=local(DEVICE))
    given, rank = site.shape() or (), site.rank()
    longest = max(rank, len(wanted))
    before = (None,) * (longest - rank) + given
    after = (1,) * (longest - len(wanted)) + wanted
    sizes = [
        -1 if old is not None and new in (1, old) else new for old, new in zip(before, after, strict=True)
    ]
    return site.tensor(0) if set(sizes) <= {-1} else method(site.tensor(0), "expand", *sizes)


def tile(site: Site) -> Expr:
    """Copies behind one another."""
    return method(site.tensor(0), "repeat", *(site.items(1) or ()))


def pad(site: Site) -> Expr:
    """Around the tensor: PyTorch names the last axis first."""
    given, rank = site.items(1, "pads") or (), site.rank()
    axes = site.ints(3) or tuple(range(rank))
    half = len(axes)
    sizes: dict[int, tuple[Size, Size]] = {
        axis % rank: (given[i], given[i + half]) for i, axis in enumerate(axes)
    }
    least = min((axis for axis, pair in sizes.items() if pair != (0, 0)), default=rank)
    amounts = [size for axis in range(rank - 1, least - 1, -1) for size in sizes.get(axis, (0, 0))]
    return padded(site, site.tensor(0), amounts) if amounts else site.tensor(0)


def padded(site: Site, given: Expr, amounts: "list[Size]") -> Expr:
    """`F.pad` in the node's mode."""
    modes = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    mode = modes.get(site.node.attributes.get_string("mode", "constant"), "")
    named: dict[str, Argument] = {} if mode == "constant" else {"mode": mode}
    if mode == "constant" and site.value(2) is not None:
        named["value"] = site.operand(2)
    return call("F.pad", given, tuple(amounts), **named) if mode else site.refuse("its mode is not known")


def concatenation(site: Site) -> Expr:
    """Behind one another along an axis."""
    parts = [site.tensor(i) for i in range(len(site.node.inputs))]
    return call("torch.cat", parts, dim=site.axis(1))


def split(site: Site) -> Several:
    """Into parts of one size, or of sizes of their own."""
    names = [Variable(value.name or "") for value in site.node.outputs]
    sizes = site.items(1, "split")
    if sizes is None or len(set(sizes)) == 1:
        return Several(method(site.tensor(0), "chunk", len(names), dim=site.axis(0)), tuple(names))
    return Several(method(site.tensor(0), "split", list(sizes), dim=site.axis(0)), tuple(names))


def shuffle(site: Site) -> Expr:
    """Channels to pixels, in PyTorch's order."""
    block = site.node.attributes.get_int("blocksize", 1)
    if site.node.attributes.get_string("mode", "DCR") != "CRD":
        return site.refuse("it takes channels in another order than PixelShuffle (mode DCR)")
    return call("F.pixel_shuffle", site.tensor(0), block)


def triangle(site: Site) -> Expr:
    """The upper or the lower one; zeros elsewhere."""
    name = "triu" if site.node.attributes.get_int("upper", 1) else "tril"
    shift = site.ints(1) or (0,)
    return method(site.tensor(0), name, *([] if shift == (0,) else [shift[0]]))


RULES: dict[str, Callable[[Site], Expr | Several]] = {
    "Reshape": reshape,
    "Flatten": flatten,
    "Transpose": transpose,
    "SwapLast": swap_last,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Expand": expand,
    "Tile": tile,
    "Pad": pad,
    "Concat": concatenation,
    "Split": split,
    "DepthToSpace": shuffle,
    "Trilu": triangle,
}
