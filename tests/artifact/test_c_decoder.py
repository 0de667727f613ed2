"""Does the C decoder answer what Python does: the same bits, and an error for the same damage?"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from random import Random

import numpy as np
import pytest
from c_programs import STRICT, bytes_of, compiled, run
from hypothesis import given, settings
from hypothesis import strategies as st
from sct_forms import fixed, forms, pruned, tensors

from secateur.artifact.c import native
from secateur.artifact.c.description import CODECS
from secateur.artifact.c.native import Decoder, build
from secateur.artifact.dtypes import Array
from secateur.artifact.entries import Stream, TensorEntry
from secateur.artifact.positions import POSITIONS
from secateur.artifact.tensors import decode_tensor, encode_tensor
from secateur.artifact.values import VALUES
from secateur.artifact.values.plain import Planes, Whole
from secateur.errors import ArtifactError

SOURCES = files("secateur.artifact.c")

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler `cc`")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return Decoder(build(tmp_path_factory.mktemp("decoder"), flags=STRICT))


def answer(decode: object, entry: TensorEntry, stored: Sequence[bytes]) -> bytes | None:
    """The tensor's bytes; None for an error."""
    assert callable(decode)
    try:
        return bytes(decode(entry, stored).tobytes())
    except ArtifactError:
        return None


@pytest.mark.parametrize("codec", CODECS)
@given(array=tensors())
@fixed
def test_every_form_of_anything_comes_back(decoder: Decoder, codec: str, array: Array) -> None:
    for entry, stored in forms(array, codec):
        assert decoder.decode(entry, stored).tobytes() == array.tobytes(), entry


@pytest.mark.parametrize("codec", CODECS)
@given(case=pruned())
@settings(fixed, max_examples=40)
def test_every_form_of_compressed_weights_comes_back(
    decoder: Decoder, codec: str, case: tuple[Array, Array]
) -> None:
    array, scales = case
    for entry, stored in forms(array, codec, scales):
        assert decoder.decode(entry, stored).tobytes() == array.tobytes(), entry


def test_special_floats_widen_to_the_same_bits(decoder: Decoder) -> None:
    """From float16: infinities, a signalling NaN, subnormals, -0.0."""
    bits = [0x7F80_0000, 0xFF80_0000, 0x7F80_2000, 0xFFC0_0000, 0x3380_0000, 0x387F_C000, 0x8000_0000, 0]
    array = np.array(bits, np.uint32).view(np.float32)
    tried = {entry.values: decoder.decode(entry, stored) for entry, stored in forms(array, "raw")}
    assert {Whole("float16"), Planes("float16")} <= set(tried)
    assert {back.tobytes() for back in tried.values()} == {array.tobytes()}


def test_long_streams_have_many_lanes(decoder: Decoder) -> None:
    rng = np.random.default_rng(0)
    array = np.rint(20 * rng.standard_normal((100, 3000))).astype(np.int8)
    entry, stored = encode_tensor("w", array)
    assert (entry.streams[0].codec, stored[0][0]) == ("rans", 8)  # 256 lanes
    assert decoder.decode(entry, stored).tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("codec", "stored", "expected"),
    [
        ("raw", "05 00 07", [5, 0, 7]),
        # one lane; last and top symbol 7; seven frequencies 0; the state 2^16
        ("rans", "00 07 07  00 00 00 00  00 00 01 00", [7] * 5),
        # top 0; symbol 1 has 2^11, 12 bits; 2^16 -> 133,120 -> 268,288 -> 536,576, last symbol first
        ("rans", "00 01 00  0C  00 30 08 00", [0, 1, 1]),
        # a tree of depth 1; a 1 has half, then 3 of 4: 2^16 -> 88,064 -> 178,176
        ("adaptive", "01  00 B8 02 00", [1, 1]),
    ],
)
def test_streams_worked_out_by_hand(decoder: Decoder, codec: str, stored: str, expected: list[int]) -> None:
    case = bytes_of(codec, bytes.fromhex(stored), len(expected), sum(value != 0 for value in expected))
    assert decoder.decode(*case).tolist() == expected == decode_tensor(*case).tolist()


@pytest.mark.parametrize("codec", CODECS)
@given(case=pruned(), seed=st.integers(0, 1 << 32))
@settings(fixed, max_examples=40)
def test_damage_gives_the_same_answer_as_in_python(
    decoder: Decoder, codec: str, case: tuple[Array, Array], seed: int
) -> None:
    random = Random(seed)
    for entry, stored in forms(case[0], codec, case[1]):
        altered = damaged(entry, stored, random)
        assert answer(decoder.decode, *altered) == answer(decode_tensor, *altered), altered


def damaged(entry: TensorEntry, stored: Sequence[bytes], random: Random) -> tuple[TensorEntry, list[bytes]]:
    """One stream altered; or none, where a reader would not even begin."""
    streams, number = list(stored), random.randrange(len(stored))
    data, at = bytearray(streams[number]), random.randrange(len(streams[number]) + 1)
    match random.choice(["flip", "cut", "put", "codec"]):
        case "flip" if at < len(data):
            data[at] ^= 1 << random.randrange(8)
        case "cut":
            del data[at : at + random.randrange(4)]
        case "put":
            data[at:at] = random.randbytes(random.randrange(4))
    streams[number] = bytes(data)
    entries = list(entry.streams)
    entries[number] = Stream(random.choice([entries[number].codec, *CODECS]), len(data))
    try:
        return replace(entry, streams=tuple(entries)), streams
    except ArtifactError:
        return entry, list(stored)


def test_these_properties_try_every_kind() -> None:
    array = np.kron(np.eye(8, 16, dtype=np.float32), np.array([[0.5], [1], [0], [0]], np.float32))
    tried = [entry for entry, _ in forms(array, "rans", np.full(32, 0.5, np.float32))]
    assert {type(entry.positions) for entry in tried} == set(POSITIONS.values())
    assert {type(entry.values) for entry in tried} == set(VALUES.values())
    assert {entry.values for entry in tried} >= {Whole("bfloat16"), Planes("float16")}


def test_the_working_memory_that_python_gives_is_enough(tmp_path: Path) -> None:
    (tmp_path / "size.c").write_text(
        '#include <stdio.h>\n#include "sct_decode.h"\n'
        'int main(void) { return printf("%d", (int)sizeof(sct_work)) < 0; }'
    )
    printed = run([compiled(tmp_path / "size", [tmp_path / "size.c"], "cc")])[1]
    assert 20_000 < int(printed) <= native.WORK


def test_it_needs_no_library_but_string_h() -> None:
    text = "".join((SOURCES / name).read_text() for name in ("sct_decode.c", "sct_decode.h"))
    assert set(re.findall(r"#include <(.+)>", text)) == {"stddef.h", "stdint.h", "string.h"}
