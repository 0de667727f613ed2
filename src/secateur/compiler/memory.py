"""Where in the arena does each activation lie, so that as little memory as possible is needed?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from secateur.compiler.program import Tensor

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


def rounded(size: int) -> int:
    """Bytes up to where the next thing may start, such as the scratch memory of another thread."""
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Use:
    """What one step does to memory.

    Attributes:
        reads: names of tensors.
        writes: tensors that start to live.
        scratch: bytes that only this step needs.
        views: written tensor -> read tensor that holds the same elements.
        reuses: written tensor -> read tensor in whose place it may be computed, if that one dies here.
        elementwise: nothing is read after the element at its place was written, so that other tensors that
            are read may lie in a reused place, too.
    """

    reads: tuple[str, ...]
    writes: tuple[Tensor, ...]
    scratch: int = 0
    views: Mapping[str, str] = field(default_factory=dict)
    reuses: Mapping[str, str] = field(default_factory=dict)
    elementwise: bool = False


@dataclass(frozen=True)
class Plan:
    """Offsets in bytes.

    Attributes:
        offsets: tensor -> where it starts; what the caller keeps lies elsewhere.
        homes: tensor -> the tensor in whose memory it lies, of those that have none of their own.
        scratch: step -> where its scratch memory starts.
        size: bytes of the arena.
    """

    offsets: Mapping[str, int]
    homes: Mapping[str, str]
    scratch: tuple[int, ...]
    size: int


@dataclass
class _Block:
    """Memory that is taken from a first to a last step."""

    name: str
    size: int
    first: int
    last: int
    start: int = 0

    @property
    def end(self) -> int:
        return self.start + self.size


def plan(uses: Sequence[Use], elsewhere: frozenset[str]) -> Plan:
    """Lay out all tensors: the largest first, each at the lowest place that is free while it lives.

    Greedy by size (arXiv 2001.03288, section 5.2).

    Args:
        uses: of the steps, in order.
        elsewhere: inputs and outputs, which the caller keeps.
    """
    homes = _homes(uses, elsewhere)
    blocks = [*_tensors(uses, homes, elsewhere), *_scratch(uses)]
    placed: list[_Block] = []
    for block in sorted(blocks, key=lambda b: (-b.size, b.first, b.name)):
        beside = [other for other in placed if other.first <= block.last and block.first <= other.last]
        for other in sorted(beside, key=lambda b: b.start):
            if block.end <= other.start:
                break
            block.start = max(block.start, rounded(other.end))
        placed.append(block)
    starts = {block.name: block.start for block in placed}
    scratch = tuple(starts.pop(_scratch_name(step), 0) for step in range(len(uses)))
    return Plan(starts, homes, scratch, max((block.end for block in placed), default=0))


def _tensors(uses: Sequence[Use], homes: Mapping[str, str], elsewhere: frozenset[str]) -> Iterator[_Block]:
    """Each lives from the step that writes it to the last that reads it or what shares its memory."""
    blocks: dict[str, _Block] = {}
    for step, use in enumerate(uses):
        for tensor in use.writes:
            name = homes.get(tensor.name, tensor.name)
            if name not in elsewhere:
                block = blocks.setdefault(name, _Block(name, tensor.nbytes, step, step))
                block.last = step
        for name in use.reads:
            name = homes.get(name, name)
            if name in blocks:
                blocks[name].last = step
    yield from blocks.values()


def _scratch(uses: Sequence[Use]) -> Iterator[_Block]:
    for step, use in enumerate(uses):
        if use.scratch:
            yield _Block(_scratch_name(step), use.scratch, step, step)


def _scratch_name(step: int) -> str:
    return f"\0scratch {step}"  # no tensor's: ONNX's names hold no zero


def _homes(uses: Sequence[Use], elsewhere: frozenset[str]) -> dict[str, str]:
    """Views, and what is computed in the place of a tensor that nothing reads any more."""
    last = {name: step for step, use in enumerate(uses) for name in use.reads}
    sizes = {tensor.name: tensor.nbytes for use in uses for tensor in use.writes}
    homes: dict[str, str] = {}
    living: dict[str, list[str]] = {}  # home -> all that lie there

    def move_in(name: str, neighbour: str) -> None:
        homes[name] = homes.get(neighbour, neighbour)
        living.setdefault(homes[name], [homes[name]]).append(name)

    for step, use in enumerate(uses):
        for view, source in use.views.items():
            move_in(view, source)
        for written, read in use.reuses.items():
            home = homes.get(read, read)
            kept = home in elsewhere or written in elsewhere or home not in sizes
            # a view that comes later reads what it is a view of, so it counts already
            dead = all(last.get(name, step) <= step for name in living.get(home, [home]))
            # the same tensor twice, or a view of it: one would be read where the output is written already
            shared = [homes.get(name, name) for name in use.reads].count(home) > 1 and not use.elementwise
            if not kept and dead and not shared and sizes[written] <= sizes[home]:
                move_in(written, read)
    return homes
