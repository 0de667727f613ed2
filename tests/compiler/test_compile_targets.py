"""Does every target's C compile without a warning, and does a library choose the code of its processor?"""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from c_programs import run
from compiled_nets import graph
from torch import nn

from secateur.compiler import CompiledModel, sources_of
from secateur.compiler.build import build, write
from secateur.compiler.check import difference
from secateur.compiler.files.dispatch import run_name, variants
from secateur.compiler.targets import TARGETS, X86, target_of
from secateur.compiler.toolchain import toolchain
from secateur.errors import CompileError
from secateur.graph.trace import trace


@pytest.mark.parametrize("even", [False, True], ids=["odd", "even"])  # rows that are whole vectors, or not
@pytest.mark.parametrize("name", TARGETS)
def test_every_target_compiles_without_a_warning(name: str, even: bool, tmp_path: Path) -> None:
    target, net = TARGETS[name], nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 5, 1))
    made = trace(net, (torch.ones(1, 3, 8, 8),), any_batch=False) if even else graph("residual")[0]
    sources = sources_of(made, target, {})
    assert (b"-fPIC" in sources.files["CMakeLists.txt"]) == target.hosted  # firmware has one place
    try:
        tools = toolchain(target)
    except CompileError as missing:
        pytest.skip(str(missing))
    write(sources.files, tmp_path)
    for file in ("model.c", "weights.c"):
        command = [*tools.compile(target), "-Werror", "-c", file, "-o", "out.o"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("threads", [1, 2])
def test_both_compilers_agree_and_warn_of_nothing(
    compiler: str, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler}")
    monkeypatch.setenv("CC", f"{compiler} -Werror")
    net, inputs = graph("residual")
    target = target_of("native")
    sources = sources_of(graph("residual")[0], target, {}, threads)
    assert difference(CompiledModel(build(sources, target), sources), net, inputs) < 1e-4


@pytest.mark.skipif(not X86, reason="another kind of processor")
def test_one_library_holds_code_for_several_processors() -> None:
    target = target_of("x86-64-v2")
    net, inputs = graph("residual")
    sources = sources_of(graph("residual")[0], target, {})
    library = build(sources, target)
    assert difference(CompiledModel(library, sources), net, inputs) < 1e-4
    names = run(["nm", library])[1]
    assert [variant.name for variant in variants(target)] == ["x86-64-v2", "x86-64-v3", "x86-64-v4"]
    assert all(f" t {run_name(variant)}\n" in names for variant in variants(target))
    assert names.count("model_weights") == 1
    exported = {line.split()[-1] for line in run(["nm", "-D", "--defined-only", library])[1].splitlines()}
    assert exported == {"model_run"}


def test_large_weights_are_a_file() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 600)
    net = trace(nn.Linear(600, 500), (x,), any_batch=False)
    target = target_of("native")
    sources = sources_of(net, target, {})
    assert len(sources.files["weights.bin"]) == sources.sizes.weights
    compiled = CompiledModel(build(sources, target), sources)
    np.testing.assert_array_equal(compiled(x.numpy()).shape, (1, 500))
