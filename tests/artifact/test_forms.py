import numpy as np
import pytest
from hypothesis import given, settings
from sct_forms import CODERS, fixed, forms, pruned, tensors

from secateur.artifact.checks import about
from secateur.artifact.dtypes import Array, to_words
from secateur.artifact.entries import Stream, TensorEntry, matrix_shape
from secateur.artifact.positions import POSITIONS, Positions
from secateur.artifact.positions.blocks import Blocks
from secateur.artifact.positions.gaps import Gaps
from secateur.artifact.positions.mask import Mask
from secateur.artifact.tensors import decode_tensor
from secateur.artifact.values import VALUES, Stored
from secateur.artifact.values.codebook import Codebook
from secateur.artifact.values.grid import Grid
from secateur.artifact.values.plain import Planes, Whole
from secateur.errors import ArtifactError


@pytest.mark.parametrize("codec", CODERS)
@given(array=tensors())
@fixed
def test_every_form_keeps_every_bit_of_anything(codec: str, array: Array) -> None:
    for entry, stored in forms(array, codec):
        back = decode_tensor(entry, stored)
        assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())


@pytest.mark.parametrize("codec", CODERS)
@given(case=pruned())
@settings(fixed, max_examples=25)
def test_every_form_keeps_every_bit_of_compressed_weights(codec: str, case: tuple[Array, Array]) -> None:
    array, scales = case
    for entry, stored in forms(array, codec, scales):
        assert decode_tensor(entry, stored).tobytes() == array.tobytes(), entry


def test_these_properties_try_every_form() -> None:
    array = np.kron(np.eye(8, 16, dtype=np.float32), np.array([[0.5], [1], [0], [0]], np.float32))
    array[array != 0] *= np.sign(np.arange(16) - 7.5)  # other values in the lower half
    tried = [(e.positions, e.values) for e, _ in forms(array, "raw", np.full(32, 0.5, np.float32))]
    assert {type(p) for p, _ in tried} == set(POSITIONS.values())
    assert {type(v) for _, v in tried} == set(VALUES.values())
    assert {str(p) for p, _ in tried} >= {"blocks 1x4", "blocks 4x1", "blocks 1x16", "blocks 1x8"}
    assert {v for _, v in tried} >= {Whole("bfloat16"), Planes("float16"), Codebook(1), Codebook(2)}


def words_of(values: list[float]) -> Array:
    return to_words(np.array(values, np.float32))


def find(kind: type[Positions], words: Array) -> list[bytes]:
    (selection,) = kind.find(words.reshape(1, -1))
    return list(selection.streams)


def stored(words: Array, dtype: type, shape: tuple[int, int], scales: Array | None = None) -> Stored:
    (selection,) = POSITIONS["all"].find(words.reshape(shape))
    return Stored(words, np.dtype(dtype), selection, scales)


def test_a_mask_begins_at_the_lowest_bit() -> None:
    words = np.array([0, 0x0102, 0, 0, 0, 0, 0, 0, 0x0304], "<u2")
    assert find(Mask, words) == [b"\x02\x01"]


def test_gaps_are_high_parts_low_bits_and_what_is_beyond() -> None:
    """64 words, 2 of them stored: the mean gap of 32 leaves 3 low bits to each gap."""
    words = np.zeros(64, "<u1")
    words[[13, 63]] = 1  # 13 = 1 * 8 + 5 zeros, then 49 = 6 * 8 + 1
    assert find(Gaps, words) == [bytes([1, 6]), bytes([0b001_101]), b""]
    words = np.zeros(40_000, "<u1")
    words[[*range(9_999), -1]] = 1  # a mean gap of 4 leaves none; 30,000 zeros are 255 and 29,745 more
    assert find(Gaps, words) == [bytes(9_999) + b"\xff", b"", (29_745).to_bytes(4, "little")]


def test_blocks_are_stored_one_after_the_other() -> None:
    matrix = np.zeros((4, 8), "<u1")
    matrix[1, 4:] = [1, 2, 0, 3]
    selections = {str(found.positions): found for found in Blocks.find(matrix)}
    assert set(selections) == {"blocks 1x4", "blocks 4x1", "blocks 1x8"}
    assert selections["blocks 1x4"].streams == [b"\x08"]  # block 3, the second of row 1
    assert selections["blocks 4x1"].streams == [b"\xb0"]
    assert selections["blocks 4x1"].take(matrix).tolist() == [0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0]


def test_planes_begin_with_the_most_significant() -> None:
    words = np.array([0x0102, 0, 0x0304], "<u2")
    assert Planes().encode(stored(words, np.uint16, (1, 3))) == [b"\x01\x00\x03", b"\x02\x00\x04"]
    assert Whole().encode(stored(words, np.uint16, (1, 3))) == [b"\x02\x01\x00\x00\x04\x03"]


