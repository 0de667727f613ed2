"""What can the processor of a target do, and what do its registers hold?"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from secateur.compiler.targets import Target


@dataclass(frozen=True)
class Registers:
    """What kernels keep in the vector registers of a processor.

    Attributes:
        lanes: floats in a vector.
        paired: vectors of a tile of which `c/conv_elements.h` sums two rows at once.
        single: vectors of which it sums one row at once.
        block_sums: vectors that `c/conv_blocks.h` sums at once.
        block_rows: rows of a block that it sums at once.
    """

    lanes: int
    paired: int = 6
    single: int = 13
    block_sums: int = 12
    block_rows: int = 4


MANY = {"paired": 14, "single": 14, "block_sums": 24, "block_rows": 8}  # 32 registers instead of 16


def registers(target: Target) -> Registers:
    """Of the processor that a target names; some of its libraries know better ones, too."""
    if looks_up(target):
        return Registers(16, **MANY)
    if target.name == "aarch64":
        return Registers(4, **MANY)
    return Registers(8 if "avx2" in _features(target) else 4)


def looks_up(target: Target) -> bool:
    """Whether it finds 16 values at once in a table of 32 that two registers hold."""
    return "avx512f" in _features(target)


def _features(target: Target) -> frozenset[str]:
    return machine_features() if target.name == "native" else frozenset(target.features)


@cache
def machine_features() -> frozenset[str]:
    """Of this machine, where Linux tells: `flags` of x86, `Features` of Arm."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    named = (line for line in lines if line.lower().startswith(("flags", "features")))
    return frozenset(next(named, "").split())
