import copy
import dataclasses
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
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sct_forms import deflated, fixed, forms

from secateur.artifact import inspect, read, stream_figures, write
from secateur.artifact.container import Container, decode, encode
from secateur.artifact.dtypes import Array
from secateur.artifact.entries import GraphEntry, Stream
from secateur.artifact.header import Header
from secateur.artifact.layout import HASH_AT, PREFIX, assemble, disassemble
from secateur.artifact.positions import POSITIONS
from secateur.artifact.streams import DECODERS, compress_text
from secateur.artifact.values import VALUES
from secateur.errors import ArtifactError, OutputError

Json = dict[str, Any]


@cache
def small() -> bytes:
    """A file with every kind of positions and values, every codec, a scalar and a tensor of nothing."""
    i = np.arange(96)
    pruned = np.where(i * i % 97 < 16, i % 3 + 1, 0).reshape(8, 12).astype(np.float32)
    halves = np.where(i < 48, i % 5, i % 3 + 9).reshape(8, 12).astype(np.int16)
    scales = np.linspace(0.1, 1, 8, dtype=np.float32)
    chosen = [
        ("conv.weight", pruned, "gaps, codebook of 3", "rans"),
        ("mask", pruned, "mask, bfloat16 words", "deflate"),
        ("blocks", np.kron(np.eye(2, 24), np.ones((4, 1))), "blocks 4x1, planes", "adaptive"),
        ("halves", halves, "all, 2 codebooks of 5", "lzma"),
        ("grid", pruned * scales[:, None], "all, grid", "adaptive"),
        ("bias", i[1:7].astype(np.float16), "all, words", "raw"),
        ("steps", np.array(1000), "all, words", "raw"),
        ("none", np.zeros((3, 0), np.float32), "all, words", "raw"),
    ]
    graph = b"not really a graph " * 5
    codec, stored = compress_text(graph)
    entries, streams = [], [stored]
    for name, array, encoding, how in chosen:
        (found,) = [form for form in forms(array, how, scales) if form[0].encoding == encoding]
        entries.append(dataclasses.replace(found[0], name=name))
        streams += found[1]
    metadata = {"recipe": {"sparsity": 0.9}, "by": "tést"}
    entry = GraphEntry(Stream(codec, len(stored)), len(graph))
    return assemble(Header(entry, tuple(entries), metadata), streams)


def resealed(data: bytes) -> bytes:
    """The bytes with the SHA-256 that an attacker would compute."""
    digest = hashlib.sha256(data[:HASH_AT] + data[PREFIX.size :]).digest()
    return data[:HASH_AT] + digest + data[PREFIX.size :]


def header_of(data: bytes) -> Json:
    stored = PREFIX.unpack_from(data)[3]
    header: Json = json.loads(zlib.decompress(data[PREFIX.size : PREFIX.size + stored], wbits=-15))
    return header


def with_header(data: bytes, header: Any, streams: list[bytes] | None = None) -> bytes:
    """Another header, sealed, before the same bytes, or before these streams with their checksums."""
    magic, version, flags, old, *_ = PREFIX.unpack_from(data)
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    stored = deflated(text)
    checksums = b"".join(zlib.crc32(stream).to_bytes(4, "little") for stream in streams or [])
    rest = data[PREFIX.size + old :] if streams is None else checksums + b"".join(streams)
    body = stored + rest
    fields = (magic, version, flags, len(stored), len(text), PREFIX.size + len(body), bytes(32))
    return resealed(PREFIX.pack(*fields) + body)


def streams_of(data: bytes) -> list[bytes]:
    return [stream for _, streams in disassemble(data).parts() for stream in streams]


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
    assert [entry.encoding for entry in back.entries][:2] == ["mask, codebook of 1", "all, words"]


def test_the_same_input_gives_the_same_bytes() -> None:
    assert small() == small()


def test_a_file_written_out_by_hand() -> None:
    """From docs/format.md: prefix, header, checksums, graph, mask, and the values 1.0 and -2.5 in planes."""
    header = (
        b'{"graph":["raw",5,5],"tensors":[["w","float32",[2,4],"mask","planes",2,'
        b'[["raw",1],["raw",2],["raw",2],["raw",2],["raw",2]]]],"metadata":{}}'
    )
    length = len(header)
    block = struct.pack("<BHH", 1, length, length ^ 0xFFFF) + header  # deflate's form of raw bytes
    streams = [b"hello", b"\x82", b"\x7f\x80", b"\x00\x40", b"\x00\x00", b"\x00\x01"]
    body = block + struct.pack("<6I", *map(zlib.crc32, streams)) + b"".join(streams)
    start = b"\x89SCT\r\n\x1a\n" + struct.pack("<HHIIQ", 2, 0, len(block), length, 60 + len(body))
    back = decode(start + hashlib.sha256(start + body).digest() + body)
    assert back.graph == b"hello"
    np.testing.assert_array_equal(back.tensors["w"], np.array([[0, 1, 0, 0], [0, 0, 0, -2.5]], np.float32))


