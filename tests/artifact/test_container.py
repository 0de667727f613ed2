import hashlib
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sct_files import resealed, small, streams_of

from secateur.artifact import inspect, read, stream_figures, write
from secateur.artifact.container import decode, encode
from secateur.artifact.dtypes import Array
from secateur.errors import ArtifactError

GOLDEN = Path(__file__).parents[1] / "golden" / "version2.sct"
"""`small()`, as it was when the format was settled."""


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


def test_a_file_of_version_2_written_earlier_stays_readable() -> None:
    old, new = decode(GOLDEN.read_bytes()), decode(small())
    assert [(e.name, e.encoding) for e in old.entries] == [(e.name, e.encoding) for e in new.entries]
    for name, array in new.tensors.items():
        np.testing.assert_array_equal(old.tensors[name], array, strict=True)


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
