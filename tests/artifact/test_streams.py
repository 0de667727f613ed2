import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sct_forms import CODERS, deflated, fixed

from secateur.artifact.streams import DECODERS, compress, compress_text, decompress
from secateur.errors import ArtifactError

rng = np.random.default_rng(0)
NOISE = rng.bytes(1000)


def test_every_codec_is_tried_here() -> None:
    assert CODERS.keys() == DECODERS.keys()


@given(st.binary(max_size=300), st.integers(1, 200))
@fixed
def test_streams_come_back(data: bytes, times: int) -> None:
    for function in (compress, compress_text):
        codec, stored = function(data * times)
        assert decompress(codec, stored, len(data) * times) == data * times
        assert len(stored) <= len(data * times)


@pytest.mark.parametrize(
    ("data", "codec"),
    [
        (b"", "raw"),
        (NOISE, "raw"),
        (bytes(10), "adaptive"),
        (bytes(1_000_000), "rans"),
        (rng.choice(np.array([1, 2, 3, 4], np.uint8), 1000).tobytes(), "adaptive"),
        (rng.choice(np.array([1, 2, 3, 4], np.uint8), 20_000).tobytes(), "rans"),
        (NOISE * 3, "lzma"),
        ((np.arange(100_000) % 251 // 50).astype(np.uint8).tobytes(), "deflate"),
    ],
)
def test_each_codec_has_its_place(data: bytes, codec: str) -> None:
    assert compress(data)[0] == codec


def test_repeats_are_found_in_a_long_stream_too() -> None:
    assert compress(NOISE * 1000)[0] in ("deflate", "lzma")


def test_what_a_reader_would_not_believe_is_not_written() -> None:
    """One symbol in 100,000 is another: under 1/256 of a byte each, for rans."""
    data = bytearray(1_000_000)
    data[::100_000] = b"\1" * 10
    codec, stored = compress(bytes(data))
    assert decompress(codec, stored, len(data)) == data
    assert codec in ("deflate", "lzma")


@pytest.mark.parametrize("codec", DECODERS)
def test_a_stream_of_another_length_is_refused(codec: str) -> None:
    data = bytes(range(9))
    stored = CODERS[codec](data)
    assert decompress(codec, stored, 9) == data
    for size in (0, 8, 10):
        with pytest.raises(ArtifactError):
            decompress(codec, stored, size)
    for damaged in (stored[:-1], stored + b"\x00", b""):
        with pytest.raises(ArtifactError):
            decompress(codec, damaged, 9)


@pytest.mark.parametrize("codec", ["deflate", "lzma"])
def test_a_bomb_is_not_unfolded(codec: str) -> None:
    bomb = {"deflate": deflated, "lzma": CODERS["lzma"]}[codec](bytes(100_000_000))
    tracemalloc.start()
    with pytest.raises(ArtifactError, match="does not end after 1,000 bytes"):
        decompress(codec, bomb, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
