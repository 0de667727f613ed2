import gc
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from coupled import EXAMPLES, Recurrent, coupling_of, recurrent_group, stir
from coupled_graphs import (
    Array,
    assert_nothing_else_changes,
    coupled,
    example_for,
    graph_of,
    groups,
    reasons,
    told,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from secateur.graph.coupling import Coupling, couple
from secateur.graph.facts import facts
from secateur.graph.relations import Operator, Relation
from secateur.graph.rules import RULES
from secateur.graph.trace import trace
from secateur.graph.values import look

torch.set_num_threads(1)


def residual(blocks: int) -> tuple[str, dict[str, tuple[int, ...]]]:
    """x -> stem -> blocks of two convolutions with a sum around them -> head."""
    body, weights = "t0 = Conv(x, stem)\n", {"stem": (4, 2, 1), "head": (2, 4, 1)}
    for i in range(blocks):
        body += f"h{i} = Conv(t{i}, a{i})\n r{i} = Relu(h{i})\n s{i} = Conv(r{i}, b{i})\n"
        body += f"t{i + 1} = Add(t{i}, s{i})\n"
        weights |= {f"a{i}": (3, 4, 1), f"b{i}": (4, 3, 1)}
    return body + f"y = Conv(t{blocks}, head)", {"x": (1, 2, 3), **weights}


def test_a_trunk_is_one_group_and_each_block_has_its_own() -> None:
    body, shapes = residual(2)
    found = groups(body, **shapes)
    four, three = [[0], [1], [2], [3]], [[0], [1], [2]]
    assert found == {
        "stem": {
            ("stem", 0): four,
            ("head", 1): four,
            ("a0", 1): four,
            ("b0", 0): four,
            ("a1", 1): four,
            ("b1", 0): four,
        },
        "a0": {("a0", 0): three, ("b0", 1): three},
        "a1": {("a1", 0): three, ("b1", 1): three},
    }


def test_a_weight_that_two_layers_share_is_one_tensor() -> None:
    """Both layers read and write it, so what goes in is what comes out."""
    found = groups(
        "h = MatMul(x, a)\n i = MatMul(h, w)\n r = Relu(i)\n j = MatMul(r, w)\n y = MatMul(j, b)",
        x=(2, 2),
        a=(2, 3),
        w=(3, 3),
        b=(3, 2),
    )
    three = [[0], [1], [2]]
    assert found == {"a": {("a", 1): three, ("w", 0): three, ("w", 1): three, ("b", 0): three}}


def test_an_embedding_that_is_the_last_layer_too_keeps_its_words() -> None:
    coupling = coupled(
        "h = Gather(words, x)\n t = Transpose <perm = [1, 0]> (words)\n y = MatMul(h, t)",
        x=np.array([[1, 0]]),
        words=(4, 3),
    )
    (group,) = told(coupling).values()
    assert group == {("words", 1): [[0], [1], [2]]}
    assert reasons(coupling)["words", 0] == "Gather (h) picks from it by number"


def test_part_of_a_width_can_be_fixed() -> None:
    """Of five channels the last two are an output."""
    coupling = coupled(
        "h = MatMul(x, a)\n p, y2 = Split <axis = 1> (h, sizes)\n y = MatMul(p, b)",
        ["a", "b"],
        x=(2, 2),
        a=(2, 5),
        sizes=np.array([3, 2]),
        b=(3, 2),
    )
    assert told(coupling) == {"a": {("a", 1): [[0], [1], [2]], ("b", 0): [[0], [1], [2]]}}
    (width,) = (w for w in coupling.fixed if (w.tensor, w.axis) == ("a", 1))
    assert (width.size, width.reason) == (2, "y2 is an output of the network")


def test_what_is_all_one_unit_says_so() -> None:
    """Of six positions each goes with the one three later, and in the sum with the next one too."""
    coupling = coupled(
        "h = MatMul(x, a)\n u, v = Split <axis = 1, num_outputs = 2> (h)\n w = Concat <axis = 1> (v, u)\n"
        "p, q = Split <axis = 1> (h, sizes)\n o = Concat <axis = 1> (q, p)\n s = Add(w, o)\n"
        "y = MatMul(s, b)",
        ["a", "b"],
        x=(2, 2),
        a=(2, 6),
        sizes=np.array([2, 4]),
        b=(6, 2),
    )
    assert not coupling.groups
    assert reasons(coupling)["a", 1] == "all of its positions can only go together, and one unit must stay"


def test_a_position_that_is_alone_somewhere_stays() -> None:
    coupling = coupled(
        "h = MatMul(x, a)\n p, q = Split <axis = 1> (h, sizes)\n i = MatMul(p, b)\n j = MatMul(q, c)\n"
        "y = Add(i, j)",
        ["a", "b", "c"],
        x=(2, 2),
        a=(2, 4),
        sizes=np.array([1, 3]),
        b=(1, 2),
        c=(3, 2),
    )
    assert told(coupling) == {"a": {("a", 1): [[1], [2], [3]], ("c", 0): [[0], [1], [2]]}}
    assert reasons(coupling)["a", 1] == "p has no other position along its axis 1"


def test_the_nearest_cause_is_named() -> None:
    """Both norms fix the trunk; each layer is told the one it meets first."""
    coupling = coupled(
        "h = MatMul(x, a)\n n = LayerNormalization(h, one__weight)\n i = MatMul(n, b)\n t = Add(h, i)\n"
        "m = LayerNormalization(t, two__weight)\n y = MatMul(m, c)",
        x=(2, 2),
        a=(2, 4),
        one__weight=(4,),
        b=(4, 4),
        two__weight=(4,),
        c=(4, 2),
    )
    assert reasons(coupling) == {
        ("a", 0): "x is an input of the network",
        ("a", 1): "LayerNormalization (one) averages over it",
        ("b", 0): "LayerNormalization (one) averages over it",
        ("b", 1): "LayerNormalization (two) averages over it",
        ("c", 0): "LayerNormalization (two) averages over it",
        ("c", 1): "y is an output of the network",
    }


def test_labels_say_the_unit_of_each_position_of_any_value() -> None:
    coupling = coupled(
        "h = MatMul(x, a)\n c = Concat <axis = 1> (h, x)\n y = MatMul(c, b)", x=(2, 2), a=(2, 3), b=(5, 2)
    )
    own = coupling.labels["a", 1]
    assert len(set(own.tolist())) == 3
    assert 0 not in own
    assert coupling.labels["c", 1].tolist() == [*own.tolist(), 0, 0]
    assert ("x", 1) not in coupling.labels


def test_tensors_that_are_not_parameters_are_in_no_group() -> None:
    body = "h = MatMul(x, a)\n s = Mul(h, g)\n y = MatMul(s, b)"
    shapes: dict[str, Any] = {"x": (2, 2), "a": (2, 3), "g": np.ones(3, np.float32), "b": (3, 2)}
    assert set(groups(body, ["a", "b"], **shapes)["a"]) == {("a", 1), ("b", 0)}
    assert set(groups(body, None, **shapes)["a"]) == {("a", 1), ("g", 0), ("b", 0)}


def test_a_wrong_rule_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check that all tests of rules rely on: were Softmax position by position, it would not be true."""

    def position_by_position(op: Operator) -> Any:
        yield from op.all_same(op.input(0), op.outputs[0])

    monkeypatch.setitem(RULES, "Softmax", position_by_position)
    with pytest.raises(AssertionError, match="a unit touches what stays"):
        coupled("h = MatMul(x, a)\n s = Softmax(h)\n y = MatMul(s, b)", x=(2, 2), a=(2, 4), b=(4, 2))


# --- networks of PyTorch ---------------------------------------------------------------------------


def checked(model: nn.Module, *inputs: Tensor) -> Coupling:
    """What couples in a network, after a check that it is true."""
    graph = trace(stir(model).eval(), inputs)
    arrays: list[Array] = [x.numpy() for x in inputs]
    values = look(graph, arrays)
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    buffers = [name for name, _ in model.named_buffers()]
    coupling = couple(graph, values, names + buffers, buffers)
    assert_nothing_else_changes(graph, values, coupling, arrays)
    return coupling


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_networks_with_all_that_makes_a_cut_hard(kind: Callable[[], nn.Module]) -> None:
    assert checked(kind(), EXAMPLES[kind]).groups  # type: ignore[index]


def test_heads_of_pytorchs_own_attention() -> None:
    """Head 1 of 4 is rows 4 to 7 of the queries, the keys and the values alike."""
    layer = nn.Sequential(nn.TransformerEncoderLayer(16, 4, 24, batch_first=True), nn.Linear(16, 3))
    coupling = checked(layer, torch.randn(1, 5, 16, generator=torch.Generator().manual_seed(0)))
    kinds = {group.name: (group.kind, group.units) for group in coupling.groups}
    assert kinds == {"0.self_attn.in_proj_weight": ("heads", 4), "0.linear1": ("channels", 24)}
    found = told(coupling)["0.self_attn.in_proj_weight"]
    rows = [4, 5, 6, 7, 20, 21, 22, 23, 36, 37, 38, 39]
    assert found["0.self_attn.in_proj_weight", 0][1] == found["0.self_attn.in_proj_bias", 0][1] == rows
    assert found["0.self_attn.out_proj.weight", 1][1] == [4, 5, 6, 7]
    assert reasons(coupling)["0.linear1.weight", 1] == "LayerNormalization (0.norm1) averages over it"


def test_layers_and_directions_of_a_recurrent_module_lose_the_same_units() -> None:
    expected = recurrent_group()
    coupling = coupling_of(Recurrent(), torch.randn(1, 4, 5, generator=torch.Generator().manual_seed(0)))
    (group,) = (g for g in coupling.groups if g.units == expected.units)
    found = {(m.tensor, m.axis): m.positions for m in group.members}
    for m in expected.members:
        positions = found.pop((m.tensor, m.axis))
        assert positions is not None
        assert m.positions is not None
        assert positions.tolist() == m.positions.tolist()
    assert not found


# --- random networks, and how long they take -------------------------------------------------------


class Network:
    """Operators on matrices of two rows, as text, and the shapes of their weights."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.shapes: dict[str, Any] = {"x": (2, 3), "apart": np.array([2, 2, -1]), "flat": np.array([2, -1])}
        self.shapes |= {name: np.array([n]) for name, n in (("one", 1), ("end", 2**40))}
        self.widths: dict[str, int] = {}
        self.add(f"MatMul(x, {self.weight(3, 4)})", 4)

    def add(self, text: str, width: int) -> None:
        name = f"v{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        self.widths[name] = width

    def weight(self, rows: int, columns: int) -> str:
        name = f"w{len(self.shapes)}"
        self.shapes[name] = (rows, columns)
        return name

    def split(self, v: str, width: int) -> None:
        number = len(self.lines)
        self.lines.append(f"v{number}, dead{number} = Split <axis = 1, num_outputs = 2> ({v})")
        self.widths[f"v{len(self.lines) - 1}"] = width // 2

    def shuffle(self, v: str, width: int) -> None:
        n = len(self.lines)
        self.lines += [f"r{n} = Reshape({v}, apart)", f"t{n} = Transpose <perm = [0, 2, 1]> (r{n})"]
        self.add(f"Reshape(t{n}, flat)", width)


@st.composite
def networks(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Up to eight operators, each on the answers of earlier ones."""
    net = Network()
    for _ in range(draw(st.integers(1, 8))):
        v = draw(st.sampled_from(list(net.widths)))
        width = net.widths[v]
        other = draw(st.sampled_from([name for name in net.widths if net.widths[name] == width]))
        columns = draw(st.sampled_from([2, 4, 6]))
        choices: list[Callable[[], None]] = [
            partial(net.add, f"MatMul({v}, {net.weight(width, columns)})", columns),
            partial(net.add, f"{draw(st.sampled_from(['Relu', 'Sigmoid', 'Softmax']))}({v})", width),
            partial(net.add, f"{draw(st.sampled_from(['Add', 'Mul', 'Max']))}({v}, {other})", width),
            partial(net.add, f"Concat <axis = 1> ({v}, {other})", 2 * width),
        ]
        if width > 1:  # something is left of it
            choices.append(partial(net.add, f"Slice({v}, one, end, one)", width - 1))
        if width % 2 == 0:
            choices += [partial(net.split, v, width), partial(net.shuffle, v, width)]
        draw(st.sampled_from(choices))()
    last = list(net.widths)[-1]
    net.lines.append(f"y = MatMul({last}, {net.weight(net.widths[last], 2)})")
    body = "\n ".join(net.lines)
    return body, {name: shape for name, shape in net.shapes.items() if name in body}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks())
def test_in_random_networks_a_unit_touches_nothing_that_stays(network: tuple[str, dict[str, Any]]) -> None:
    body, shapes = network
    weights = [name for name in shapes if name.startswith("w")]
    coupling = coupled(body, weights, **shapes)
    for group in coupling.groups:
        assert group.units > 1
        for m in group.members:
            assert m.positions is not None
            assert len(set(m.positions.flatten().tolist())) == m.positions.numel()
    free = {(m.tensor, m.axis): 0 for group in coupling.groups for m in group.members}
    for group in coupling.groups:
        for m in group.members:
            assert m.positions is not None
            free[m.tensor, m.axis] += m.positions.numel()
    fixed = {(w.tensor, w.axis): w.size for w in coupling.fixed}
    for name in weights:  # each position of each width is in a group, or its width says why it is not
        for axis in (0, 1):
            if (size := shapes[name][axis]) > 1:
                assert free.get((name, axis), 0) + fixed.get((name, axis), 0) == size


def relations_of(blocks: int) -> list[Relation]:
    body, shapes = residual(blocks)
    graph = graph_of(body, **shapes)
    return list(facts(graph, look(graph, example_for(**shapes)), list(shapes)).relations)


def test_twice_the_depth_is_twice_the_relations() -> None:
    one, two, four = (len(relations_of(blocks)) for blocks in (10, 20, 40))
    assert four - two == 2 * (two - one)


def test_twice_the_depth_takes_about_twice_the_time() -> None:
    """Quadratic work would take four times as long; the least of five tries, by turns, of CPU time."""
    networks = {}
    for blocks in (40, 80):
        body, shapes = residual(blocks)
        graph = graph_of(body, **shapes)
        networks[blocks] = graph, look(graph, example_for(**shapes))
    tries: dict[int, list[float]] = {40: [], 80: []}
    for _ in range(5):
        for blocks, (graph, values) in networks.items():
            gc.collect()
            start = time.process_time()
            couple(graph, values)
            tries[blocks].append(time.process_time() - start)
    assert min(tries[80]) < 3 * min(tries[40])