def test_narrow_words_are_used_where_nothing_is_lost() -> None:
    words = words_of([1.0, -2.5, 0.0, float("inf")])
    case = stored(words, np.float32, (1, 4))
    assert Whole("bfloat16").encode(case) == [bytes.fromhex("007f 4180 0000 00ff")]
    assert Whole("float16").encode(case) == [bytes.fromhex("0078 0182 0000 00f8")]
    too_fine = stored(words_of([1 + 2.0**-23]), np.float32, (1, 1))
    assert Whole("bfloat16").encode(too_fine) is None
    assert Planes("float16").encode(too_fine) is None
    too_large = stored(words_of([1e30]), np.float32, (1, 1))
    assert Whole("float16").encode(too_large) is None


def test_a_half_nan_widens_on_bits() -> None:
    """A signalling one: sign, all exponent bits, mantissa 1."""
    entry = TensorEntry("w", "float32", (1,), POSITIONS["all"](), Whole("float16"), 1, (Stream("raw", 2),))
    rotated = 0xFC01 << 1 & 0xFFFF | 1
    back = decode_tensor(entry, [rotated.to_bytes(2, "little")])
    assert back.view(np.uint32)[0] == 0xFF80_2000


def test_a_codebook_is_in_order_and_each_part_has_its_own() -> None:
    words = np.array([7, 9, 7, 5, 3, 3, 3, 3], "<u1")
    assert Codebook().encode(stored(words, np.uint8, (2, 4))) == [
        bytes([3, 5, 7, 9]),
        bytes([2, 3, 2, 1, 0, 0, 0, 0]),
    ]
    assert Codebook(2).encode(stored(words, np.uint8, (2, 4))) == [
        bytes([5, 7, 9, 3, 3, 3]),
        bytes([1, 2, 1, 0, 0, 0, 0, 0]),
    ]
    assert Codebook(2).encode(stored(words, np.uint8, (4, 2))) is not None
    assert Codebook(4).encode(stored(words[::-1], np.uint8, (4, 2))) is not None
    assert Codebook(2).encode(stored(np.array([1, 2] * 4, "<u1"), np.uint8, (4, 2))) is None  # no gain


def test_256_values_are_a_codebook_and_257_are_not() -> None:
    words = np.repeat(np.arange(257, dtype="<u2"), 100)
    assert Codebook().encode(stored(words[:-100], np.uint16, (1, 25_600))) is not None
    assert Codebook().encode(stored(words, np.uint16, (1, 25_700))) is None


def test_a_rare_value_is_found_for_the_codebook() -> None:
    words = np.zeros(1_000_000, "<u4")
    words[123_457] = 77
    streams = Codebook().encode(stored(words, np.float32, (1000, 1000)))
    assert streams is not None
    assert streams[0] == bytes(4) + bytes([77, 0, 0, 0])
    assert streams[1].index(1) == 123_457


def test_a_grid_is_scales_and_zigzag_levels() -> None:
    values = np.array([[0.5, -0.5, 0], [127 * 0.25, -127 * 0.25, 1]], np.float32)
    scales = np.array([0.5, 0.25], np.float32)
    words = to_words(values)
    assert Grid().encode(stored(words, np.float32, (2, 3), scales)) == [
        words_of([0.5, 0.25]).tobytes(),
        bytes([2, 1, 0, 254, 253, 8]),
    ]


@pytest.mark.parametrize(
    ("values", "scale"),
    [([1.0, 0.3], 0.5), ([-0.0, 1], 1), ([128.0], 1), ([1.0], np.inf), ([-1.0], -1), ([np.nan], 1)],
)
def test_a_grid_that_would_change_a_bit_is_not_used(values: list[float], scale: float) -> None:
    words = words_of(values)
    assert Grid().encode(stored(words, np.float32, (1, len(values)), np.array([scale], np.float32))) is None


@pytest.mark.parametrize(
    ("positions", "streams", "message"),
    [
        (Mask(), [b"\x06\x00"], "does not mark 1 of 9"),
        (Mask(), [b"\x00\x00"], "does not mark 1 of 9"),
        (Mask(), [b"\x00\x02"], "does not mark 1 of 9"),  # behind the last of 9 elements
        (Gaps(), [b"\x09", b"\x00", b""], "lead behind the last of 9 elements"),
        (Gaps(), [b"\xff", b"\x00", b""], "contradict each other"),
        (Gaps(), [b"\x01", b"\x00", bytes(4)], "contradict each other"),
        (Gaps(), [b"\x01", b"\x00", b"\0"], "contradict each other"),
        (Gaps(), [b"\xff", b"\x00", b"\xff\xff\xff\xff"], "lead behind the last of 9 elements"),
        (Gaps(), [b"\xff", b"\x00", bytes(3)], "contradict each other"),
        (Gaps(), [b"\x01", b"\x00\x00", b""], "the low bits of its gaps do not end"),
        (Gaps(), [b"\x01", b"\x02", b""], "the low bits of its gaps do not end"),
        (Blocks(1, 3, 1), [b"\x06"], "does not mark 1 of 3"),
        (Blocks(1, 3, 1), [b"\x08"], "does not mark 1 of 3"),
    ],
)
def test_positions_that_contradict_themselves_are_refused(
    positions: Positions, streams: list[bytes], message: str
) -> None:
    """One word of nine is stored; gaps then have one low bit."""
    with pytest.raises(ArtifactError, match=message):
        positions.decode(streams, (1, 9), 1)


