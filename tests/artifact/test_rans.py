import random
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sct_forms import fixed

from secateur.artifact import adaptive, rans
from secateur.artifact.frequencies import SHARES, SLOTS, bits, entropy, histogram, pack, share, unpack
from secateur.artifact.scalar import LOW, pop
from secateur.errors import ArtifactError

CODERS = [rans, adaptive]
STREAMS = {
    "numbers of a codebook": np.random.default_rng(1).dirichlet(np.ones(16)),
    "gaps": 0.12 * 0.88 ** np.arange(60),
    "exponents": 0.7 * 0.3 ** np.arange(12),
    "levels": np.exp(-(np.arange(-90, 91) ** 2) / 800),
    "almost noise": np.random.default_rng(2).uniform(1, 2, 256),
    "as many as lie between two shares": np.ones(215),
    "skewed": np.random.default_rng(3).dirichlet(np.full(256, 0.3)),
}


def drawn(weights: NDArray[np.float64], size: int) -> bytes:
    symbols = np.random.default_rng(0).choice(weights.size, size, p=weights / weights.sum())
    return symbols.astype(np.uint8).tobytes()


@pytest.mark.parametrize("coder", CODERS)
@given(data=st.binary(min_size=1, max_size=300))
@fixed
def test_anything_comes_back(coder: ModuleType, data: bytes) -> None:
    assert coder.decode(coder.encode(data), len(data)) == data


def test_a_static_stream_written_out() -> None:
    """Symbol 1 gets a quarter of the slots: 1024, a number of 11 bits; symbol 0, the top one, the rest.

    From 65536, back to front: symbol 1 makes it 64 * 4096 + 3072; each symbol 0 divides by 3072.
    """
    stored = bytes.fromhex("00 01 00 0b 00940900")
    assert rans.encode(bytes([0, 0, 0, 1])) == stored
    assert rans.decode(stored, 4) == bytes([0, 0, 0, 1])


def test_an_adaptive_stream_written_out() -> None:
    """The first bit has even odds; after a 1 the odds are 3 to 1, so a 0 has 1024 slots of 4096."""
    stored = bytes.fromhex("01 00080800")
    assert adaptive.encode(bytes([1, 0])) == stored
    assert adaptive.decode(stored, 2) == bytes([1, 0])


@pytest.mark.parametrize("name", STREAMS)
def test_streams_over_10_kilobytes_are_within_2_percent_of_their_entropy(name: str) -> None:
    for size in (10_000, 30_000, 100_000, 1_000_000):
        data = drawn(STREAMS[name], size)
        stored, ideal = rans.encode(data), entropy(histogram(data))
        assert rans.decode(stored, size) == data
        if ideal > 10_000:
            assert ideal < len(stored) < 1.02 * ideal


@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize("name", STREAMS)
def test_the_estimate_of_a_stream_is_near_its_bytes(coder: ModuleType, name: str) -> None:
    for size in (1, 10, 100, 1000, 10_000):
        data = drawn(STREAMS[name], size)
        assert coder.cost(histogram(data)) == pytest.approx(len(coder.encode(data)), rel=0.01, abs=3)


def test_short_streams_are_shorter_without_a_table() -> None:
    data = drawn(STREAMS["numbers of a codebook"], 300)
    assert len(adaptive.encode(data)) < len(rans.encode(data)) - 5
    assert len(adaptive.encode(data)) < 1.1 * entropy(histogram(data))


@given(st.lists(st.one_of(st.integers(0, 3), st.integers(0, 10**9)), min_size=1, max_size=256))
@fixed
def test_shares_add_up_and_come_back(counts: list[int]) -> None:
    counts = counts if any(counts) else [1]
    padded = np.array(counts + [0] * (256 - len(counts)))
    shares = share(padded)
    assert sum(shares.slots) == SLOTS
    assert all((slots > 0) == (count > 0) for slots, count in zip(shares.slots, padded, strict=False))
    others = [slots for symbol, slots in enumerate(shares.slots) if symbol != shares.top and slots]
    assert set(others) <= set(SHARES)
    assert unpack(pack(shares) + b"what follows") == (shares, len(pack(shares)))


def test_many_rare_symbols_leave_a_slot_to_the_top_one() -> None:
    counts = np.array([1] * 128 + [2**50] * 128)
    shares = share(counts)
    assert min(shares.slots) == 1
    assert sum(shares.slots) == SLOTS


