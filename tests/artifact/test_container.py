import copy
import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secateur.artifact import inspect, read, write
from secateur.artifact.container import Container, decode, encode
from secateur.artifact.dtypes import Array
from secateur.artifact.layout import HASH_AT, PREFIX, disassemble
from secateur.errors import ArtifactError, OutputError

fixed = settings(derandomize=True, deadline=None)
Header = dict[str, Any]


def small() -> bytes:
    """A file with a bitmask, a dense tensor, a scalar and a tensor without elements."""
    weight = np.zeros((8, 16), np.float32)
    weight[::3, ::5] = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    tensors: dict[str, Array] = {
        "conv.weight": weight,
        "bias": np.arange(1, 7, dtype=np.float16),
        "steps": np.array(1000),
        "none": np.zeros((3, 0), np.float32),
    }
    return encode(b"not really a graph " * 5, tensors, {"recipe": {"sparsity": 0.9}, "by": "tést"})


def resealed(data: bytes) -> bytes:
    """The bytes with the SHA-256 that an attacker would compute."""
    digest = hashlib.sha256(data[:HASH_AT] + data[PREFIX.size :]).digest()
    return data[:HASH_AT] + digest + data[PREFIX.size :]


def header_of(data: bytes) -> Header:
    stored = PREFIX.unpack_from(data)[3]
    header: Header = json.loads(zlib.decompress(data[PREFIX.size : PREFIX.size + stored], wbits=-15))
    return header


def with_header(data: bytes, header: Any) -> bytes:
    """The same streams under another header, sealed: only what the header says is wrong."""
    magic, version, flags, old, *_ = PREFIX.unpack_from(data)
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    encoder = zlib.compressobj(wbits=-15)
    stored = encoder.compress(text) + encoder.flush()
    body = stored + data[PREFIX.size + old :]
    fields = (magic, version, flags, len(stored), len(text), PREFIX.size + len(body), bytes(32))
    return resealed(PREFIX.pack(*fields) + body)


@contextmanager
def memory_below(limit: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def test_everything_comes_back(tmp_path: Path) -> None:
    tensors: dict[str, Array] = {
        "sparse": np.eye(100, dtype=np.float32),
        "scalar": np.array(-0.0),
        "empty": np.zeros((0, 2**20), np.int8),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "flags": np.array([True, False, True]),
        "name with [brackets] and ü": np.array([1], ">i4"),
    }
    write(tmp_path / "a.sct", b"graph", tensors, {"list": [1, 2.5, None], "text": "ü"})
    back = read(tmp_path / "a.sct")
    assert (back.graph, back.metadata) == (b"graph", {"list": [1, 2.5, None], "text": "ü"})
    assert list(back.tensors) == list(tensors)
    for name, array in tensors.items():
        np.testing.assert_array_equal(back.tensors[name], array, strict=array.dtype.isnative)
    assert np.signbit(back.tensors["scalar"])
    assert [entry.encoding for entry in back.entries][:2] == ["bitmask", "dense"]


def test_the_same_input_gives_the_same_bytes() -> None:
    assert small() == small()


def test_a_file_of_version_1_stays_readable() -> None:
    """Written out by hand from docs/format.md: prefix, header, graph, mask, values 1.0 and -2.5."""
    header = (
        b'{"graph":["raw",5,5,907060870],"tensors":[["w","float32",[2,4],"bitmask",2,'
        b'[["raw",1],["raw",2],["raw",2],["raw",2],["raw",2]],2084060534]],"metadata":{}}'
    )
    length = len(header)
    block = struct.pack("<BHH", 1, length, length ^ 0xFFFF) + header  # deflate's form of raw bytes
    body = block + b"hello" + b"\x82" + b"\x7f\x80" + b"\x00\x40" + b"\x00\x00" + b"\x00\x01"
    start = b"\x89SCT\r\n\x1a\n" + struct.pack("<HHIIQ", 1, 0, len(block), length, 60 + len(body))
    back = decode(start + hashlib.sha256(start + body).digest() + body)
    assert back.graph == b"hello"
    np.testing.assert_array_equal(back.tensors["w"], np.array([[0, 1, 0, 0], [0, 0, 0, -2.5]], np.float32))


def test_inspect_says_what_there_is_and_the_parts_add_up(tmp_path: Path) -> None:
    path = tmp_path / "a.sct"
    path.write_bytes(small())
    found = inspect(path)
    assert found.version == 1
    assert found.file_bytes == path.stat().st_size
    assert found.file_bytes == found.header_bytes + found.graph_bytes + found.tensor_bytes
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.count, found.nonzero, found.dense_bytes) == (128 + 6 + 1, 12 + 6 + 1, 512 + 12 + 8)
    assert found.sparsity == pytest.approx(1 - 19 / 135)
    assert [entry.sparsity for entry in found.entries] == [1 - 12 / 128, 0, 0, 0]
    assert found.metadata == {"recipe": {"sparsity": 0.9}, "by": "tést"}


