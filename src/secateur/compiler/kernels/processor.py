"""What can the processor of a target do, and what do its registers hold?"""

from dataclasses import dataclass

from secateur.compiler.features import machine_features
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
    if lookup(target) == 32:
        return Registers(16, **MANY)
    if target.name == "aarch64":
        return Registers(4, **MANY)
    return Registers(8 if "avx2" in _features(target) else 4)


def lookup(target: Target) -> int:
    """Of how many values in registers it looks up a vector of them, each lane its own: 32, 8, or none."""
    features = _features(target)
    return 32 if "avx512f" in features else 8 if "avx2" in features else 0


def _features(target: Target) -> frozenset[str]:
    return machine_features() if target.name == "native" else frozenset(target.features)
