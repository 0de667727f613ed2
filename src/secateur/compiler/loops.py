"""Which C loops walk over the elements of several tensors at once?"""

from collections.abc import Sequence
from dataclasses import dataclass

from secateur.compiler.program import Tensor
from secateur.errors import CompileError

Strides = tuple[int, ...]


@dataclass(frozen=True)
class Walk:
    """How one tensor is walked: it starts at `offset`, and a step along axis i moves by `strides[i]`."""

    strides: Strides
    offset: int = 0


def strides_of(tensor: Tensor) -> Strides:
    """Elements from one position to the next along each axis."""
    strides = [1] * len(tensor.shape)
    for axis in range(len(tensor.shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * tensor.shape[axis + 1]
    if tensor.pitch is not None:
        strides[1] = tensor.pitch
        strides[0] = tensor.pitch * tensor.shape[1]
    return tuple(strides)


def broadcast(tensor: Tensor, shape: Sequence[int]) -> Walk:
    """Over a larger shape: sizes of 1 and axes in front are walked in place.

    Raises:
        CompileError: the tensor does not broadcast to that shape, so that the walk would leave it.
    """
    own = strides_of(tensor)
    missing = len(shape) - len(own)
    pairs = zip(tensor.shape, shape[max(0, missing) :], strict=False)
    if missing < 0 or any(size not in (1, wanted) for size, wanted in pairs):
        raise CompileError(
            f"{tensor.name!r} has the shape {list(tensor.shape)}. Expected one that broadcasts to "
            f"{list(shape)}: export the network again."
        )
    strides = [0] * missing + [
        0 if size == 1 else stride for size, stride in zip(tensor.shape, own, strict=True)
    ]
    return Walk(tuple(strides))


def loops(shape: Sequence[int], walks: Sequence[Walk], body: str, *, independent: bool = False) -> list[str]:
    """Lines of nested loops over `shape`; in `body` `{0}`, `{1}`, ... are the indices of the walks.

    Axes that all walks cross without a jump become one. The outermost loop is shared among the threads.

    Args:
        shape: of the walks.
        walks: of tensors.
        body: a statement.
        independent: no turn reads what another writes, also where the output is in an input's place: the C
            compiler may make vectors of them without a test.
    """
    sizes, steps = _merged(shape, [walk.strides for walk in walks])
    if not sizes:
        sizes, steps = [1], [[0] for _ in walks]
    indices = [
        " + ".join(_terms(strides, walk.offset)) or "0" for strides, walk in zip(steps, walks, strict=True)
    ]
    heads = ["for (ptrdiff_t i0 = lo; i0 < hi; i0++)"]
    heads += [f"for (int i{axis} = 0; i{axis} < {sizes[axis]}; i{axis}++)" for axis in range(1, len(sizes))]
    lines = [f"SHARE({sizes[0]}, lo, hi);"]
    for axis, head in enumerate(heads):
        innermost = independent and axis == len(heads) - 1
        lines += ["INDEPENDENT"] if innermost else []
        lines.append(f"{'    ' * axis}{head}")
    lines.append("    " * len(sizes) + body.format(*indices))
    return lines


def _terms(strides: Sequence[int], offset: int) -> list[str]:
    terms = [f"i{axis}" if s == 1 else f"i{axis} * {s}" for axis, s in enumerate(strides) if s]
    return [*terms, *([str(offset)] if offset else [])]


def _merged(shape: Sequence[int], strides: Sequence[Strides]) -> tuple[list[int], list[list[int]]]:
    """Without axes of size 1, and with neighbours joined where every walk goes on from one to the other."""
    sizes: list[int] = []
    merged: list[list[int]] = [[] for _ in strides]
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        together = bool(sizes) and all(m[-1] == s[axis] * size for m, s in zip(merged, strides, strict=True))
        if together:
            sizes[-1] *= size
            for m, s in zip(merged, strides, strict=True):
                m[-1] = s[axis]
        else:
            sizes.append(size)
            for m, s in zip(merged, strides, strict=True):
                m.append(s[axis])
    return sizes, merged


def flat(tensors: Sequence[Tensor]) -> int | None:
    """Elements, padding included, where all tensors are laid out alike; else None."""
    first = tensors[0]
    alike = all(t.shape == first.shape and t.pitch == first.pitch for t in tensors)
    return first.stored if alike else None
