"""`secateur compile` and `secateur bench --runtime compiled`, as a user calls them."""

import json
import subprocess
import sys
from pathlib import Path

import onnx_ir
import pytest
from c_programs import run
from commands import secateur
from compiled_nets import graph


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    onnx_ir.save(graph("linear")[0], path)
    return path


def test_a_folder_that_builds_and_answers_as_onnx_runtime(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "some" / "where"
    answer = secateur("compile", model, "--out", out, "--check", "--threads", "2", "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert max(found["relative_difference"], found["relative_difference_plain"]) < 1e-4
    assert found["ram_bytes"] == found["arena"] + found["inputs"] + found["outputs"]
    assert found["flash_bytes"] == found["weights"] + found["code"]
    names = {path.name for path in out.iterdir()}
    files = {"model.c", "model.h", "weights.c", "kernels", "CMakeLists.txt", "sizes.json", "libmodel.so"}
    assert names == files
    assert json.loads((out / "sizes.json").read_text())["flash_bytes"] == found["flash_bytes"]
    assert not list(out.parent.glob(".*"))  # nothing half-written stays
    included = {
        line.split('"')[1] for line in (out / "model.c").read_text().splitlines() if "kernels/" in line
    }
    assert included <= {f"kernels/{path.name}" for path in (out / "kernels").iterdir()}


def test_a_network_that_answers_wrongly_is_not_written(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secateur.compiler.check.relative", lambda y, expected: 0.001)
    answer = secateur("compile", model, "--out", tmp_path / "c", "--check")
    assert answer.code == 2
    assert "differ from ONNX Runtime's by 0.001 of the largest output. Expected at most 0.0001" in answer.err
    assert not list(tmp_path.iterdir())


TWO = """
#include "first_model.h"
#include "second_model.h"
#include <stdio.h>

static _Alignas(64) char arena[FIRST_MODEL_ARENA_BYTES + SECOND_MODEL_ARENA_BYTES + 64];
static float x[FIRST_MODEL_INPUT_0_SIZE], y[FIRST_MODEL_OUTPUT_0_SIZE], z[SECOND_MODEL_OUTPUT_0_SIZE];

int main(void) {
    const void *inputs[] = {x};
    void *first[] = {y}, *second[] = {z};
    first_model_run(inputs, first, arena);
    second_model_run(inputs, second, arena);
    for (int i = 0; i < FIRST_MODEL_OUTPUT_0_SIZE; i++) printf("%d", y[i] == z[i]);
    return 0;
}
"""


@pytest.mark.parametrize("target", ["x86-64-v2", "x86-64-v3"])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_two_networks_in_one_program(target: str, threads: str, model: Path, tmp_path: Path) -> None:
    for prefix in ("first", "second"):
        options = ("--prefix", prefix, "--target", target, "--threads", threads)
        answer = secateur("compile", model, "--out", tmp_path / prefix, *options)
        assert answer.code == 0, answer.err
        assert f"call {prefix}_model_run" in answer.out
    (tmp_path / "main.c").write_text(TWO)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(two C)\nadd_subdirectory(first)\n"
        "add_subdirectory(second)\nadd_executable(two main.c)\n"
        "target_link_libraries(two first_model second_model)\n"
    )
    for command in (("cmake", "-S", ".", "-B", "b"), ("cmake", "--build", "b")):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert run([tmp_path / "b" / "two"])[1] == "11111"
    again = secateur("compile", model, "--out", tmp_path / "first", "--overwrite")
    assert again.code == 0
    assert {"model.c", "model.h"} <= {path.name for path in (tmp_path / "first").iterdir()}
    assert not list((tmp_path / "first").glob("*first_model*"))


@pytest.mark.parametrize("prefix", ["Key", "1st", "a-b", "a.b", "a b", "x" * 33, "../x"])
def test_a_prefix_that_no_name_has(prefix: str, model: Path, tmp_path: Path) -> None:
    answer = secateur("compile", model, "--out", tmp_path / "c", "--prefix", prefix)
    assert answer.code == 2
    assert "small letters, digits and _" in answer.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [((0.0, 0.001), "not those of its plain kernels"), ((0.001, 0.0), "the network's plain kernels differ")],
)
def test_an_error_tells_whether_a_kernel_is_at_fault(
    wrong: tuple[float, float], said: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter(wrong)  # of the plain kernels, then of the fast ones
    monkeypatch.setattr("secateur.compiler.check.difference", lambda *_: next(found))
    answer = secateur("compile", model, "--out", tmp_path / "c", "--check")
    assert answer.code == 2
    assert said in answer.err


def test_cmake_builds_it(model: Path, tmp_path: Path) -> None:
    assert secateur("compile", model, "--out", tmp_path / "c", "--target", "x86-64-v2").code == 0
    for command in (("cmake", "-S", "c", "-B", "b"), ("cmake", "--build", "b")):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stderr
    assert {"libmodel.a", "libmodel.so"} <= {path.name for path in (tmp_path / "b").iterdir()}
    assert " T model_run" in run(["nm", "-D", tmp_path / "b" / "libmodel.so"])[1]


def test_a_check_on_a_lesser_processor_is_refused(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secateur.compiler.features.machine_features", lambda: frozenset({"avx2"}))
    answer = secateur("compile", model, "--target", "x86-64-v4", "--out", tmp_path / "c", "--check")
    assert answer.code == 2
    assert "this processor lacks avx512bw" in answer.err
    assert not list(tmp_path.iterdir())


def test_files_compile_and_run_without_torch(model: Path, tmp_path: Path) -> None:
    blocked = "import sys\nsys.modules['torch'] = None\nfrom secateur.cli import main\nmain()"
    for command in (
        ["compile", model, "--out", tmp_path / "c", "--check"],
        ["bench", model, "--runtime", "compiled", "--batch", "5"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", blocked, *map(str, command)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_what_is_there_stays(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "c"
    assert secateur("compile", model, "--out", out).code == 0
    again = secateur("compile", model, "--out", out)
    assert again.code == 2
    assert "--overwrite" in again.err
    (out / "kernels" / "notes.txt").write_text("mine")
    assert secateur("compile", model, "--out", out, "--overwrite", "--target", "cortex-m4").code == 0
    assert (out / "kernels" / "notes.txt").read_text() == "mine"
    assert not (out / "libmodel.so").exists()  # which the target before had
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    answer = secateur("compile", model, "--out", other, "--overwrite")
    assert (answer.code, (other / "thesis.txt").read_text()) == (2, "years of work")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--max-ram", "10"), "bytes of RAM (arena "),
        (("--max-flash", "10"), "bytes of flash (weights "),
        (("--max-ram", "10", "--max-flash", "10"), "and 10 are there; and "),
        (("--target", "cortex-m5"), "Did you mean 'cortex-m55'?"),
        (("--target", "cortex-m4", "--threads", "2"), "no operating system"),
        (("--shape", "nothing=1,2"), "There is no input 'nothing'"),
        (("--target", "cortex-m4", "--check"), "--check runs the network here"),
    ],
)
def test_one_clear_error_and_no_folder(
    options: tuple[str, ...], message: str, model: Path, tmp_path: Path
) -> None:
    answer = secateur("compile", model, "--out", tmp_path / "c", *options)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert not list(tmp_path.iterdir())


def test_a_missing_toolchain_is_named(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    answer = secateur("compile", model, "--out", tmp_path / "c", "--target", "aarch64")
    assert answer.code == 2
    assert "apt-get install gcc-aarch64-linux-gnu" in answer.err
    assert "secateur[zig]" in answer.err
    answer = secateur("compile", model, "--out", tmp_path / "c", "--target", "cortex-m4")
    assert answer.code == 0, answer.err
    assert "code unknown until it is compiled" in answer.out


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("absent-cc -O1", "The C compiler 'absent-cc' cannot be run: No such file or directory. Name one"),
        ("'cc", "CC='cc is no command: No closing quotation"),
    ],
)
def test_a_compiler_that_cannot_be_run_is_named(
    command: str, message: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", command)
    answer = secateur("compile", model, "--out", tmp_path / "c")
    assert answer.code == 2
    assert message in answer.err


def test_a_cache_that_cannot_be_written_is_named(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    answer = secateur("compile", model, "--out", tmp_path / "c")
    assert answer.code == 2
    assert f"cannot be built in the cache {tmp_path / 'cache' / 'secateur' / 'compiled'}" in answer.err
    assert "XDG_CACHE_HOME" in answer.err


def test_the_compilers_errors_name_the_operator(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "cc"
    broken.write_text(
        "#!/bin/sh\n"
        "line=$(grep -n 'void step_1(part_t' model.c | cut -d: -f1)\n"
        'echo "model.c:$line:1: error: nonsense" >&2; exit 1\n'
    )
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    answer = secateur("compile", model, "--out", tmp_path / "c")
    assert answer.code == 2
    assert "in the operator Gemm (node " in answer.err
    assert "error: nonsense" in answer.err
    assert not (tmp_path / "c").exists()


def test_bench_times_it(model: Path) -> None:
    answer = secateur("bench", model, "--runtime", "compiled", "--batch", "5", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["latency_ms"]["median"] > 0
