"""Is zig enough, where no other compiler is installed? Each target is built by it alone, and run.

Needs the extra `zig`, and of `make devices` what runs the programs.
"""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest
from compiled_nets import graph
from compiled_programs import answers, built, linked
from emulated import CORTEX, FIRMWARE, HOSTED, WASI, need, outputs_of

from secateur.compiler import CompiledModel, sources_of
from secateur.compiler.build import build, write
from secateur.compiler.check import difference, relative
from secateur.compiler.features import machine_features
from secateur.compiler.targets import X86, target_of
from secateur.compiler.toolchain import Toolchain, toolchain
from secateur.network_file.run import caller

if importlib.util.find_spec("ziglang") is None:
    pytest.skip("zig is not installed: pip install 'secateur[zig]'", allow_module_level=True)
pytestmark = pytest.mark.timeout(900)  # its first program for a target waits for a C library to be built


def zig(target: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Toolchain:
    """What is taken where nothing is on the path."""
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(folder))
    tools = toolchain(target_of(target))
    assert tools.zig
    return tools


@pytest.mark.parametrize("name", ["native", "x86-64-v2", "x86-64-v3", "x86-64-v4"])
def test_this_machine(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = target_of(name)
    if name != "native" and not X86:
        pytest.skip("another kind of processor")
    zig(name, monkeypatch, tmp_path)
    net, inputs = graph("residual")
    sources = sources_of(graph("residual")[0], target, {}, threads=2)
    library = build(sources, target)
    if missing := set(target.features) - {f.replace("bmi1", "bmi") for f in machine_features()}:
        pytest.skip(f"it compiles; this processor lacks {', '.join(sorted(missing))} to run it")
    assert difference(CompiledModel(library, sources), net, inputs) < 1e-4


@pytest.mark.parametrize("name", HOSTED)
def test_other_processors(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need(HOSTED[name][1][0])
    runner, target = shutil.which(HOSTED[name][1][0]), target_of(name)
    assert runner is not None, "needed"
    system = Path("/usr", target.compilers[0].removesuffix("-gcc"))
    if target.hosted and not system.is_dir():
        pytest.skip(f"there is no {system}; `make devices` installs it")
    tools = zig(name, monkeypatch, tmp_path)
    net, inputs = graph("residual")
    sources = sources_of(graph("residual")[0], target, {})
    compiler = (*tools.command, *target.zig, "-O2")
    command: list[str | Path] = [runner, "-L", system]
    if target.hosted:
        command.append(linked(build(sources, target), sources, compiler, tmp_path))
    else:
        (tmp_path / "run.mjs").write_text(WASI)
        command = [runner, "--no-warnings", tmp_path / "run.mjs", built(sources, compiler, tmp_path)]
    for y, expected in zip(answers(command, sources, inputs), caller(net)(inputs), strict=True):
        assert relative(y, expected) < 1e-4


@pytest.mark.parametrize("cpu", CORTEX)
def test_firmware(cpu: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its objects, in firmware that the device's own tools link."""
    need("arm-none-eabi-gcc", "qemu-system-arm", "make")
    net, inputs = graph("residual")
    expected = caller(net)(inputs)[0]
    write(sources_of(graph("residual")[0], target_of(cpu), {}).files, tmp_path / "model")
    with monkeypatch.context() as alone:
        command = zig(cpu, alone, tmp_path).compile(target_of(cpu))
        for name in ("model", "weights"):
            part = [*command, "-Werror", "-c", f"{name}.c", "-o", f"{name}.o"]
            done = subprocess.run(part, cwd=tmp_path / "model", capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    parts = [f"{FIRMWARE}/main.c", f"{FIRMWARE}/startup.c", "model/model.o", "model/weights.o"]
    y = outputs_of(cpu, inputs[0], tmp_path, f"SOURCES={' '.join(parts)}")[0]
    assert relative(y.reshape(expected.shape), expected) < 1e-4
