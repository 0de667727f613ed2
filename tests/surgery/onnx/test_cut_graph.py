"""Small networks of all kinds: whichever units go, the cut graph answers what the masked one does."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import onnx
import onnx_ir
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from secateur.errors import SurgeryError
from secateur.graph.coupling import Coupling, couple
from secateur.graph.one_run import shapes_and_numbers
from secateur.graph.trace import trace
from secateur.graph.values import Values, look
from secateur.network_file.read import as_graph
from secateur.network_file.run import caller
from secateur.surgery import masks_without
from secateur.surgery.onnx.certify import certify_graph, masked_graph
from secateur.surgery.onnx.graph import cut_graph
from secateur.surgery.onnx.kept import kept
from secateur.surgery.onnx.weights import weight_names


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.inner, self.back = nn.Conv2d(8, 12, 1), nn.Conv2d(12, 8, 3, padding=1)
        self.head = nn.Linear(8 * 16, 5)
        nn.init.uniform_(self.norm.running_mean)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.stem(x)).relu()
        z: Tensor = self.head((y + self.back(self.inner(y).relu())).flatten(1))
        return z


class Grouped(nn.Module):
    """Grouped, depthwise, transposed, concatenated, normalised in groups, every other place left out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.grouped = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1, groups=8)
        self.depthwise, self.norm = nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.GroupNorm(8, 16)
        self.instance, self.up = nn.InstanceNorm2d(32), nn.ConvTranspose2d(32, 12, 2, stride=2)
        self.head = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        z = self.depthwise(self.norm(self.grouped(y)))
        y = self.up(self.instance(torch.cat([y, z], dim=1))[:, :, ::2, ::2])
        w: Tensor = self.head(nn.functional.pixel_shuffle(y, 2))
        return w


