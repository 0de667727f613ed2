"""How are operators written that make a tensor larger, or take it apart?"""

from collections.abc import Callable

from secateur.emit.expressions import Argument, Expr, Held, Variable, call, local, method
from secateur.emit.site import DEVICE, Several, Site
from secateur.emit.sizes import Size


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
    if site.node.attributes.get_string("mode", "constant") != "constant":
        least = min(least, 2)  # PyTorch wants all axes behind the channels, and takes no others
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


def triangle(site: Site) -> Expr:
    """The upper or the lower one; zeros elsewhere."""
    name = "triu" if site.node.attributes.get_int("upper", 1) else "tril"
    shift = site.ints(1) or (0,)
    return method(site.tensor(0), name, *([] if shift == (0,) else [shift[0]]))


RULES: dict[str, Callable[[Site], Expr | Several]] = {
    "Expand": expand,
    "Tile": tile,
    "Pad": pad,
    "Concat": concatenation,
    "Split": split,
    "Trilu": triangle,
}
