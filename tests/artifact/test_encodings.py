import lzma
import tracemalloc
import zlib

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from secateur.artifact.dtypes import DTYPES, Array, from_words, to_words, without_subnormals
from secateur.artifact.encodings import ENCODINGS, Bitmask, Dense
from secateur.artifact.streams import DECODERS, LZMA, compress, decompress
from secateur.artifact.tensors import decode_tensor, encode_tensor
from secateur.errors import ArtifactError

fixed = settings(derandomize=True, deadline=None)


@st.composite
def tensors(draw: st.DrawFn) -> Array:
    """Any dtype, shape, bit patterns (NaN payloads, -0.0, subnormals) and mask, down to no element."""
    dtype = draw(st.sampled_from(list(DTYPES.values())))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=7))
    bits = draw(hnp.arrays(f"u{dtype.itemsize}", shape))
    mask = draw(hnp.arrays(bool, shape))
    return np.asarray(bits * mask).view(dtype)


@given(tensors())
@fixed
def test_the_smallest_encoding_keeps_every_bit(array: Array) -> None:
    entry, stored = encode_tensor("w", array)
    back = decode_tensor(entry, stored)
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert entry.stored_bytes == sum(map(len, stored)) <= entry.dense_bytes


@pytest.mark.parametrize("name", ENCODINGS)
@given(array=tensors())
@fixed
def test_every_encoding_keeps_every_bit_and_has_the_sizes_it_says(name: str, array: Array) -> None:
    words = to_words(array)
    streams = ENCODINGS[name].encode(words)
    sizes = ENCODINGS[name].sizes(words.size, int(np.count_nonzero(words)), words.itemsize)
    assert [len(stream) for stream in streams] == sizes
    back = ENCODINGS[name].decode(streams, words.size, words.itemsize)
    assert from_words(back, array.dtype, array.shape).tobytes() == array.tobytes()


@given(tensors(), st.integers(0, 3))
@fixed
def test_layout_and_byte_order_do_not_matter(array: Array, axis: int) -> None:
    strided = np.repeat(array[None], 2, axis=0)[::-1].swapaxes(0, axis % (array.ndim + 1))
    entry, stored = encode_tensor("w", strided)
    assert decode_tensor(entry, stored).tobytes() == np.ascontiguousarray(strided).tobytes()


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8", ">i4", ">u8"])
def test_big_endian_values_come_back_in_native_order(dtype: str) -> None:
    entry, stored = encode_tensor("w", np.array([[1, 0], [258, 3]], dtype))
    back = decode_tensor(entry, stored)
    assert back.dtype == np.dtype(dtype).newbyteorder("=")
    assert back.tolist() == [[1, 0], [258, 3]]


def test_rotation_puts_the_sign_last_and_keeps_zero() -> None:
    array = np.array([0.0, -0.0, 1.0, -1.0, -2.5], np.float32)
    assert [f"{word:08x}" for word in to_words(array)] == [
        "00000000",
        "00000001",
        "7f000000",
        "7f000001",
        "80400001",
    ]
    assert to_words(np.array([-2, 3], np.int16)).tolist() == [0xFFFE, 3]


def test_dense_is_byte_planes_from_the_most_significant() -> None:
    words = np.array([0x0102, 0, 0x0304], "<u2")
    assert Dense().encode(words) == [b"\x01\x00\x03", b"\x02\x00\x04"]


def test_bitmask_is_a_mask_from_the_lowest_bit_and_the_planes_of_what_stays() -> None:
    words = np.array([0, 0x0102, 0, 0, 0, 0, 0, 0, 0x0304], "<u2")
    assert Bitmask().encode(words) == [b"\x02\x01", b"\x01\x03", b"\x02\x04"]


@pytest.mark.parametrize("mask", [b"\x06\x00", b"\x00\x00", b"\x00\x02"])
def test_a_mask_that_contradicts_the_values_is_refused(mask: bytes) -> None:
    """Two bits for one value; none; one that lies behind the last of 9 elements."""
    with pytest.raises(ArtifactError, match="does not mark 1 of 9 elements"):
        Bitmask().decode([mask, b"\x01"], 9, 1)


def test_minus_zero_and_nan_are_values_that_stay() -> None:
    entry, stored = encode_tensor("w", np.array([-0.0, 0.0, np.nan] + [0.0] * 61))
    assert (entry.encoding, entry.nonzero) == ("bitmask", 2)
    assert np.signbit(decode_tensor(entry, stored)[0])