def test_scales_are_used_where_they_give_back_every_bit() -> None:
    levels = np.arange(-127, 128).repeat(4).reshape(4, 255)
    scales = np.array([0.1, 0.7, 0.01, 3], np.float32)
    grid = (levels * scales[:, None]).astype(np.float32) + np.float32(0)  # no -0.0
    tensors = {"grid": grid, "off": grid + np.float32(0.5), "wide": grid.astype(np.float64)}
    back = decode(encode(b"", tensors, {}, scales=dict.fromkeys([*tensors, "unknown"], scales)))
    assert back.entries[0].encoding == "all, grid"
    assert [entry.encoding.split()[-1] == "grid" for entry in back.entries] == [True, False, False]
    assert all(back.tensors[name].tobytes() == tensors[name].tobytes() for name in tensors)
    for misfit in (scales[:3], scales.astype(np.float64), scales.reshape(2, 2)):
        assert decode(encode(b"", tensors, {}, scales={"grid": misfit})).entries[0].encoding != "all, grid"


def test_long_raw_streams_are_aligned_and_the_padding_is_zero() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 5000), np.uint8)
    tensors: dict[str, Array] = {"a": noise[0], "short": noise[0, :4095], "b": noise[1], "c": noise[2]}
    data = encode(b"graph", tensors, {})
    assert [data.index(array.tobytes()) % 64 for array in (noise[0], noise[1], noise[2])] == [0, 0, 0]
    assert decode(data).tensors["b"].tobytes() == noise[1].tobytes()
    at = data.index(noise[2].tobytes())
    assert data[at - 8 : at] == bytes(8)  # 64 does not divide 5000
    with pytest.raises(ArtifactError, match="tensor 'c': the padding before a stream is not 0"):
        decode(resealed(data[: at - 1] + b"\1" + data[at:]))


def test_inspect_says_what_there_is_and_the_parts_add_up(tmp_path: Path) -> None:
    path = tmp_path / "a.sct"
    path.write_bytes(small())
    found = inspect(path)
    assert found.version == 2
    assert found.file_bytes == path.stat().st_size
    assert found.file_bytes == found.header_bytes + found.graph_bytes + found.tensor_bytes
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.count, found.nonzero) == (5 * 96 + 96 + 6 + 1, 3 * 18 + 8 + 86 + 6 + 1)
    assert found.dense_bytes == 3 * 384 + 1536 + 192 + 12 + 8
    assert found.sparsity == pytest.approx(1 - found.nonzero / found.count)
    assert [entry.sparsity for entry in found.entries][-3:] == [0, 0, 0]
    assert found.entries[3].encoding == "all, 2 codebooks of 5"
    assert found.metadata == {"recipe": {"sparsity": 0.9}, "by": "tést"}


def test_stream_figures_count_symbols_and_their_entropy(tmp_path: Path) -> None:
    (tmp_path / "a.sct").write_bytes(small())
    figures = stream_figures(tmp_path / "a.sct")
    assert len(figures) == len(streams_of(small())) - 1  # not the graph's
    numbers = figures[4]
    assert (numbers.tensor, numbers.stream, numbers.codec) == ("conv.weight", "codebook 2", "rans")
    counts = np.unique(decode(small()).tensors["conv.weight"], return_counts=True)[1][1:]
    assert (numbers.symbols, numbers.stored) == (18, len(streams_of(small())[5]))
    assert numbers.entropy == pytest.approx(-np.sum(counts * np.log2(counts / 18)) / 8)
    assert numbers.crc32 == zlib.crc32(streams_of(small())[5])


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
    st.sampled_from([None, True, -1, 0, 1, 7, 2**31, 2**40, 2**63, 10**4200, 1e300, 0.5, "", "conv.weight"]),
    st.sampled_from([*DECODERS, *POSITIONS, *VALUES, "float64", "int8", "\ud800", [], {}]),
    st.sampled_from([["blocks", 2, 2, 3], ["blocks", 2**40, 1, 1], ["words", "float16"], ["codebook", 4]]),
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
        node[key] = copy.deepcopy(draw(JUNK))


def test_an_attacker_who_rewrites_the_streams_gets_an_error_or_a_file() -> None:
    rng = random.Random(0)
    good = streams_of(small())
    with memory_below(16_000_000):
        for _ in range(300):
            streams = [bytearray(stream) for stream in good]
            chosen = rng.choice([stream for stream in streams if stream])
            for _ in range(rng.randint(1, 3)):
                chosen[rng.randrange(len(chosen))] = rng.choice([0, 1, 255, rng.randrange(256)])
            refused_or_read(with_header(small(), header_of(small()), list(map(bytes, streams))))


