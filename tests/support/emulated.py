"""Other processors, which `make devices` emulates: what compiles for them, runs it, and what it answers."""

import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

FIRMWARE = Path(__file__).parents[2] / "examples" / "firmware"
CORTEX = ("cortex-m3", "cortex-m4", "cortex-m7", "cortex-m55")
WASI = (
    "import { readFileSync } from 'node:fs'; import { WASI } from 'node:wasi';\n"
    "const wasi = new WASI({ version: 'preview1' });\n"
    "const code = await WebAssembly.compile(readFileSync(process.argv[2]));\n"
    "wasi.start(await WebAssembly.instantiate(code, wasi.getImportObject()));\n"
)
HOSTED = {  # target -> compiler and its flags, and what runs the program
    "aarch64": (("aarch64-linux-gnu-gcc", "-O2", "-static"), ("qemu-aarch64",)),
    "armv7": (("arm-linux-gnueabihf-gcc", "-O2", "-static", "-march=armv7-a", "-mfpu=neon"), ("qemu-arm",)),
    "riscv64": (("riscv64-linux-gnu-gcc", "-O2", "-static"), ("qemu-riscv64",)),
    "wasm32": (("clang", "-O2", "--target=wasm32-wasi", "--sysroot=/usr", "-msimd128"), ("node",)),
}


def need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}; `make devices` installs it")


def outputs_of(
    cpu: str, x: NDArray[np.float32], folder: Path, *options: str
) -> tuple[NDArray[np.float32], int, str]:
    """What the firmware around `folder/model` prints for one input; its ticks; and what the compiler says."""
    numbers = ", ".join(f"{float(value).hex()}f" for value in x.ravel())
    (folder / "example.h").write_text(f"static const float example[] = {{{numbers}}};\n")
    options = (f"CPU={cpu}", "MODEL=model", "EXAMPLE=.", "OUT=build", *options)
    command = ["make", "-s", "-f", str(FIRMWARE / "Makefile"), *options, "run"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    lines = [line.split() for line in (done.stdout + done.stderr).splitlines()]
    assert done.returncode == 0, done.stdout + done.stderr
    y = [struct.unpack(">f", bytes.fromhex(line[1]))[0] for line in lines if line[:1] == ["output"]]
    ticks = next(int(line[1]) for line in lines if line[:1] == ["ticks"])
    return np.array(y, np.float32), ticks, done.stderr
