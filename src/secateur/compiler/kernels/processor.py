"""What can the processor of a target do beyond its vectors?"""

from functools import cache
from pathlib import Path

from secateur.compiler.targets import Target


def looks_up(target: Target) -> bool:
    """Whether it finds 16 values at once in a table of 32 that two registers hold."""
    return "avx512f" in (machine_features() if target.name == "native" else target.features)


@cache
def machine_features() -> frozenset[str]:
    """Of this machine, where Linux tells: `flags` of x86, `Features` of Arm."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    named = (line for line in lines if line.lower().startswith(("flags", "features")))
    return frozenset(next(named, "").split())