@pytest.mark.parametrize("metadata", [{"a": float("nan")}, {"a": {1, 2}}, {"a": b"bytes"}, {"a": "\ud800"}])
def test_metadata_that_is_not_json_is_refused(metadata: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"a\.sct: The metadata .* Expected strings, finite numbers"):
        write(tmp_path / "a.sct", b"", {}, metadata)
    assert not list(tmp_path.iterdir())


def test_a_tensor_without_a_known_dtype_is_named() -> None:
    with pytest.raises(ArtifactError, match="tensor 'w': its dtype complex128 is none of"):
        encode(b"", {"w": np.zeros(2, complex)}, {})


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import resource, sys, numpy\n"
        "from secateur.artifact import write\n"
        "from secateur.errors import OutputError\n"
        "noise = numpy.random.default_rng(0).standard_normal(1000)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write(sys.argv[1], b'', {'w': noise}, {})\n"
        "except OutputError as error: print(error)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "a.sct")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "there is no room for its" in done.stdout
    assert not list(tmp_path.iterdir())


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


def test_a_damaged_tensor_is_named() -> None:
    layout = disassemble(small())
    streams = dict(zip(["graph", *layout.header.tensors], layout.parts(), strict=True))
    assert len(streams) == 5
    data = bytearray(small())
    data[-9] ^= 1  # the last tensor has no bytes, `steps` has the 8 before the end
    with pytest.raises(ArtifactError, match="tensor 'bias': the bytes do not match their checksum"):
        decode(bytes(data))
    data[layout.header_bytes] ^= 1
    with pytest.raises(ArtifactError, match="graph: the bytes do not match"):
        decode(bytes(data))
    data[PREFIX.size] ^= 1
    with pytest.raises(ArtifactError, match="header: the bytes do not match"):
        decode(bytes(data))


def refused_or_read(data: bytes) -> Container | None:
    """The one thing that may happen to any bytes, in little memory."""
    try:
        return decode(data)
    except ArtifactError:
        return None


def test_an_attacker_who_seals_a_flipped_byte_gets_an_error_or_a_file() -> None:
    data = small()
    with memory_below(16_000_000):
        for at in range(len(data)):
            for bits in (0x01, 0x80, 0xFF):
                refused_or_read(resealed(data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]))


JUNK = st.one_of(
    st.sampled_from([None, True, -1, 0, 1, 7, 2**31, 2**40, 2**63, 10**4200, 1e300, 0.5, "", "raw", "lzma"]),
    st.sampled_from(["deflate", "dense", "bitmask", "float64", "int8", "conv.weight", "\ud800", [], {}]),
    st.lists(st.integers(-1, 2**33), max_size=5),
)


@given(st.data())
@settings(fixed, max_examples=300)
def test_an_attacker_who_rewrites_the_header_gets_an_error_or_a_file(data: st.DataObject) -> None:
    header = copy.deepcopy(header_of(small()))
    for _ in range(data.draw(st.integers(1, 3))):
        replace_somewhere(header, data.draw)
    with memory_below(16_000_000):
        refused_or_read(with_header(small(), header))


