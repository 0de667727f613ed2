"""Does a compiled network answer the same on other processors? QEMU emulates them; `make devices` has it.

What is run is `examples/firmware` on Cortex-M, and a program that reads its input on the others.
"""

import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from compiled_nets import graph
from compiled_programs import answers, built

from secateur.compiler import sources_of
from secateur.compiler.build import write
from secateur.compiler.check import relative
from secateur.compiler.targets import target_of
from secateur.surgery.onnx.run import caller

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
NAMES = ("residual", "signal", "linear")


def need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}; `make devices` installs it")


@pytest.mark.parametrize("cpu", CORTEX)
@pytest.mark.parametrize("name", NAMES)
def test_firmware_answers_as_onnx_runtime(cpu: str, name: str, tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm", "make")
    net, inputs = graph(name)
    expected = caller(net)(inputs)[0]
    write(sources_of(graph(name)[0], target_of(cpu), {}).files, tmp_path / "model")
    numbers = ", ".join(f"{float(x).hex()}f" for x in inputs[0].ravel())
    (tmp_path / "example.h").write_text(f"static const float example[] = {{{numbers}}};\n")
    options = (f"CPU={cpu}", "MODEL=model", "EXAMPLE=.", "OUT=build")
    command = ["make", "-s", "-f", str(FIRMWARE / "Makefile"), *options, "run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    lines = [line.split() for line in (done.stdout + done.stderr).splitlines()]
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr
    y = [struct.unpack(">f", bytes.fromhex(line[1]))[0] for line in lines if line[0] == "output"]
    assert relative(np.array(y, np.float32).reshape(expected.shape), expected) < 1e-4
    assert 0 < int(next(line[1] for line in lines if line[0] == "ticks")) < 10_000_000


@pytest.mark.parametrize("target", HOSTED)
@pytest.mark.parametrize("name", NAMES)
def test_other_processors_answer_as_onnx_runtime(target: str, name: str, tmp_path: Path) -> None:
    compiler, runner = HOSTED[target]
    need(compiler[0], *runner)
    if target == "wasm32" and not Path("/usr/lib/wasm32-wasi").is_dir():
        pytest.skip("there is no wasi-libc; `make devices` installs it")
    net, inputs = graph(name)
    sources = sources_of(graph(name)[0], target_of(target), {})
    program = built(sources, compiler, tmp_path)
    command: list[str | Path] = [*runner, program]
    if target == "wasm32":
        (tmp_path / "run.mjs").write_text(WASI)
        command = [*runner, "--no-warnings", tmp_path / "run.mjs", program]
    for y, expected in zip(answers(command, sources, inputs), caller(net)(inputs), strict=True):
        assert relative(y, expected) < 1e-4
