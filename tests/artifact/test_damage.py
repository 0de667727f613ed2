"""Files that are damaged, cut off, foreign or too new."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sct_files import resealed, small
from sct_forms import fixed

from secateur.artifact import inspect, read, write
from secateur.artifact.container import decode
from secateur.artifact.layout import disassemble
from secateur.artifact.prefix import PREFIX
from secateur.errors import ArtifactError, OutputError


def test_every_flipped_byte_is_noticed() -> None:
    data = small()
    for at in range(len(data)):
        for bits in (0x01, 0x80, 0xFF):
            with pytest.raises(ArtifactError):
                decode(data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :])


def test_every_truncation_is_noticed() -> None:
    data = small()
    for length in range(1, len(data)):
        with pytest.raises(ArtifactError, match="truncated"):
            decode(data[:length])


@given(st.randoms(use_true_random=False))
@fixed
def test_overwritten_runs_of_bytes_are_noticed(rng: random.Random) -> None:
    data = bytearray(small())
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(data))
        data[at : at + rng.randint(1, 40)] = rng.randbytes(rng.randint(1, 40))
    if bytes(data) != small():
        with pytest.raises(ArtifactError):
            decode(bytes(data))


def test_a_damaged_stream_is_named() -> None:
    layout = disassemble(small())
    data = bytearray(small())
    data[-1] ^= 1  # the last tensor has no bytes, `steps` has the 8 at the end
    with pytest.raises(ArtifactError, match="tensor 'steps': the bytes do not match their checksum"):
        decode(bytes(data))
    data[-9 - 12] ^= 1
    with pytest.raises(ArtifactError, match="tensor 'grid', stream 2 of 2: the bytes do not match"):
        decode(bytes(data))
    data[layout.start] ^= 1
    with pytest.raises(ArtifactError, match="graph: the bytes do not match"):
        decode(bytes(data))
    data[PREFIX.size] ^= 1
    with pytest.raises(ArtifactError, match="header: the bytes do not match"):
        decode(bytes(data))


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"", "it is empty"),
        (
            b"PK\x03\x04 a zip file, as torch.save writes it",
            r"not a \.sct file: it starts with b'PK.*secateur\.save",
        ),
        (b"\x08\x0a\x12\x07pytorch an ONNX file", r"not a \.sct file: .* is for secateur cut, compile"),
        (b"\x89SCT\n\x1a\n" + bytes(90), r"not a \.sct file"),  # went through a change of line ends
        (b"\x80\x04\x95 a pickle", r"not a \.sct file"),
    ],
)
def test_a_foreign_file_is_called_foreign(start: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.sct").write_bytes(start)
    for function in (read, inspect):
        with pytest.raises(ArtifactError, match=rf"a\.sct: .*{message}"):
            function(tmp_path / "a.sct")


def test_a_newer_version_says_so() -> None:
    newer = resealed(small()[:8] + (3).to_bytes(2, "little") + small()[10:])
    with pytest.raises(ArtifactError, match=r"version 3 .*newer secateur than this one.* pip install"):
        decode(newer)


def test_bytes_behind_the_end_are_noticed() -> None:
    with pytest.raises(ArtifactError, match="followed by bytes that are not its own"):
        decode(small() + b"\x00")


def test_a_path_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"none\.sct: No such file"):
        read(tmp_path / "none.sct")
    with pytest.raises(ArtifactError, match="Is a directory"):
        read(tmp_path)
    with pytest.raises(OutputError, match="there is no folder"):
        write(tmp_path / os.urandom(2).hex() / "a.sct", b"", {}, {})
