"""Files that somebody altered on purpose, under checksums that hold."""

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sct_files import Json, header_of, memory_below, resealed, small, streams_of, with_header
from sct_forms import fixed

from secateur.artifact.container import Container, decode, encode
from secateur.artifact.layout import disassemble
from secateur.artifact.positions import POSITIONS
from secateur.artifact.streams import DECODERS
from secateur.artifact.values import VALUES
from secateur.errors import ArtifactError


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
        (["tensors", 0, 2], [2, 5], "its gaps lead to 18 of 10 elements, over a quarter"),
        (["tensors", 0, 2], [8, 11], "its gaps lead behind the last of 88 elements"),
        (["tensors", 3, 2], [2, 5], "86 values do not fit the shape"),
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


def test_checksums_that_do_not_fit_are_missed() -> None:
    cut = small()[: disassemble(small()).start - 1]
    with pytest.raises(ArtifactError, match="header: behind it is no room for 24 checksums"):
        decode(with_header(cut, header_of(small())))