def replace_somewhere(node: Any, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    """Walk down a random path of dicts and lists, and put junk in the place of what is there."""
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    if not keys:
        return
    key = draw(st.sampled_from(keys))
    if isinstance(node[key], dict | list) and node[key] and draw(st.integers(0, 3)):
        replace_somewhere(node[key], draw)
    else:
        node[key] = draw(JUNK)


def test_an_attacker_who_rewrites_the_streams_gets_an_error_or_a_file() -> None:
    layout = disassemble(small())
    rng = random.Random(0)
    for _ in range(500):
        data = bytearray(small())
        at = rng.randrange(layout.header_bytes, len(data))
        data[at] = rng.randrange(256)
        header = header_of(small())
        position = layout.header_bytes
        for row, (_, streams) in zip([header["graph"], *header["tensors"]], layout.parts(), strict=True):
            length = sum(map(len, streams))
            row[-1] = zlib.crc32(data[position : position + length])
            position += length
        refused_or_read(with_header(bytes(data), header))


def changed(path: list[str | int], value: Any) -> Callable[[Header], None]:
    def change(header: Header) -> None:
        node: Any = header
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["tensors", 0, 0], "bias", "more than one tensor 'bias'"),
        (["tensors", 0, 0], 5, r"in place of \[str, str, list"),
        (["tensors", 0, 1], "float31", "tensor 'conv.weight': its dtype 'float31' is unknown"),
        (["tensors", 0, 2], [-8, 16], "a negative number in"),
        (["tensors", 0, 2], [True, 16], r"in place of \[int, int\]"),
        (["tensors", 0, 2], [8.0, 16], r"in place of \[int, int\]"),
        (["tensors", 0, 2], [2**62, 2**62], "is too large"),
        (["tensors", 0, 2], [0, 2**62], "is too large"),
        (["tensors", 0, 2], [1] * 33, "is too large"),
        (["tensors", 0, 2], [2**20, 2**20], "stored bytes cannot stand for"),
        (["tensors", 0, 2], [2, 5], "12 values do not fit the shape"),
        (["tensors", 0, 2], [8, 24], "does not end after"),
        (["tensors", 0, 3], "codebook", "its encoding 'codebook' is unknown: this secateur reads dense"),
        (["tensors", 0, 3], "dense", "it has 5 streams, not 4"),
        (["tensors", 0, 4], 13, "does not end after 13 bytes"),
        (["tensors", 0, 5, 0, 0], "zstd", "its codec 'zstd' is unknown: this secateur reads raw"),
        (["tensors", 0, 5, 0, 1], 10**9, "do not add up"),
        (["tensors", 0, 6], 0, "tensor 'conv.weight': the bytes do not match their checksum"),
        (["tensors", 1, 4], 5, "tensor 'bias': it does not have 5 values that are not zero"),
        (["graph", 2], 10**6, "graph: .* cannot stand for 1,000,000"),
        (["graph", 2], 2, "graph: its data does not end after 2 bytes"),
        (["tensors"], {}, r"in place of \[list, list, dict\]"),
        (["metadata"], [], r"in place of \[list, list, dict\]"),
        (["metadata"], {"a": float("inf")}, "header: it is not JSON"),
        (["extra"], 1, "header: it is not made of graph, tensors and metadata"),
    ],
)
def test_a_header_that_cannot_be_true_is_refused(path: list[str | int], value: Any, message: str) -> None:
    header = header_of(small())
    changed(path, value)(header)
    with pytest.raises(ArtifactError, match=message):
        decode(with_header(small(), header))


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff", b"[" * 100_000, b"9" * 5000, b'"\\ud800"'])
def test_a_header_that_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(ArtifactError, match="header: it is not"):
        decode(with_header(small(), text))


def test_a_header_that_unfolds_without_end_is_refused_early() -> None:
    bomb = with_header(small(), b" " * 50_000_000)
    with memory_below(16_000_000), pytest.raises(ArtifactError, match=r"header: .* at most 4,194,304"):
        decode(bomb)


def test_a_small_file_cannot_ask_for_large_tensors() -> None:
    """Each tensor alone, all zeros, is within 64 MiB; ten of them are not."""
    one = encode(b"", {"w": np.zeros(10_000_000, np.float32)}, {})
    header = header_of(one)
    (row,) = header["tensors"]
    header["tensors"] = [[f"w{n}", *row[1:]] for n in range(10)]
    bomb = with_header(one + one[-row[5][0][1] :] * 9, header)
    assert len(bomb) < 20_000
    with memory_below(16_000_000), pytest.raises(ArtifactError, match="more than 1000 times as much"):
        decode(bomb)


def test_what_a_reader_would_refuse_is_not_written() -> None:
    with pytest.raises(ArtifactError, match="more than 1000 times as much"):
        encode(b"", {"w": np.zeros(40_000_000, np.float32)}, {})


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04 a zip file, as torch.save writes it", r"not a \.sct file: it starts with b'PK"),
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
    newer = resealed(small()[:8] + (2).to_bytes(2, "little") + small()[10:])
    with pytest.raises(ArtifactError, match=r"version 2 .*newer secateur than this one.* pip install"):
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