def test_shares_cost_little_more_than_the_entropy() -> None:
    for weights in STREAMS.values():
        counts = histogram(drawn(weights, 100_000))
        assert bits(share(counts), counts) / 8 < 1.01 * entropy(counts)


@pytest.mark.parametrize("size", [1, 31, 32, 33, 1000, 1024 * 3 + 5])
@pytest.mark.parametrize("lanes", [1, 2, 32, 1024])
def test_all_lanes_at_once_are_as_one_after_the_other(size: int, lanes: int) -> None:
    data = drawn(STREAMS["gaps"], size)
    shares = share(histogram(data))
    slow, fast = rans._push(data, shares, lanes), rans._push_wide(data, shares, lanes)
    assert [part.tolist() for part in slow] == [part.tolist() for part in fast]
    states, words = slow
    symbols, last, used = pop(states.tolist(), words.tolist(), shares, size)
    wide, wide_last, wide_used = rans._pop_wide(states.copy(), words, shares, size)
    assert symbols == wide == data
    assert set(last) == set(wide_last.tolist()) == {LOW}
    assert used == wide_used == len(words)


def test_one_symbol_costs_nothing_however_often() -> None:
    stored = rans.encode(bytes([7]) * 10_000_000)
    assert len(stored) < 20
    assert rans.decode(stored, 10_000_000) == bytes([7]) * 10_000_000


@pytest.mark.parametrize("coder", CODERS)
def test_other_bytes_are_refused_or_are_another_stream(coder: ModuleType) -> None:
    data = drawn(STREAMS["numbers of a codebook"], 500)
    stored = coder.encode(data)
    for size in (499, 501, 0):
        with pytest.raises(ArtifactError):
            coder.decode(stored, size)
    for end in range(len(stored)):
        with pytest.raises(ArtifactError):
            coder.decode(stored[:end], 500)
    rng, refused = random.Random(0), 0
    for _ in range(300):
        damaged = bytearray(stored)
        damaged[rng.randrange(len(stored))] ^= 1 << rng.randrange(8)
        try:
            assert coder.decode(bytes(damaged), 500) != data
        except ArtifactError:
            refused += 1
    assert refused > 290  # the final state is nearly a checksum


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ("", "does not begin with a number of states"),
        ("0b 01 00 0b 00940900", "does not begin with a number of states"),
        ("00 01", "cut off"),
        ("00 01 02 0b 00940900", "top symbol is none"),
        ("00 01 00 8b 00940900", "does not add up to 4096"),  # a bit behind the table
        ("00 01 00 0d 00940900", "does not add up to 4096"),  # 4096 slots for symbol 1
        ("00 01 00 00 00000100", "does not add up to 4096"),  # none for the last symbol
        ("00 01 00 0b 009409", "cut off"),
        ("00 01 00 0b 00940900 00", "cut off"),
        ("00 01 00 0b 00940900 0000", "does not end after 4 bytes"),
        ("00 01 00 0b 00950900", "does not end after 4 bytes"),
        ("00 01 00 0b ffff0000", "a state below 65536"),
        ("01 01 00 0b 00940900", "cut off"),
    ],
)
def test_a_static_stream_that_cannot_be_is_refused(stored: str, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        rans.decode(bytes.fromhex(stored), 4)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ("", "cannot stand for 2"),
        ("01 000808", "cut off"),
        ("01 00080800 00", "cut off"),
        ("00 00080800", "a depth of 0"),
        ("09 00080800", "a depth of 9"),
        ("01 ffff0000", "a state of 65,535"),
        ("01 01080800", "does not end after 2 bytes"),
        ("01 00080800 0000", "does not end after 2 bytes"),
    ],
)
def test_an_adaptive_stream_that_cannot_be_is_refused(stored: str, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        adaptive.decode(bytes.fromhex(stored), 2)


def test_a_few_bytes_do_not_stand_for_hours_of_work() -> None:
    with pytest.raises(ArtifactError, match="8 stored bytes cannot stand for 1,000,000,000"):
        rans.decode(bytes.fromhex("00 01 00 0b 00940900"), 10**9)
    with pytest.raises(ArtifactError, match="5 stored bytes of an adaptive stream cannot stand for 161"):
        adaptive.decode(bytes.fromhex("01 00080800"), 161)
    long = bytes([1]) + bytes(9_999)
    with pytest.raises(ArtifactError, match="cannot stand for 16,385"):
        adaptive.decode(long, adaptive.MAX_SYMBOLS + 1)
