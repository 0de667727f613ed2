import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operators import numbers

import secateur.compiler
from secateur.compiler.check import difference
from secateur.compiler.memory import ALIGNMENT, Plan, Use, plan
from secateur.compiler.program import Tensor
from secateur.network_file.read import as_graph


def floats(name: str, size: int) -> Tensor:
    return Tensor(name, (size,), np.dtype("float32"))


def test_a_chain_needs_two_places() -> None:
    uses = [Use((), (floats("a", 16),)), Use(("a",), (floats("b", 16),)), Use(("b",), (floats("c", 16),))]
    found = plan([*uses, Use(("c",), ())], frozenset())
    assert found.offsets == {"a": 0, "b": 64, "c": 0}
    assert found.size == 128


def test_in_place_needs_one() -> None:
    uses = [
        Use((), (floats("a", 16),)),
        Use(("a",), (floats("b", 16),), reuses={"b": "a"}),
        Use(("b",), (floats("c", 16),), reuses={"c": "b"}),
    ]
    found = plan([*uses, Use(("c",), ())], frozenset())
    assert found.homes == {"b": "a", "c": "a"}
    assert found.size == 64


def test_what_is_read_later_is_not_overwritten() -> None:
    uses = [
        Use((), (floats("a", 16),)),
        Use(("a",), (floats("b", 16),), reuses={"b": "a"}),
        Use(("a", "b"), ()),
    ]
    assert plan(uses, frozenset()).homes == {}


def test_nor_what_a_view_shows_later() -> None:
    uses = [
        Use((), (floats("a", 16),)),
        Use(("a",), (floats("v", 16),), views={"v": "a"}),
        Use(("a",), (floats("b", 16),), reuses={"b": "a"}),
        Use(("v", "b"), ()),
    ]
    found = plan(uses, frozenset())
    assert found.homes == {"v": "a"}
    assert found.offsets["b"] >= 64


@pytest.mark.parametrize("elementwise", [False, True])
@pytest.mark.parametrize("other", ["a", "v"])
def test_what_an_operator_reads_a_second_time_is_overwritten_element_by_element_only(
    other: str, elementwise: bool
) -> None:
    uses = [
        Use((), (floats("a", 16),)),
        Use(("a",), (floats("v", 16),), views={"v": "a"}),
        Use(("a", other), (floats("b", 16),), reuses={"b": "a"}, elementwise=elementwise),
    ]
    found = plan([*uses, Use(("b",), ())], frozenset())
    assert found.homes == ({"v": "a", "b": "a"} if elementwise else {"v": "a"})


def test_inputs_and_outputs_stay_with_the_caller() -> None:
    uses = [Use(("in",), (floats("out", 16),), reuses={"out": "in"})]
    found = plan(uses, frozenset({"in", "out"}))
    assert found == Plan({}, {}, (0,), 0)


def test_scratch_is_free_again_after_its_step() -> None:
    uses = [Use((), (floats("a", 16),), scratch=640), Use(("a",), (floats("b", 16),), scratch=640)]
    found = plan(uses, frozenset())
    assert found.scratch == (0, 0)
    assert found.size == 640 + 64 + 64


@st.composite
def programs(draw: st.DrawFn) -> list[Use]:
    """Steps that read what is there, and write one tensor each, some in place, some as views."""
    there: list[Tensor] = []
    uses = []
    for number in range(draw(st.integers(1, 12))):
        read = draw(st.lists(st.sampled_from(there), max_size=3)) if there else []
        names = tuple(t.name for t in read)
        tensor = floats(f"t{number}", draw(st.integers(1, 100)))
        kind = draw(st.sampled_from(["new", "view", "reuse"])) if read else "new"
        if kind != "new":
            tensor = floats(tensor.name, read[0].size)
        views = {tensor.name: names[0]} if kind == "view" else {}
        reuses = {tensor.name: names[0]} if kind == "reuse" else {}
        scratch = 0 if kind == "view" else draw(st.sampled_from([0, 100]))
        uses.append(Use(names, (tensor,), scratch, views, reuses, draw(st.booleans())))
        there.append(tensor)
    return uses


@given(programs(), st.sets(st.integers(0, 11)))
def test_nothing_is_overwritten_before_it_was_read(uses: list[Use], outside: set[int]) -> None:
    """Run the steps: each tensor is stamped with a number, which its readers must find."""
    elsewhere = frozenset(f"t{number}" for number in outside)
    found = plan(uses, elsewhere)
    arena = np.zeros(found.size, np.int64)
    kept: dict[str, int] = {}
    stamps: dict[str, int] = {}

    def home(name: str) -> str:
        return found.homes.get(name, name)

    def room(tensor: Tensor) -> slice:
        start = found.offsets[home(tensor.name)]
        assert start % ALIGNMENT == 0
        return slice(start, start + tensor.nbytes)

    by_name = {t.name: t for use in uses for t in use.writes}
    for step, use in enumerate(uses):
        for name in use.reads:
            held = [kept[name]] if home(name) in elsewhere else arena[room(by_name[name])]
            assert set(held) == {stamps[name]}
        start = found.scratch[step]
        arena[start : start + use.scratch] = -1
        (tensor,) = use.writes
        if not (use.views or use.elementwise):
            assert [home(name) for name in use.reads].count(home(tensor.name)) <= 1
        stamps[tensor.name] = stamps[use.views[tensor.name]] if use.views else step + 1
        if home(tensor.name) in elsewhere:
            kept[tensor.name] = stamps[tensor.name]
        else:
            arena[room(tensor)] = stamps[tensor.name]
    assert found.size <= sum(-(-t.nbytes // 64) * 64 for t in by_name.values()) + 128


@pytest.mark.parametrize("side", [3, 5, 12, 13, 20, 28])
def test_a_depthwise_layer_whose_input_is_its_shortcut(side: int) -> None:
    """x + depthwise(x) would fit in the place of x, once as the same tensor, once as a view of it."""
    image = f"[1, 6, {side}, {side}]"
    model = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 18]> g (float{image} i) => (float{image} y)
        <int64[4] s = {{1, 6, {side}, {side}}}> {{
        r = Relu(i)
        a = Conv<group=6, pads=[1, 1, 1, 1]>(r, w)
        b = Add(r, a)
        x = Tanh(b)
        f = Flatten(x)
        v = Reshape(f, s)
        c = Conv<group=6, pads=[1, 1, 1, 1]>(v, w)
        d = Add(c, x)
        q = Mul(d, d)
        y = Neg(q) }}"""
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(numbers(6, 1, 3, 3, seed=1), "w"))
    graph = as_graph(model)
    assert difference(secateur.compiler.compile(graph), graph, [numbers(1, 6, side, side)]) < 1e-5
