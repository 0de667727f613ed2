"""Which strides, paddings and dilations does a node with a window have, in PyTorch's words?"""

from dataclasses import dataclass

from secateur.emit.expressions import Argument, Expr, call
from secateur.emit.site import Site

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """What a window does along each axis.

    Attributes:
        kernel, stride, dilation: as in PyTorch.
        begin, end: padding before and after.
    """

    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    begin: Sizes
    end: Sizes

    @property
    def even(self) -> bool:
        """Whether padding is the same before and after, which is all that PyTorch's layers know."""
        return self.begin == self.end

    def options(self, usual_stride: Sizes) -> dict[str, Argument]:
        """Named arguments that differ from what PyTorch takes without them, but uneven padding."""
        rank = len(self.kernel)
        given = {
            "stride": self.stride,
            "padding": self.begin if self.even else (0,) * rank,
            "dilation": self.dilation,
        }
        usual = {"stride": usual_stride, "padding": (0,) * rank, "dilation": (1,) * rank}
        return {name: square(value) for name, value in given.items() if value != usual[name]}

    def padded(self, given: Expr, **options: Argument) -> Expr:
        """The input with the padding around it, where the layer cannot do it itself."""
        if self.even:
            return given
        pairs = reversed(list(zip(self.begin, self.end, strict=True)))
        return call("F.pad", given, tuple(size for pair in pairs for size in pair), **options)


def window(site: Site, kernel: Sizes) -> Window:
    """The window of a node; `kernel` is its size."""
    rank, attributes = len(kernel), site.node.attributes
    ones = (1,) * rank
    stride = tuple(map(int, attributes.get_ints("strides", ones)))
    dilation = tuple(map(int, attributes.get_ints("dilations", ones)))
    pads = tuple(map(int, attributes.get_ints("pads", (0,) * (2 * rank))))
    found = Window(kernel, stride, dilation, pads[:rank], pads[rank:])
    match attributes.get_string("auto_pad", "NOTSET"):
        case "NOTSET":
            return found
        case "VALID":
            return Window(kernel, stride, dilation, (0,) * rank, (0,) * rank)
        case kind:
            return _same(site, found, upper=kind == "SAME_UPPER")


def _same(site: Site, found: Window, *, upper: bool) -> Window:
    """Padding by which the output has the size of the input, divided by the stride."""
    begin, end = [], []
    for axis, (kernel, stride, dilation) in enumerate(
        zip(found.kernel, found.stride, found.dilation, strict=True)
    ):
        size = site.size(0, axis + 2)
        if not isinstance(size, int):
            return site.refuse("its padding (auto_pad) depends on the size of the input")
        total = max(0, (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size)
        begin.append(total // 2 if upper else total - total // 2)
        end.append(total - begin[-1])
    return Window(found.kernel, found.stride, found.dilation, tuple(begin), tuple(end))


def square(sizes: Sizes) -> int | Sizes:
    """One number where all are the same."""
    return sizes[0] if len(set(sizes)) == 1 else sizes