def test_sparse_gaussian_weights_take_less_than_a_ninth() -> None:
    weights = np.random.default_rng(0).standard_normal(50_000).astype(np.float32)
    weights[np.abs(weights) < np.quantile(np.abs(weights), 0.9)] = 0
    entry, _ = encode_tensor("w", weights)
    mask_bound = 50_000 * 0.469 / 8  # the entropy of the mask, in bytes
    assert entry.encoding == "bitmask"
    assert mask_bound < entry.streams[0].stored < 1.05 * mask_bound
    assert entry.stored_bytes < entry.dense_bytes / 9


def test_dense_weights_and_whole_numbers_stay_dense() -> None:
    rng = np.random.default_rng(0)
    assert encode_tensor("w", rng.standard_normal(1000).astype(np.float32))[0].encoding == "dense"
    assert encode_tensor("n", np.array([1, -1]))[0].encoding == "dense"


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(ArtifactError, match="its dtype complex64 is none of bool, int8"):
        encode_tensor("w", np.zeros(3, np.complex64))


def test_subnormals_become_plus_zero_and_nothing_else_changes() -> None:
    tiny = np.finfo(np.float32).smallest_normal
    before = np.array([tiny, -tiny, tiny / 2, -tiny / 2, 1e-45, -0.0, 0.0, np.nan, -np.inf], np.float32)
    after, count = without_subnormals(before)
    expected = np.array([tiny, -tiny, 0.0, 0.0, 0.0, -0.0, 0.0, np.nan, -np.inf], np.float32)
    assert count == 3
    assert after.tobytes() == expected.tobytes()
    assert before[2] != 0  # the caller's array is not touched


@pytest.mark.parametrize(
    ("dtype", "tiny"), [(np.float16, 2**-14), (np.float64, 2**-1022), (ml_dtypes.bfloat16, 2**-126)]
)
def test_subnormals_of_other_floats_are_found(dtype: type, tiny: float) -> None:
    after, count = without_subnormals(np.array([[tiny, tiny / 2]], dtype))
    assert (count, after.tolist()) == (1, [[tiny, 0.0]])


def test_integers_and_8_bit_floats_have_no_subnormals_to_remove() -> None:
    for dtype in (np.dtype(np.int32), np.dtype(ml_dtypes.float8_e4m3fn)):
        array = np.ones(3, np.uint8).repeat(dtype.itemsize).view(dtype)
        assert without_subnormals(array)[0].tobytes() == array.tobytes()


@given(st.binary(max_size=300), st.integers(1, 200))
@fixed
def test_streams_come_back(data: bytes, times: int) -> None:
    codec, stored = compress(data * times)
    assert decompress(codec, stored, len(data) * times) == data * times


def test_each_codec_has_its_place() -> None:
    rng = np.random.default_rng(0)
    noise = rng.bytes(1000)
    skewed = rng.choice(np.array([1, 2, 3, 4], np.uint8), 1000).tobytes()
    rare = (rng.random(20_000) < 0.02).tobytes()
    assert [compress(data)[0] for data in (noise, skewed, rare)] == ["raw", "deflate", "lzma"]


@pytest.mark.parametrize("codec", DECODERS)
def test_a_stream_of_another_length_is_refused(codec: str) -> None:
    stored = {"raw": bytes(9), "deflate": _deflated(bytes(9)), "lzma": _lzma(bytes(9))}[codec]
    assert decompress(codec, stored, 9) == bytes(9)
    for size in (0, 8, 10):
        with pytest.raises(ArtifactError):
            decompress(codec, stored, size)
    for damaged in (stored[:-1], stored + b"\x00"):
        with pytest.raises(ArtifactError):
            decompress(codec, damaged, 9)


@pytest.mark.parametrize("codec", ["deflate", "lzma"])
def test_a_bomb_is_not_unfolded(codec: str) -> None:
    bomb = {"deflate": _deflated, "lzma": _lzma}[codec](bytes(100_000_000))
    tracemalloc.start()
    with pytest.raises(ArtifactError, match="does not end after 1,000 bytes"):
        decompress(codec, bomb, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def _deflated(data: bytes) -> bytes:
    encoder = zlib.compressobj(wbits=-15)
    return encoder.compress(data) + encoder.flush()


def _lzma(data: bytes) -> bytes:
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=LZMA)