def test_an_attacker_who_swaps_streams_gets_an_error_or_a_file() -> None:
    rng = random.Random(0)
    for _ in range(300):
        streams, header = streams_of(small()), header_of(small())
        pairs = [header["graph"], *(pair for row in header["tensors"] for pair in row[6])]
        i, j = rng.randrange(1, len(streams)), rng.randrange(1, len(streams))
        streams[i] = streams[j]
        pairs[i][:] = pairs[j]
        refused_or_read(with_header(small(), header, streams))


def changed(path: list[str | int], value: Any) -> Callable[[Json], None]:
    def change(header: Json) -> None:
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
        (["tensors", 0, 2], [-8, 12], "a negative number in"),
        (["tensors", 0, 2], [True, 12], r"in place of \[int, int\]"),
        (["tensors", 0, 2], [8.0, 12], r"in place of \[int, int\]"),
        (["tensors", 0, 2], [2**62, 2**62], "is too large"),
        (["tensors", 0, 2], [0, 2**62], "is too large"),
        (["tensors", 0, 2], [1] * 33, "is too large"),
        (["tensors", 0, 2], [2**20, 2**20], "more than 1000 times as much"),
        (["tensors", 0, 2], [2, 5], "18 values do not fit the shape"),
        (["tensors", 0, 2], [8, 11], "its gaps lead behind the last of 88 elements"),
        (
            ["tensors", 0, 3],
            "dense",
            "its kind of positions 'dense' is unknown: this secateur reads all",
        ),
        (["tensors", 0, 3], "all", "it has 5 streams, not 2"),
        (["tensors", 0, 3], "blocks", r"in place of \[int, int, int\]"),
        (["tensors", 0, 3], ["gaps", 1], r"has \[1\] in place of \[\]"),
        (["tensors", 0, 3], [], r"its kind of positions '\[\]' is unknown"),
        (["tensors", 0, 3], 7, r"in place of \[str, str, list"),
        (["tensors", 2, 3], ["blocks", 4, 5, 2], "2 blocks of 4x5 do not fit 8x24"),
        (["tensors", 2, 3], ["blocks", 4, 1, 49], "49 blocks of 4x1 do not fit 8x24"),
        (["tensors", 2, 3], ["blocks", 4, 1, -2], "a negative number in"),
        (["tensors", 0, 4], "bitmask", "its kind of values 'bitmask' is unknown: this secateur reads words"),
        (["tensors", 0, 4], ["codebook", "2"], r"in place of \[int\]"),
        (["tensors", 3, 4], ["codebook", 3], "8 rows cannot be parted in 3"),
        (["tensors", 1, 4], ["words", "int8"], "float32 cannot be stored as 'int8'"),
        (["tensors", 0, 5], 17, "tensor 'conv.weight': its data does not end after 17 bytes"),
        (["tensors", 5, 5], 5, "tensor 'bias': it does not have 5 values that are not zero"),
        (["tensors", 0, 6, 0, 0], "zstd", "its codec 'zstd' is unknown: this secateur reads raw"),
        (["tensors", 0, 6, 3, 0], "rans", "a stream in rans that must be raw"),
        (["tensors", 7, 6, 0, 0], "rans", "0 stored bytes in rans cannot stand for none"),
        (["tensors", 1, 6, 0, 0], "raw", "12 bytes|cannot stand for|does not end after 12"),
        (["tensors", 0, 6, 0, 1], 10**9, "do not add up"),
        (["tensors", 0, 6, 0], ["rans"], r"in place of \[str, int\]"),
        (["graph", 0], "rans", "graph: its codec 'rans' is unknown: this secateur reads raw, deflate, lzma"),
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
    with pytest.raises(ArtifactError, match="header: (it is not|.* cannot stand for none)"):
        decode(with_header(small(), text))


def test_a_header_that_unfolds_without_end_is_refused_early() -> None:
    bomb = with_header(small(), b" " * 50_000_000)
    with memory_below(16_000_000), pytest.raises(ArtifactError, match=r"header: .* at most 4,194,304"):
        decode(bomb)


def test_a_small_file_cannot_ask_for_large_tensors() -> None:
    """Each tensor alone, all zeros, is within 64 MiB; ten of them are not."""
    one = encode(b"", {"w": np.zeros(10_000_000, np.float32)}, {})
    header, (graph, *streams) = header_of(one), streams_of(one)
    (row,) = header["tensors"]
    header["tensors"] = [[f"w{n}", *row[1:]] for n in range(10)]
    bomb = with_header(one, header, [graph, *streams * 10])
    assert len(bomb) < 1000
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
    newer = resealed(small()[:8] + (3).to_bytes(2, "little") + small()[10:])
    with pytest.raises(ArtifactError, match=r"version 3 .*newer secateur than this one.* pip install"):
        decode(newer)


def test_checksums_that_do_not_fit_are_missed() -> None:
    cut = small()[: disassemble(small()).start - 1]
    with pytest.raises(ArtifactError, match="header: behind it is no room for 24 checksums"):
        decode(with_header(cut, header_of(small())))


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