def test_gaps_too_long_for_64_bits_are_refused() -> None:
    shape = (1, 1 << 48)
    rest = (0xFFFF_FFFF).to_bytes(4, "little") * 2
    with pytest.raises(ArtifactError, match="lead behind the last"):
        Gaps().decode([b"\xff\xff", bytes(12), rest], shape, 2)


@pytest.mark.parametrize(
    ("values", "streams", "message"),
    [
        (Codebook(), [b"\x01\x02\x03", b"\x00"], "has 3 bytes"),
        (Codebook(), [b"", b"\x00"], "has 0 bytes"),
        (Codebook(), [bytes(4 * 257), b"\x00"], "has 1,028 bytes"),
        (Codebook(), [words_of([1, 2]).tobytes(), b"\x02"], "of 2 has no value 2"),
        (Codebook(), [words_of([2, 1]).tobytes(), b"\x00"], "do not ascend"),
        (Codebook(), [words_of([1, 1, 2]).tobytes(), b"\x00"], "do not ascend"),
        (Codebook(2), [words_of([1, 2, 3]).tobytes(), b"\x00"], "for 2 parts"),
        (Grid(), [words_of([np.nan]).tobytes(), b"\x01"], "negative or not finite"),
        (Grid(), [words_of([-0.0]).tobytes(), b"\x01"], "negative or not finite"),
        (Grid(), [words_of([1]).tobytes(), b"\xff"], "a level above 127"),
    ],
)
def test_values_that_cannot_be_are_refused(
    values: Codebook | Grid, streams: list[bytes], message: str
) -> None:
    (selection,) = POSITIONS["all"].find(np.ones((2, 1), "<u4"))
    with pytest.raises(ArtifactError, match=message):
        values.decode(streams, np.dtype(np.float32), selection)


def entry(positions: Positions, values: Codebook | Grid | Whole, *, dtype: str = "float32") -> TensorEntry:
    with about("w"):
        return TensorEntry("w", dtype, (6, 6), positions, values, 1, ())


@pytest.mark.parametrize(
    ("positions", "values", "dtype", "message"),
    [
        (Blocks(4, 1, 1), Whole(), "float32", "blocks of 4x1 do not fit 6x6"),
        (Blocks(0, 1, 1), Whole(), "float32", "blocks of 0x1 do not fit 6x6"),
        (Blocks(1, 6, 7), Whole(), "float32", "7 blocks of 1x6 do not fit 6x6"),
        (Blocks(1, 6, 0), Whole(), "float32", "1 values do not fit the shape"),
        (Mask(), Codebook(4), "float32", "6 rows cannot be parted in 4"),
        (Mask(), Codebook(0), "float32", "6 rows cannot be parted in 0"),
        (Mask(), Grid(), "int32", "int32 6x6 cannot lie on a grid"),
        (Mask(), Whole("bfloat16"), "float64", "float64 cannot be stored as 'bfloat16'"),
        (Mask(), Whole("int8"), "float32", "float32 cannot be stored as 'int8'"),
    ],
)
def test_a_form_that_does_not_suit_the_tensor_is_refused(
    positions: Positions, values: Codebook | Grid | Whole, dtype: str, message: str
) -> None:
    with pytest.raises(ArtifactError, match=message):
        entry(positions, values, dtype=dtype)


def test_a_word_0_among_those_that_are_not_is_refused() -> None:
    whole = TensorEntry("w", "int8", (9,), Mask(), Whole(), 1, (Stream("raw", 2), Stream("raw", 1)))
    with pytest.raises(ArtifactError, match="tensor 'w': it does not have 1 values that are not zero"):
        decode_tensor(whole, [b"\x01\x00", b"\x00"])


def test_rows_are_those_of_the_first_axis() -> None:
    assert [matrix_shape(shape) for shape in [(), (5,), (4, 3, 2), (0, 3), (3, 0)]] == [
        (1, 1),
        (1, 5),
        (4, 6),
        (0, 0),
        (3, 0),
    ]
