"""Does the C decoder stay within its memory on altered input? A few seconds of each fuzzer that is here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from c_programs import compiled, lacks, run

FUZZ = Path(__file__).parent / "fuzz"
TARGET = FUZZ / "fuzz_decode.c"
SANITIZERS = "address,undefined"
SECONDS = 8


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    subprocess.run([sys.executable, FUZZ / "seeds.py", folder], check=True)
    return folder


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_altered_tensors(compiler: str, seeds: Path, tmp_path: Path) -> None:
    flags = [f"-fsanitize={SANITIZERS}", "-fno-sanitize-recover=all"]
    if reason := lacks(tmp_path, compiler, flags):
        pytest.skip(reason)
    program = compiled(tmp_path / "mutate", [TARGET, FUZZ / "mutate.c"], compiler, flags)
    code, printed = run([program, str(SECONDS), *sorted(seeds.iterdir())])
    assert code == 0, printed
    results = {name: int(count) for name, count in re.findall(r"(\w+) (\d+)", printed)}
    assert results["ok"] >= len(list(seeds.iterdir()))  # the seeds themselves are whole
    assert results["damaged"] > 100, printed


def test_libfuzzer(seeds: Path, tmp_path: Path) -> None:
    flags = [f"-fsanitize=fuzzer,{SANITIZERS}", "-fno-sanitize-recover=all"]
    if reason := lacks(tmp_path, "clang", flags):
        pytest.skip(f"{reason}; test_altered_tensors drives the same target without libFuzzer")
    program = compiled(tmp_path / "fuzz", [TARGET], "clang", flags)
    (tmp_path / "found").mkdir()
    # The peak that libFuzzer reads is also that of who started it, so the limit is on single allocations.
    memory = ["-rss_limit_mb=8192", "-malloc_limit_mb=64"]
    limits = [f"-max_total_time={SECONDS}", "-seed=1", "-timeout=5", *memory, "-max_len=8192"]
    code, printed = run([program, *limits, f"-artifact_prefix={tmp_path}/", tmp_path / "found", seeds])
    assert code == 0, printed
    assert re.search(r"Done \d{4,} runs", printed), printed