class Halves(nn.Module):
    """A gate whose halves go together, and parts of different sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.both, self.out = nn.Linear(6, 16), nn.Linear(8, 6)
        self.parts, self.long, self.short = nn.Linear(6, 12), nn.Linear(8, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.both(x).chunk(2, dim=-1)
        a, b = self.parts(self.out(value * gate.sigmoid())).split([8, 4], dim=-1)
        y: Tensor = self.long(a) + self.short(b.relu())
        return y


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(12), nn.Linear(12, 36), nn.Linear(12, 12)
        self.up, self.down = nn.Linear(12, 20), nn.Linear(20, 12)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(batch, length, 3, 4, width // 4).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        z = x + self.out(y)
        out: Tensor = z + self.down(nn.functional.gelu(self.up(z)))
        return out


def recurrent(kind: str, gates: int) -> onnx_ir.Model:
    """Two directions of two layers, (time, batch, 4) -> (time, batch, 3)."""
    text = f"""<ir_version: 10, opset_import: ["" : 20]>
    g (float[5,b,4] x) => (float[5,b,3] y) <int64[3] flat = {{5, -1, 12}}, float[3,12] head = {{0}}> {{
        a = {kind} <hidden_size = 6, direction = "bidirectional"> (x, w0, r0, b0)
        c = Transpose <perm = [0, 2, 1, 3]> (a) d = Reshape(c, flat)
        e = {kind} <hidden_size = 6, direction = "bidirectional"> (d, w1, r1, b1)
        f = Transpose <perm = [0, 2, 1, 3]> (e) h = Reshape(f, flat)
        y = Einsum <equation = "tbi,oi->tbo"> (h, head)
    }}"""
    proto = onnx.parser.parse_model(text)
    del proto.graph.initializer[1]
    random = np.random.default_rng(0)
    rows = 6 * gates
    shapes = {"w0": (2, rows, 4), "r0": (2, rows, 6), "b0": (2, 2 * rows), "head": (3, 12)}
    shapes |= {"w1": (2, rows, 12), "r1": (2, rows, 6), "b1": (2, 2 * rows)}
    for name, shape in shapes.items():
        array = random.uniform(-0.5, 0.5, shape).astype(np.float32)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    return as_graph(proto)


@dataclass(frozen=True)
class Traced:
    graph: onnx_ir.Model
    values: Values
    coupling: Coupling
    example: list[np.ndarray]


MODULES: dict[str, tuple[type[nn.Module], tuple[int, ...]]] = {
    "residual": (Residual, (2, 3, 4, 4)),
    "grouped": (Grouped, (2, 3, 4, 4)),
    "halves": (Halves, (2, 6)),
    "attention": (Attention, (2, 5, 12)),
}
RECURRENT = {"GRU": 3, "LSTM": 4, "RNN": 1}


@cache
def traced(name: str) -> Traced:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if name in RECURRENT:
        graph, x = recurrent(name, RECURRENT[name]), torch.randn(5, 2, 4)
        buffers, names = set(graph.graph.initializers) - weight_names(graph), None
    else:
        make, shape = MODULES[name]
        model, x = make().eval(), torch.randn(shape)
        graph = trace(model, (x,))
        buffers = {buffer for buffer, _ in model.named_buffers()}
        names = {parameter for parameter, _ in model.named_parameters()} | buffers
    values = look(graph, [x.numpy()])
    return Traced(graph, values, couple(graph, values, names, buffers), [x.numpy()])


def units_of(t: Traced, wish: list[float]) -> dict[str, Tensor]:
    """Of each group the units whose wish is below one half, but for the most wished for."""
    removed, rest = {}, iter(wish)
    for group in t.coupling.groups:
        wishes = torch.tensor([next(rest) for _ in range(group.units)])
        removed[group.name] = (wishes < 0.5) & (torch.arange(group.units) != wishes.argmax())
    return removed


@pytest.mark.parametrize("name", [*MODULES, *RECURRENT])
def test_whatever_goes_the_cut_graph_answers_what_the_masked_one_does(name: str) -> None:
    t = traced(name)
    assert t.coupling.groups
    units = sum(group.units for group in t.coupling.groups)
    weights = {m.tensor for group in t.coupling.groups for m in group.members}

    @settings(max_examples=6, deadline=None, derandomize=True, database=None)
    @given(st.lists(st.floats(0, 1), min_size=units, max_size=units))
    def holds(wish: list[float]) -> None:
        removed = units_of(t, wish)
        before = onnx_ir.to_proto(t.graph).SerializeToString(deterministic=True)
        cut = cut_graph(t.graph, t.values, t.coupling, removed)
        assert onnx_ir.to_proto(t.graph).SerializeToString(deterministic=True) == before
        masked = masked_graph(t.graph, masks_without(t.coupling.groups, removed))
        left = kept(t.values, t.coupling, removed)
        assert certify_graph(masked, cut, [t.example], left).relative <= 1e-5
        feeds = dict(zip([x.name or "" for x in cut.graph.inputs], t.example, strict=True))
        made = [value.name or "" for node in cut.graph for value in node.outputs]
        shapes, _ = shapes_and_numbers(cut, feeds, made, [])
        assert shapes == {value: left.shape(value) for value in made}
        assert weights <= set(cut.graph.initializers)

    holds()


def test_shapes_names_and_attributes_follow() -> None:
    t = traced("grouped")
    removed = {group.name: torch.arange(group.units) % 2 == 0 for group in t.coupling.groups}
    cut = cut_graph(t.graph, t.values, t.coupling, removed)
    shapes = {name: tuple(value.const_value.shape) for name, value in cut.graph.initializers.items()}  # type: ignore[union-attr]
    assert shapes["stem.weight"] == (8, 3, 3, 3)
    assert shapes["grouped.weight"] == (8, 2, 3, 3)
    assert shapes["depthwise.weight"] == (8, 1, 3, 3)
    assert shapes["up.weight"][0] == 16
    groups = [node.attributes.get_int("group", 1) for node in cut.graph if node.op_type == "Conv"]
    assert groups == [1, 4, 8, 1]
    named = [v.name for v in (*cut.graph.inputs, *cut.graph.outputs)]
    assert named == [v.name for v in (*t.graph.graph.inputs, *t.graph.graph.outputs)]


def test_nothing_removed_is_the_same_graph() -> None:
    t = traced("attention")
    cut = cut_graph(t.graph, t.values, t.coupling, {})
    for one, other in zip(caller(t.graph)(t.example), caller(cut)(t.example), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_group_never_goes_whole() -> None:
    t = traced("residual")
    group = t.coupling.groups[0]
    with pytest.raises(SurgeryError, match=f"All {group.units} units of {group.name} would go"):
        cut_graph(t.graph, t.values, t.coupling, {group.name: torch.ones(group.units, dtype=torch.bool)})


def test_groups_of_another_graph_are_refused() -> None:
    """Of two channels that the residual connection holds together, one tensor names another."""
    t = traced("residual")
    group = next(g for g in t.coupling.groups if len(g.members) > 4)
    moved = replace(group.members[0], positions=group.members[0].positions.flip(0))  # type: ignore[union-attr]
    wrong = replace(t.coupling, groups=(replace(group, members=(moved, *group.members[1:])),))
    removed = {group.name: torch.arange(group.units) == 0}
    with pytest.raises(SurgeryError, match="do not hang together in this graph"):
        cut_graph(t.graph, t.values, wrong, removed)


def test_a_cut_that_answers_something_else_is_refused() -> None:
    t = traced("residual")
    removed = {group.name: torch.arange(group.units) == 0 for group in t.coupling.groups}
    left = kept(t.values, t.coupling, removed)
    cut = cut_graph(t.graph, t.values, t.coupling, removed)
    with pytest.raises(SurgeryError, match="outputs differ by .* from those of the masked graph"):
        certify_graph(t.graph, cut, [t.example], left)


def test_a_graph_that_does_not_run_names_the_operator() -> None:
    t = traced("residual")
    removed = {group.name: torch.arange(group.units) == 0 for group in t.coupling.groups}
    left = kept(t.values, t.coupling, removed)
    cut = cut_graph(t.graph, t.values, t.coupling, removed)
    gemm = next(node for node in cut.graph if node.op_type == "Gemm")
    narrow = gemm.inputs[1]
    assert narrow is not None
    narrow.const_value = t.graph.graph.initializers["head.weight"].const_value
    with pytest.raises(SurgeryError, match=r"refused.*Gemm"):
        certify_graph(
            masked_graph(t.graph, masks_without(t.coupling.groups, removed)), cut, [t.example], left
        )
