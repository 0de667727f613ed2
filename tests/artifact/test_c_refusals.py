"""What does the C decoder refuse, and in which words?"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_programs import STRICT, bytes_of
from sct_forms import forms

from secateur.artifact import adaptive, rans
from secateur.artifact.c.description import describe
from secateur.artifact.c.native import Decoder, build
from secateur.artifact.tensors import decode_tensor
from secateur.artifact.values.codebook import Codebook
from secateur.artifact.values.plain import Whole
from secateur.errors import ArtifactError, SecateurError

SIZE_MAX = (1 << 64) - 1

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler `cc`")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return Decoder(build(tmp_path_factory.mktemp("decoder"), flags=STRICT))


@pytest.mark.parametrize(
    ("codec", "stored"),
    [
        ("rans", "00 07 07  00 00 00 00  01 00 01 00"),  # another state
        ("rans", "00 07 07  00 00 00 10  00 00 01 00"),  # a bit behind the table
        ("rans", "00 06 07  00 00 00  00 00 01 00"),  # the top symbol is beyond the last one
        ("rans", "0B 07 07  00 00 00 00  00 00 01 00"),  # 2^11 lanes
        ("rans", "00 01 00  0C  00 30 08 00  00 00"),  # a word too many
        ("rans", "00 01 00  00  00 30 08 00"),  # the last symbol has no frequency
        ("rans", "00 01 00  0D  00 30 08 00"),  # 2^12 for one symbol, none for the other
        ("adaptive", "00  00 B8 02 00"),
        ("adaptive", "09  00 B8 02 00"),
        ("adaptive", "01  00 B8 02"),
    ],
)
def test_impossible_streams_are_refused(decoder: Decoder, codec: str, stored: str) -> None:
    case = bytes_of(codec, bytes.fromhex(stored), 3, 3)
    with pytest.raises(ArtifactError, match="tensor 'w': a stream is cut short or altered"):
        decoder.decode(*case)
    with pytest.raises(ArtifactError):
        decode_tensor(*case)


@pytest.mark.parametrize(
    ("codec", "stored", "symbols"),
    [
        ("rans", rans.encode(bytes(4000) + b"\1"), bytes(4000) + b"\1"),  # more than 256 for each byte
        ("rans", bytes.fromhex("00 07 07  00 00 00 00  01 00 00 00  00 00"), b"\7"),  # a state below 2^16
        ("rans", bytes.fromhex("00 07 07  00 00 00 00  00 00 01 00"), b""),
        ("adaptive", adaptive.encode(b"\1\3" * 8192 + b"\1"), b"\1\3" * 8192 + b"\1"),  # one too many
        ("adaptive", adaptive.encode(bytes(2000)), bytes(2000)),  # more than 32 for each byte
    ],
)
def test_streams_that_would_be_whole_but_for_a_limit_are_refused(
    decoder: Decoder, codec: str, stored: bytes, symbols: bytes
) -> None:
    count, nonzero = len(symbols), sum(map(bool, symbols))
    told = describe(bytes_of("raw", symbols, count, nonzero)[0])
    message = decoder.call(np.empty(count, np.uint8), told, [(codec, stored)])
    assert message == "a stream is cut short or altered, or does not go with the others"
    with pytest.raises(ArtifactError):
        decode_tensor(*bytes_of(codec, stored, count, nonzero))


@pytest.mark.parametrize(
    "lie",
    [
        {"width": 0},
        {"width": 3},
        {"width": 16},
        {"count": 7},
        {"rows": 0},
        {"rows": 3},
        {"rows": SIZE_MAX},
        {"stored": 7},
        {"stored": SIZE_MAX},
        {"nonzero": 7, "positions": "mask"},
        {"positions": "blocks", "block": (0, 1)},
        {"positions": "blocks", "block": (1, 0)},
        {"positions": "blocks", "block": (3, 1)},
        {"positions": "blocks", "block": (1, 3)},
        {"positions": "blocks", "block": (SIZE_MAX, SIZE_MAX)},
        {"positions": "blocks", "block": (1, 4), "stored": 16},
        {"values": "codebook", "parts": 0},
        {"values": "codebook", "parts": 3},
        {"values": "codebook", "narrow": "float16"},
        {"values": "grid", "rotated": False},
        {"values": "grid", "width": 8},
        {"values": "grid", "count": 0, "stored": 0, "rows": 0},
        {"values": "grid", "count": 0, "stored": 0, "rows": SIZE_MAX},
        {"values": "planes"},  # which has four streams
        {"narrow": "bfloat16", "rotated": False},
        {"narrow": "bfloat16", "width": 8},
    ],
    ids=str,
)
def test_fields_that_contradict_each_other_are_refused(decoder: Decoder, lie: dict[str, Any]) -> None:
    out = np.arange(8, dtype=np.float32).reshape(2, 4)
    entry, stored = next(forms(out, "raw"))
    assert entry.values == Whole()
    extra = [("raw", b"")] * (
        lie.get("positions", "all") != "all" or lie.get("values") in ("codebook", "grid")
    )
    message = decoder.call(out, replace(describe(entry), **lie), [*extra, ("raw", stored[0])])
    assert message == "the fields of the tensor contradict each other"


def test_gaps_are_for_a_quarter_of_the_elements_at_most(decoder: Decoder) -> None:
    array = np.zeros(64, np.float32)
    array[::4] = 1.5
    entry, stored = next(case for case in forms(array, "raw") if str(case[0].positions) == "gaps")
    coded = [("raw", data) for data in stored]
    assert decoder.call(array.copy(), describe(entry), coded) is None
    told = replace(describe(entry), count=63)
    assert decoder.call(array.copy(), told, coded) == "the fields of the tensor contradict each other"


@pytest.mark.parametrize("number", [1, 2, 3])  # the low bits of gaps, their continuation, the codebook
def test_what_must_be_raw_is_refused_in_another_codec(decoder: Decoder, number: int) -> None:
    array = np.zeros((4, 64), np.float32)
    array[:, 5] = 1.5
    (case,) = [c for c in forms(array, "raw") if str(c[0].positions) == "gaps" and c[0].values == Codebook()]
    coded = [("raw", data) for data in case[1]]
    assert decoder.call(array.copy(), describe(case[0]), coded) is None
    coded[number] = ("rans", coded[number][1])
    assert "does not go with the others" in str(decoder.call(array.copy(), describe(case[0]), coded))


@pytest.mark.parametrize("codec", ["deflate", "lzma"])
def test_compressors_are_for_python_only(decoder: Decoder, codec: str) -> None:
    with pytest.raises(ArtifactError, match="decoded in Python only: deflate or lzma"):
        decoder.decode(*bytes_of(codec, b"\x03\x00", 3, 3))


def test_a_wrong_number_of_zeros_is_refused(decoder: Decoder) -> None:
    with pytest.raises(ArtifactError, match="does not go with the others"):
        decoder.decode(*bytes_of("raw", b"\x05\x00\x07", 3, 3))


@pytest.mark.parametrize("count", [9, SIZE_MAX // 4 + 9, SIZE_MAX])  # the second, times 4 bytes, is 32
def test_a_tensor_without_room_is_refused(decoder: Decoder, count: int) -> None:
    out = np.arange(8, dtype=np.float32)
    told = replace(describe(next(forms(out, "raw"))[0]), count=count, stored=count, rows=1)
    assert (
        decoder.call(out, told, [("raw", out.tobytes())]) == "the output has less room than the tensor takes"
    )


def test_a_compiler_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecateurError, match="There is no C compiler 'no-such-cc' on the PATH"):
        build(tmp_path, "no-such-cc")
