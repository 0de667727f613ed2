import numpy as np
import pytest
from coupled_graphs import Array, coupled, facts_of, groups, reasons


def whole(*numbers: int) -> Array:
    return np.array(numbers, np.int64)


def test_flat_attention_loses_heads_with_the_keys_they_share() -> None:
    """4 heads of 2 share 2 heads of keys: with keys 0 go positions 0 to 3 of the queries."""
    found = groups(
        "q = MatMul(x, a)\n k = MatMul(x, b)\n v = MatMul(x, c)\n"
        "o = Attention <q_num_heads = 4, kv_num_heads = 2> (q, k, v)\n y = MatMul(o, d)",
        x=(1, 3, 2),
        a=(2, 8),
        b=(2, 4),
        c=(2, 4),
        d=(8, 2),
    )
    fours, pairs = [[0, 1, 2, 3], [4, 5, 6, 7]], [[0, 1], [2, 3]]
    assert found == {"a": {("a", 1): fours, ("b", 1): pairs, ("c", 1): pairs, ("d", 0): fours}}


def test_attention_with_an_axis_of_heads() -> None:
    found = groups(
        "q = MatMul(x, a)\n s = Reshape(q, split)\n t = Transpose <perm = [0, 2, 1, 3]> (s)\n"
        "o = Attention(t, t, t, bias)\n u = Transpose <perm = [0, 2, 1, 3]> (o)\n f = Reshape(u, flat)\n"
        "y = MatMul(f, d)",
        ["a", "bias", "d"],
        x=(1, 3, 2),
        a=(2, 4),
        split=whole(1, 3, 2, 2),
        bias=(1, 2, 3, 3),
        flat=whole(1, 3, 4),
        d=(4, 2),
    )
    pairs = [[0, 1], [2, 3]]
    assert found == {"a": {("a", 1): pairs, ("bias", 1): [[0], [1]], ("d", 0): pairs}}


def test_heads_are_called_heads() -> None:
    coupling = coupled(
        "q = MatMul(x, a)\n o = Attention <q_num_heads = 2, kv_num_heads = 2> (q, q, q)\n y = MatMul(o, d)",
        x=(1, 3, 2),
        a=(2, 4),
        d=(4, 2),
    )
    assert [(group.kind, group.units) for group in coupling.groups] == [("heads", 2)]


def test_a_single_head_stays() -> None:
    coupling = coupled(
        "q = MatMul(x, a)\n o = Attention <q_num_heads = 1, kv_num_heads = 1> (q, q, q)\n y = MatMul(o, d)",
        x=(1, 3, 2),
        a=(2, 4),
        d=(4, 2),
    )
    assert not coupling.groups
    assert reasons(coupling)["a", 1] == "Attention (o) sums over it"


@pytest.mark.parametrize(("heads", "factors"), [(3, (3, 4)), (0, None)])
def test_rotary_tables_turn_pairs_within_a_head(heads: int, factors: tuple[int, int] | None) -> None:
    """ONNX Runtime may have none of this version, so only the facts are looked at."""
    shapes = {"x": (1, 5, 12), "c": (5, 2), "s": (5, 2), "i": (1, 5), "z": (1, 5, 12)}
    facts = facts_of(f"z = RotaryEmbedding <num_heads = {heads}> (x, c, s, i)", shapes)
    assert ("same", ("x", 2), ("z", 2)) in facts
    assert {("fixed", ("c", 1)), ("fixed", ("s", 0))} < facts
    assert (("product", ("z", 2), factors) in facts) == (factors is not None)
    assert (("fixed", ("z", 2)) in facts) == (factors is None)
