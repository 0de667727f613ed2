"""Does a compiled network answer the same on other processors? QEMU emulates them; `make devices` has it.

What is run is `examples/firmware` on Cortex-M, and a program that reads its input on the others.
"""

from pathlib import Path

import pytest
from compiled_nets import graph
from compiled_programs import answers, built, linked
from emulated import CORTEX, HOSTED, WASI, need, outputs_of

from secateur.compiler import sources_of
from secateur.compiler.build import build, write
from secateur.compiler.check import relative
from secateur.compiler.targets import target_of
from secateur.network_file.run import caller

NAMES = ("residual", "signal", "linear")


@pytest.mark.parametrize("cpu", CORTEX)
@pytest.mark.parametrize("name", NAMES)
def test_firmware_answers_as_onnx_runtime(cpu: str, name: str, tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm", "make")
    net, inputs = graph(name)
    expected = caller(net)(inputs)[0]
    write(sources_of(graph(name)[0], target_of(cpu), {}).files, tmp_path / "model")
    y, ticks, warnings = outputs_of(cpu, inputs[0], tmp_path)
    assert "warning" not in warnings
    assert relative(y.reshape(expected.shape), expected) < 1e-4
    assert 0 < ticks < 10_000_000


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


@pytest.mark.parametrize("target", [name for name in HOSTED if target_of(name).hosted])
def test_the_library_that_is_built_is_the_one_that_runs(target: str, tmp_path: Path) -> None:
    runner = HOSTED[target][1][0]
    compiler = target_of(target).compilers[0]
    need(compiler, runner)
    net, inputs = graph("residual")
    sources = sources_of(graph("residual")[0], target_of(target), {}, threads=2)
    program = linked(build(sources, target_of(target)), sources, (compiler,), tmp_path)
    command: list[str | Path] = [runner, "-L", f"/usr/{compiler.removesuffix('-gcc')}", program]
    for y, expected in zip(answers(command, sources, inputs), caller(net)(inputs), strict=True):
        assert relative(y, expected) < 1e-4
