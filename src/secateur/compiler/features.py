"""What does the processor of this machine know?"""

from functools import cache
from pathlib import Path


@cache
def machine_features() -> frozenset[str]:
    """Where Linux tells: `flags` of x86, `Features` of Arm."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    named = (line for line in lines if line.lower().startswith(("flags", "features")))
    return frozenset(next(named, "").split())
