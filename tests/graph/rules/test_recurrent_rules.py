import pytest
from coupled_graphs import Groups, coupled, facts_of, groups, reasons

from secateur.graph.rules.recurrent import stacked

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


@pytest.mark.parametrize("operator", GATES)
def test_all_gates_of_a_hidden_unit_go_together(operator: str) -> None:
    """Hidden size 3: of a GRU, unit 1 is rows 1, 4 and 7, and in the biases 10, 13 and 16 as well."""
    gates = GATES[operator]
    found = groups(
        f"h = {operator} <hidden_size = 3> (x, w, r, b)\n y = MatMul(h, c)",
        x=(4, 1, 2),
        w=(1, 3 * gates, 2),
        r=(1, 3 * gates, 3),
        b=(1, 6 * gates),
        c=(3, 2),
    )
    rows = [[unit + 3 * gate for gate in range(gates)] for unit in range(3)]
    both = [[unit + 3 * gate for gate in range(2 * gates)] for unit in range(3)]
    units = [[0], [1], [2]]
    expected: Groups = {
        "w": {("w", 1): rows, ("r", 1): rows, ("r", 2): units, ("b", 1): both, ("c", 0): units}
    }
    assert found == expected


def test_both_directions_lose_the_same_units() -> None:
    """(T, 2, N, 3) becomes (T, N, 6): unit 1 is positions 1 and 4 of what the next layer reads."""
    found = groups(
        'h = GRU <hidden_size = 3, direction = "bidirectional"> (x, w, r)\n'
        "t = Transpose <perm = [0, 2, 1, 3]> (h)\n s = Flatten <axis = 2> (t)\n y = MatMul(s, c)",
        x=(4, 1, 2),
        w=(2, 9, 2),
        r=(2, 9, 3),
        c=(6, 2),
    )
    assert found["w"]["c", 0] == [[0, 3], [1, 4], [2, 5]]
    assert found["w"]["w", 1] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


def test_what_a_recurrent_layer_reads_can_shrink() -> None:
    found = groups(
        "e = MatMul(x, a)\n h = LSTM <hidden_size = 2> (e, w, r)\n y = MatMul(h, c)",
        x=(4, 1, 2),
        a=(2, 3),
        w=(1, 8, 3),
        r=(1, 8, 2),
        c=(2, 2),
    )
    assert found["a"] == {("a", 1): [[0], [1], [2]], ("w", 2): [[0], [1], [2]]}


def test_an_early_state_has_the_hidden_units() -> None:
    found = groups(
        "h = GRU <hidden_size = 3> (x, w, r, , , s)\n y = MatMul(h, c)",
        x=(4, 1, 2),
        w=(1, 9, 2),
        r=(1, 9, 3),
        s=(1, 1, 3),
        c=(3, 2),
    )
    assert found["w"]["s", 2] == [[0], [1], [2]]


def test_a_last_state_that_no_one_asked_for_says_nothing() -> None:
    """Two such layers must not be taken for one: neither has a first output to be named by."""
    found = groups(
        ", h = GRU <hidden_size = 2> (x, w, r)\n , i = GRU <hidden_size = 2> (x, v, q)\n"
        "j = MatMul(h, c)\n k = MatMul(i, d)\n y = Add(j, k)",
        x=(4, 1, 2),
        w=(1, 6, 2),
        r=(1, 6, 2),
        v=(1, 6, 2),
        q=(1, 6, 2),
        c=(2, 2),
        d=(2, 2),
    )
    assert set(found) == {"w", "v"}


def test_peepholes_are_not_followed() -> None:
    coupling = coupled(
        "h = LSTM <hidden_size = 2> (x, w, r, , , , , p)\n y = MatMul(h, c)",
        x=(4, 1, 2),
        w=(1, 8, 2),
        r=(1, 8, 2),
        p=(1, 6),
        c=(2, 2),
    )
    assert not coupling.groups
    assert reasons(coupling)["c", 0] == "LSTM (h) has a layout or peepholes that are not understood"


def test_time_stays_and_examples_pass() -> None:
    facts = facts_of(
        "z, h = GRU <hidden_size = 2> (x, w, r)",
        {"x": (4, 5, 3), "w": (1, 6, 3), "r": (1, 6, 2), "z": (4, 1, 5, 2), "h": (1, 5, 2)},
    )
    assert {
        ("fixed", ("x", 0)),
        ("fixed", ("z", 0)),
        ("same", ("x", 1), ("z", 2)),
        ("same", ("x", 1), ("h", 1)),
    } < facts


def test_layers_of_one_module_have_one_hidden_size() -> None:
    names = [
        "gru.weight_ih_l0",
        "gru.weight_hh_l0",
        "gru.weight_hh_l0_reverse",
        "gru.weight_hh_l1",
        "b.weight_hh_l0",
    ]
    assert list(stacked(names)) == [
        ("gru.weight_hh_l0", "gru.weight_hh_l0_reverse"),
        ("gru.weight_hh_l0", "gru.weight_hh_l1"),
    ]
