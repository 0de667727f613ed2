"""Do tensors that were written as C constants come back on machines of other sizes and byte orders?"""

import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from c_programs import compiled, lacks, run
from hypothesis import given, settings
from hypothesis import strategies as st
from sct_forms import forms

from secateur.artifact import write
from secateur.artifact.c.declaration import declare, header
from secateur.artifact.dtypes import Array
from secateur.artifact.entries import TensorEntry
from secateur.errors import ArtifactError

MAIN = """
#include <stdio.h>
#include "sct_decode.h"
{tensors}
static const sct_tensor *const tensors[] = {{{names}}};

int main(void)
{{
    static sct_work work;
    static float out[128];
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {{
        const int result = sct_decode(tensors[i], out, sizeof out, &work);
        printf("%s:", sct_message(result));
        for (size_t at = 0; at < tensors[i]->count; at++) printf(" %a", out[at]);
        printf("\\n");
    }}
    return 0;
}}
"""


def weights() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    levels = rng.integers(-3, 4, (8, 16)) * (rng.random((8, 16)) < 0.3)
    scales = np.arange(1, 9, dtype=np.float32) / 8
    return (levels * scales[:, None] + 0).astype(np.float32), scales


def program(cases: Sequence[tuple[TensorEntry, list[bytes]]]) -> str:
    names = [f"w{number}" for number in range(len(cases))]
    tensors = [declare(name, *case) for name, case in zip(names, cases, strict=True)]
    return MAIN.format(tensors="".join(tensors), names=", ".join(f"&{name}" for name in names))


@pytest.mark.parametrize(
    ("compiler", "flags", "runner"),
    [
        ("cc", (), ()),
        ("powerpc64-linux-gnu-gcc", ("-static",), ("qemu-ppc64",)),  # big-endian
        ("arm-linux-gnueabi-gcc", ("-static", "-mthumb"), ("qemu-arm",)),  # 32 bits
    ],
)
def test_every_form_on_every_machine(
    compiler: str, flags: tuple[str, ...], runner: tuple[str, ...], tmp_path: Path
) -> None:
    if reason := lacks(tmp_path, compiler, flags, runner):
        pytest.skip(reason)
    array, scales = weights()
    cases = [case for codec in ("raw", "rans", "adaptive", "deflate") for case in forms(array, codec, scales)]
    (tmp_path / "main.c").write_text(program(cases))
    code, printed = run([*runner, compiled(tmp_path / "main", [tmp_path / "main.c"], compiler, flags)])
    assert code == 0
    heads, values = zip(*(line.split(":") for line in printed.splitlines()), strict=True)
    assert set(heads) == {"the tensor is decoded"}
    assert len(values) == len(cases) > 100
    for (entry, _), line in zip(cases, values, strict=True):
        assert [float.fromhex(value) for value in line.split()] == array.reshape(-1).tolist(), entry


def test_a_name_that_is_none_in_c_is_refused() -> None:
    case = next(forms(*weights()[:1], "raw"))
    with pytest.raises(ArtifactError, match="'conv.weight' cannot be a name in C.*for example w1"):
        declare("conv.weight", *case)


def test_a_declaration_is_constants_and_a_description() -> None:
    case = next(forms(np.array([[1, 0], [2, 3]], np.int16), "raw"))
    assert declare("w", *case) == (
        "static const uint8_t w_0[] = {\n    1,0,0,0,2,0,3,0,\n};\n"
        "static const sct_stream w_streams[] = {\n    {SCT_RAW, w_0, 8},\n};\n"
        "enum { w_count = 4 };\n"
        "static const sct_tensor w = {\n"
        "    .positions = SCT_ALL,\n"
        "    .block = {0, 0},\n"
        "    .values = SCT_WORDS,\n"
        "    .narrow = SCT_FULL,\n"
        "    .parts = 1,\n"
        "    .width = 2,\n"
        "    .rotated = 0,\n"
        "    .rows = 2,\n"
        "    .count = 4,\n"
        "    .stored = 4,\n"
        "    .nonzero = 3,\n"
        "    .streams = 1,\n"
        "    .stream = w_streams,\n"
        "};\n"
    )


def test_every_tensor_of_a_file_gets_a_name_in_c(tmp_path: Path) -> None:
    names = ["fc.weight", "fc/weight", "0", "*/ é", "_x", "int", "size_t"]
    write(tmp_path / "a.sct", b"", {name: np.array([1.5], np.float32) for name in names}, {})
    text = header(tmp_path / "a.sct")
    assert re.findall(r"sct_tensor (\w+) =", text) == [
        *("fc_weight", "fc_weight_2", "t0", "t____", "t_x", "tint", "tsize_t")
    ]
    assert "/* ? ?: float32 [1], all, " in text
    assert text.count("*/") == len(names)


WORDS = [*"ab0126._/", "_count", "_streams", "int", "double", "sct_decode", "SCT_RAW", "main"]


@settings(deadline=None)
@given(
    names=st.lists(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map("".join), unique=True, max_size=8
    )
)
def test_no_name_is_declared_twice(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "names.sct"
    write(path, b"", {name: np.eye(20, dtype=np.float32) for name in names}, {})
    declared = re.findall(r"(?:static const \w+|enum {) (\w+)", header(path))
    assert len(declared) == len(set(declared)) >= 4 * len(names)
    assert not {"int", "double", "sct_decode", "SCT_RAW", "main"} & {*declared}


def test_names_that_are_taken_are_compiled(tmp_path: Path) -> None:
    if reason := lacks(tmp_path, "cc"):
        pytest.skip(reason)
    names = ["a.b", "a_b", "a_b_2", "a_b_count", "a_b_streams", "a_b_0"]
    names += ["for", "size_t", "sct_tensor", "SCT_RAW", "INT8_MAX"]
    write(tmp_path / "a.sct", b"", {name: np.eye(20, dtype=np.float32) for name in names}, {})
    (tmp_path / "main.c").write_text(header(tmp_path / "a.sct") + "\nint main(void) { return 0; }\n")
    assert run([compiled(tmp_path / "main", [tmp_path / "main.c"], "cc")]) == (0, "")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.sct", b"", {"w": np.array([1.5], np.float32)}, {})
    data = bytearray((tmp_path / "a.sct").read_bytes())
    data[-1] ^= 1
    (tmp_path / "a.sct").write_bytes(data)
    with pytest.raises(ArtifactError, match=r"a\.sct: .*do not match their checksum"):
        header(tmp_path / "a.sct")


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler `cc`")
def test_the_example_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "device-decoder.md").read_text()
    monkeypatch.chdir(tmp_path)
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], {})
    Path("main.c").write_text(re.findall(r'```c title="main.c"\n(.*?)```', page, re.DOTALL)[0])
    (console,) = re.findall(r"```console\n\$ (cc .*?)\n\$ ./main\n(.*?)```", page, re.DOTALL)
    assert run(shlex.split(console[0])) == (0, "")
    assert run(["./main"]) == (0, console[1])
