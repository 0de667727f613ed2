import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sct_forms import fixed, tensors

from secateur.artifact.dtypes import DTYPES, Array, to_words, without_subnormals
from secateur.artifact.tensors import decode_tensor, encode_tensor
from secateur.errors import ArtifactError


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


def test_numbers_of_4_bits_are_a_byte_each() -> None:
    array = np.array([-1, 7, 0], ml_dtypes.int4)
    assert to_words(array).tolist() == [0x0F, 0x07, 0]
    entry, stored = encode_tensor("w", array)
    assert entry.dtype == "int4"
    assert decode_tensor(entry, stored).tolist() == [-1, 7, 0]


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
    for dtype in (np.dtype(np.int32), DTYPES["float8_e4m3fn"]):
        array = np.ones(3, np.uint8).repeat(dtype.itemsize).view(dtype)
        assert without_subnormals(array)[0].tobytes() == array.tobytes()
