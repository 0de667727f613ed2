"""Which weights bring a layer's output nearest to a given one? Least squares where only some may be."""

import torch
from torch import Tensor

from secateur.core.precision import at_least_float32

ROUNDS = 300
"""Of the conjugate gradients at most; a few dozen come to 1e-6."""
CLOSE = 1e-12


class Moments:
    """What least squares needs to know of inputs x and outputs y that belong together: sums of products.

    `xx` (f, f), `xy` (f, o), `yy` (o,), `x` (f,), `y` (o,) are means over all rows that were added. Each
    batch's sums are in the precision of its numbers, single at least, and added up in double precision.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        self.rows = 0
        self._sums = [
            torch.zeros(shape, dtype=torch.float64)
            for shape in ((inputs, inputs), (inputs, outputs), (outputs,), (inputs,), (outputs,))
        ]

    def add(self, x: Tensor, y: Tensor) -> None:
        """Rows of inputs (n, f) and of outputs (n, o)."""
        x, y = at_least_float32(x), at_least_float32(y)
        self.rows += len(x)
        for total, more in zip(
            self._sums, (x.T @ x, x.T @ y, y.square().sum(0), x.sum(0), y.sum(0)), strict=True
        ):
            total += more.to(total)

    def joined(self, other: "Moments") -> "Moments":
        """Of the rows of both."""
        both = Moments(*self._sums[1].shape)
        both.rows = self.rows + other.rows
        both._sums = [mine + theirs for mine, theirs in zip(self._sums, other._sums, strict=True)]
        return both

    @property
    def means(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """`xx`, `xy`, `yy`, `x`, `y`."""
        xx, xy, yy, x, y = (total / self.rows for total in self._sums)
        return xx, xy, yy, x, y

    @property
    def finite(self) -> bool:
        """Whether neither NaN nor infinity was added."""
        return all(bool(torch.isfinite(total).all()) for total in self._sums)

    def spread(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """(o,) mean and variance of weight @ x."""
        xx, _, _, x, _ = self.means
        mean = weight @ x
        return mean, (((weight @ xx) * weight).sum(1) - mean.square()).clamp_min(0)

    def bias(self, weight: Tensor) -> Tensor:
        """(o,) what added to weight @ x gives it the mean of y."""
        _, _, _, x, y = self.means
        return y - weight @ x

    def error(self, weight: Tensor, bias: Tensor) -> Tensor:
        """(o,) mean of (weight @ x + bias - y)^2."""
        xx, xy, yy, x, y = self.means
        square = ((weight @ xx - 2 * xy.T) * weight).sum(1) + yy
        return square + bias * (bias + 2 * (weight @ x - y))


def nearest(weight: Tensor, stays: Tensor, moments: Moments, *, centred: bool, ridge: float) -> Tensor:
    """Weights (o, f) that minimise the mean of |weight @ x + bias - y|^2 + ridge * |weight - before|^2.

    Only elements that stay may move, the others are zero. Conjugate gradients with a diagonal preconditioner,
    each row for itself, all at once: the rows may keep different elements, and no step is worse than the one
    before.

    Args:
        weight: (o, f) as it is.
        stays: (o, f) boolean.
        moments: of the inputs and of the outputs that are wanted.
        centred: whether a bias is free to take the mean of the error; else it is 0.
        ridge: pull towards the weights as they are, as a part of the inputs' mean square.
    """
    xx, xy, _, x, y = moments.means
    if centred:
        xx, xy = xx - x[:, None] * x, xy - x[:, None] * y
    pull = ridge * xx.diagonal().mean()
    xx = xx + pull * torch.eye(len(xx), dtype=xx.dtype)
    scale = xx.diagonal().clamp_min(torch.finfo(xx.dtype).tiny)
    near = weight.double() * stays
    rest = stays * (xy.T + pull * near - near @ xx)
    way = rest / scale
    length = (rest * way).sum(1, keepdim=True)
    goal = CLOSE * length
    for _ in range(ROUNDS):
        bent = stays * (way @ xx)
        steep = (way * bent).sum(1, keepdim=True)
        far = (length > goal) & (steep > 0)
        if not bool(far.any()):
            break
        stride = torch.where(far, length / steep, 0.0)
        near = near + stride * way
        rest = rest - stride * bent
        before, length = length, (rest * rest / scale).sum(1, keepdim=True)
        way = torch.where(far, rest / scale + length / before * way, 0.0)
    return near
