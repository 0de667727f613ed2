"""Where do the clocks tick? A figure in milliseconds means little without its machine."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypedDict


class Machine(TypedDict):
    """The processor, and the versions that a latency depends on."""

    processor: str
    cores: int  # that this process may use
    system: str
    python: str
    torch: str
    onnxruntime: str


def describe() -> Machine:
    """This machine, without importing torch or ONNX Runtime."""
    return Machine(
        processor=_processor(),
        cores=_cores(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        torch=_version("torch"),
        onnxruntime=_version("onnxruntime"),
    )


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name for people, where the system tells it."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: what a container or `taskset` leaves us
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # for instance onnxruntime-gpu, which has another name
        return "unknown"
