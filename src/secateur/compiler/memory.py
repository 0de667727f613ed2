"""Where in the arena does each activation lie, so that as little memory as possible is needed?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from secateur.compiler.program import Tensor

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


@dataclass(frozen=True)
class Use:
    """What one step does to memory.

    Attributes:
        reads: names of tensors.
        writes: tensors that start to live.
        scratch: bytes that only this step needs.
        reuses: written tensor -> read tensor in whose place it may be computed, if that one dies here.
        views: written tensor -> read tensor that holds the same elements.
    """

    reads: tuple[str, ...]
    writes: tuple[Tensor, ...]
    scratch: int = 0
    reuses: Mapping[str, str] | None = None
    views: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Plan:
    """Offsets in bytes.

    Attributes:
        offsets: tensor -> where it starts; inputs, outputs and constants lie elsewhere.
        aliases: tensor -> the tensor in whose memory it lies, through all views.
        scratch: step -> where its scratch memory starts.
        size: bytes of the arena.
    """

    offsets: Mapping[str, int]
    aliases: Mapping[str, str]
    scratch: tuple[int, ...]
    size: int


def plan(uses: Sequence[Use], elsewhere: frozenset[str]) -> Plan:
    """Lay out all tensors: the largest first, each at the lowest place that is free while it lives.

    Greedy by size, as in TensorFlow Lite's planner (arXiv 2001.03288, section 5.2).

    Args:
        uses: of the steps, in order.
        elsewhere: inputs, outputs and constants, which the caller keeps.
    """
    aliases = _aliases(uses, elsewhere)
    blocks: dict[str, list[int]] = {}  # name -> bytes, first step, last step
    for step, use in enumerate(uses):
        for tensor in use.writes:
            name = aliases.get(tensor.name, tensor.name)
            if name not in elsewhere:
                block = blocks.setdefault(name, [0, step, step])
                block[0] = max(block[0], tensor.nbytes)
                block[2] = step
        for name in use.reads:
            name = aliases.get(name, name)
            if name in blocks:
                blocks[name][2] = step
        if use.scratch:
            blocks[f"scratch {step}"] = [use.scratch, step, step]
    placed: list[tuple[int, int, int, int]] = []  # first step, last step, start, end
    offsets: dict[str, int] = {}
    for name, (size, first, last) in sorted(blocks.items(), key=lambda b: (-b[1][0], b[1][1], b[0])):
        start = 0
        for _, _, taken, end in sorted(
            (p for p in placed if p[0] <= last and first <= p[1]), key=lambda p: p[2]
        ):
            if start + size <= taken:
                break
            start = max(start, -(-end // ALIGNMENT) * ALIGNMENT)
        offsets[name] = start
        placed.append((first, last, start, start + size))
    scratch = tuple(offsets.pop(f"scratch {step}", 0) for step in range(len(uses)))
    return Plan(offsets, aliases, scratch, max((end for *_, end in placed), default=0))


def _aliases(uses: Sequence[Use], elsewhere: frozenset[str]) -> dict[str, str]:
    """Views, and what is computed in the place of an input that nothing reads any more."""
    last: dict[str, int] = {}
    aliases: dict[str, str] = {}

    def root(name: str) -> str:
        return aliases.get(name, name)

    for step, use in enumerate(uses):
        for name in use.reads:
            last[name] = step
        for view, source in (use.views or {}).items():
            if view not in elsewhere:
                aliases[view] = root(source)
    for step, use in enumerate(uses):  # a root dies with the last of its views
        for name in use.reads:
            last[root(name)] = max(last.get(root(name), 0), last[name])
    for step, use in enumerate(uses):
        sizes = {tensor.name: tensor.nbytes for tensor in use.writes}
        for written, read in (use.reuses or {}).items():
            source = root(read)
            free = source not in elsewhere and written not in elsewhere and written not in aliases
            if free and last[source] == step and sizes[written] <= _stored(uses, source):
                for name, base in list(aliases.items()):
                    if base == written:
                        aliases[name] = source
                aliases[written] = source
                last[source] = max(last.get(written, step), step)
                break
    return aliases


def _stored(uses: Sequence[Use], name: str) -> int:
    return next(t.nbytes for use in uses for t in use.writes if t.name == name)
