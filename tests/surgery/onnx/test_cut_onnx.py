"""A network that is only a file: read, scored, cut, checked, written."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir
import pytest
import torch

import secateur
from secateur.criteria import FPGM, Taylor
from secateur.errors import ArtifactError, ExportError, GoalError, RecipeError, SurgeryError
from secateur.graph.trace import trace
from secateur.network_file.example import described, example_inputs, read_inputs
from secateur.network_file.read import as_graph, read_graph
from secateur.network_file.run import caller
from secateur.patterns import Channels, Elements
from secateur.recipe import Recipe
from secateur.surgery.onnx.network import cut_onnx, structure_of_graph
from secateur.surgery.onnx.weights import Weights, count, weight_names
from secateur.surgery.onnx.write import file_bytes

# Hidden channels of magnitude 1 (twice), 3 and 4; the two small ones go.
HIDDEN = """
<ir_version: 10, opset_import: ["" : 18]>
g (float[b,2] x) => (float[b,1] y)
<float[2,4] up = {1.0, 4.0, -1.0, 3.0, 1.0, 4.0, 1.0, -3.0}, float[4] bias = {1.0, 4.0, 1.0, 3.0},
 float[4] scale = {2.0, 1.0, 2.0, 1.0}, float[4,1] down = {1.0, -4.0, 1.0, 3.0}>
{
    h = MatMul(x, up)
    s = Add(h, bias)
    r = Relu(s)
    d = Div(r, scale)
    y = MatMul(d, down)
}
"""
HALF = Recipe(sparsity=0.5, measure="channels", pattern=Channels(round_to=1))
X = np.array([[1, 2]], np.float32)


def proto() -> Any:
    return onnx.parser.parse_model(HIDDEN)


def with_raw_data() -> Any:
    """As frameworks write it; only such tensors can lie in a file of their own."""
    model = proto()
    for tensor in model.graph.initializer:
        tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), tensor.name))
    return model


def graph() -> onnx_ir.Model:
    return as_graph(proto())


def test_the_least_channels_go_and_nothing_else_changes() -> None:
    done = cut_onnx(graph(), HALF, [[X]])
    kept = {name: v.const_value.numpy() for name, v in done.graph.graph.initializers.items() if v.const_value}
    np.testing.assert_array_equal(kept["up"], [[4, 3], [4, -3]])
    np.testing.assert_array_equal(kept["bias"], [4, 3])
    np.testing.assert_array_equal(kept["scale"], [1, 1])
    np.testing.assert_array_equal(kept["down"], [[-4], [3]])
    assert list(done.left.values()) == [(2, 4)]
    assert done.certificate.relative == 0.0
    assert done.certificate.inputs == 3
    np.testing.assert_array_equal(caller(done.graph)([X])[0], [[-4 * (4 + 8 + 4) + 0]])


def test_a_divisor_is_cut_but_neither_scored_nor_zeroed() -> None:
    g = graph()
    assert weight_names(g) == {"up", "bias", "down"}
    assert count(g) == 8 + 4 + 4
    (group,) = structure_of_graph(g, [X]).coupling.groups
    assert {m.tensor for m in group.members if m.buffer} == {"scale"}


def test_weights_have_the_names_of_the_graph_dots_included() -> None:
    model = proto()
    for tensor in model.graph.initializer:
        tensor.name = f"layer.0.{tensor.name}"
    for node in model.graph.node:
        node.input[:] = [n if n in ("x", *"hsrd") else f"layer.0.{n}" for n in node.input]
    weights = Weights(as_graph(model))
    assert [name for name, _ in weights.named_parameters()] == ["layer.0.up", "layer.0.bias", "layer.0.down"]
    assert sum(p.numel() for p in weights.parameters()) == 16


def test_layers_that_share_an_equal_bias_lose_their_own_channels() -> None:
    model = onnx.parser.parse_model("""
    <ir_version: 10, opset_import: ["" : 18]>
    g (float[1,2] x) => (float[1,1] y)
    <float[2,2] a = {1.0, 9.0, 1.0, 9.0}, float[2,2] b = {9.0, 1.0, 9.0, 1.0}, float[2] bias = {1.0, 1.0},
     float[2,1] c = {1.0, 9.0}>
    { h = MatMul(x, a) i = Add(h, bias) j = MatMul(i, b) k = Add(j, bias) y = MatMul(k, c) }
    """)
    done = cut_onnx(as_graph(model), HALF, [[X]])
    assert sorted(done.left.values()) == [(1, 2), (1, 2)]


def test_functions_constants_in_nodes_and_weights_among_inputs_are_made_plain() -> None:
    model = onnx.parser.parse_model("""
    <ir_version: 10, opset_import: ["" : 18, "own" : 1]>
    g (float[1,2] x, float[2,3] a) => (float[1,1] y) <float[2,3] a = {1.0, 2.0, 3.0, 1.0, 2.0, 3.0}>
    { h = own.both (x, a) c = Constant <value = float[3,1] {1.0, 2.0, 3.0}> () y = MatMul(h, c) }
    <domain: "own", opset_import: ["" : 18]>
    both (p, q) => (s) { r = MatMul(p, q) s = Relu(r) }
    """)
    g = as_graph(model)
    assert [value.name for value in g.graph.inputs] == ["x"]
    assert [node.op_type for node in g.graph] == ["MatMul", "Relu", "MatMul"]
    assert list(cut_onnx(g, HALF, [[X]]).left.values()) == [(1, 3)]


def test_a_file_is_read_with_the_weights_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    onnx.save(with_raw_data(), path, save_as_external_data=True, location="a.data", size_threshold=0)
    np.testing.assert_array_equal(caller(read_graph(path))([X])[0], caller(graph())([X])[0])
    (tmp_path / "a.data").unlink()
    with pytest.raises(ArtifactError, match="weights of .*beside it, cannot be read"):
        read_graph(path)


def test_a_cut_file_opens_everywhere_and_can_be_cut_again(tmp_path: Path) -> None:
    done = cut_onnx(graph(), HALF, [[X]])
    expected = caller(done.graph)([X])[0]
    for name in ("small.sct", "small.onnx"):
        (tmp_path / name).write_bytes(file_bytes(done.graph, Path(name).suffix, {"recipe": "half"}))
        again = read_graph(tmp_path / name)
        np.testing.assert_array_equal(caller(again)([X])[0], expected)
        assert list(cut_onnx(again, HALF, [[X]]).left.values()) == [(1, 2)]
    np.testing.assert_array_equal(secateur.load(tmp_path / "small.sct")(X), expected)
    assert secateur.load(tmp_path / "small.sct").metadata == {"recipe": "half"}


@pytest.mark.parametrize("suffix", [".onnx", ".sct"])
def test_no_subnormal_number_is_written(tmp_path: Path, suffix: str) -> None:
    g = graph()
    up = g.graph.initializers["up"]
    up.const_value = onnx_ir.tensor(np.full((2, 4), 1e-40, np.float32), name="up")
    (tmp_path / f"a{suffix}").write_bytes(file_bytes(g, suffix, {}))
    written = read_graph(tmp_path / f"a{suffix}").graph.initializers["up"].const_value
    assert written is not None
    assert not written.numpy().any()
    assert up.const_value.numpy().all()


def test_files_that_are_no_network(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("not a model, but some text")
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "text.txt").write_text("")
    for name, message in {
        "text.onnx": "cannot be read",
        "empty.onnx": "holds no operator",
        "text.txt": "ends in .onnx or .sct",
        "absent.onnx": "is not there",
    }.items():
        with pytest.raises(ArtifactError, match=message):
            read_graph(tmp_path / name)


def test_a_file_over_two_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    onnx.save(
        with_raw_data(), tmp_path / "a.onnx", save_as_external_data=True, location="a.data", size_threshold=0
    )
    large = onnx.load(tmp_path / "a.onnx", load_external_data=False)
    large.graph.initializer[0].dims[:] = [40_000, 20_000]
    (tmp_path / "a.onnx").write_bytes(large.SerializeToString())
    with pytest.raises(ArtifactError, match=r"3,200,000,0\d\d bytes of weights.*2 GiB"):
        read_graph(tmp_path / "a.onnx")


def test_example_inputs_fit_any_network() -> None:
    g = onnx_ir.from_proto(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 18]>
        g (float[b,3] x, int64[b,4] ids, int64[b,4] attention_mask, bool[2] flags) => (float[b,3] y)
        { y = Neg(x) }
        """)
    )
    x, ids, mask, flags = example_inputs(g, {"ids": [2, 4]})
    assert (x.shape, x.dtype.name, ids.shape, ids.dtype.name) == ((1, 3), "float32", (2, 4), "int64")
    assert set(ids.flat) <= {0, 1}
    assert mask.all()
    assert flags.all()
    assert flags.dtype == np.bool_
    assert described(g, [x, ids, mask, flags]) == "x=1,3 ids=2,4 attention_mask=1,4 flags=2"


def test_free_sizes_have_to_be_given_and_fit() -> None:
    g = onnx_ir.from_proto(
        onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 18]> g (float[b,3,h,w] x) => (float[b,3,h,w] y) { y = Neg(x) }
        """)
    )
    with pytest.raises(
        ArtifactError, match=r"\[b, 3, h, w\], where more sizes are free.*: 2. .* --shape x=1,3"
    ):
        example_inputs(g, {})
    with pytest.raises(ArtifactError, match=r"would have the shape \[1, 4, 8, 8\]. Expected \[b, 3, h, w\]"):
        example_inputs(g, {"x": [1, 4, 8, 8]})
    with pytest.raises(ArtifactError, match=r"no input 'xx'. Did you mean 'x'\?"):
        example_inputs(g, {"xx": [1, 3, 8, 8]})


def test_real_inputs_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "real.npz"
    np.savez(path, x=np.ones((5, 2)))
    (x,) = read_inputs(graph(), path)
    assert (x.shape, x.dtype.name) == ((5, 2), "float32")
    np.savez(path, z=np.ones((5, 2)))
    with pytest.raises(ArtifactError, match="has no 'x'.*It has: z"):
        read_inputs(graph(), path)
    np.savez(path, x=np.ones((5, 3)))
    with pytest.raises(ArtifactError, match=r"real.npz: the input 'x' would have the shape \[5, 3\]"):
        read_inputs(graph(), path)
    whole = path.read_bytes()
    np.save(tmp_path / "one.npy", X)
    for content in (b"", b"nothing", whole[: len(whole) // 2], (tmp_path / "one.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match=r"real.npz is no archive of plain arrays. Expected .*savez"):
            read_inputs(graph(), path)
    path.unlink()
    with pytest.raises(ArtifactError, match=r"real.npz cannot be read: No such file"):
        read_inputs(graph(), path)


def test_real_inputs_are_compared_too() -> None:
    assert cut_onnx(graph(), HALF, [[X], [3 * X], [np.ones((7, 2), np.float32)]]).certificate.inputs == 5


def test_half_precision_is_compared_as_finely_as_it_computes() -> None:
    random = np.random.default_rng(0)
    model = onnx.parser.parse_model("""
    <ir_version: 10, opset_import: ["" : 18]> g (float16[1,64] x) => (float16[1,8] y) {
        h = MatMul(x, a) r = Relu(h) y = MatMul(r, c)
    }""")
    for name, shape in (("a", (64, 48)), ("c", (48, 8))):
        array = random.standard_normal(shape).astype(np.float16)
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    done = cut_onnx(as_graph(model), HALF, [[random.standard_normal((1, 64)).astype(np.float16)]])
    assert list(done.left.values()) == [(24, 48)]
    assert done.certificate.dtype == "float16"
    assert done.certificate.relative < 0.008


def test_a_goal_out_of_reach_says_what_is_possible() -> None:
    with pytest.raises(GoalError, match=r"75.00 % of the channels may go"):
        cut_onnx(graph(), HALF.with_sparsity(0.9), [[X]])


def test_nothing_to_cut_says_why() -> None:
    model = onnx.parser.parse_model("""
    <ir_version: 10, opset_import: ["" : 18]> g (float[1,2] x) => (float[1,3] y)
    <float[2,3] a = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}> { y = MatMul(x, a) }
    """)
    with pytest.raises(SurgeryError, match="Nothing can be cut.*x is an input of the network"):
        cut_onnx(as_graph(model), HALF, [[X]])


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(sparsity=0.5, pattern=Elements()), "leaves every channel where it is"),
        (Recipe(sparsity=0.5, pattern=Channels(), skip=("nowhere",)), "matches no weight"),
        (Recipe(sparsity=0.5, pattern=Channels(), criterion=Taylor()), "data|batches"),
        (Recipe(sparsity=0.5, pattern=Channels(), criterion=FPGM()), "Use 'magnitude', 'lamp' or 'random'"),
    ],
)
def test_recipes_that_need_something_else(recipe: Recipe, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        cut_onnx(graph(), recipe, [[X]])


def test_inputs_that_the_graph_does_not_take() -> None:
    with pytest.raises(ExportError, match="cannot run the graph"):
        cut_onnx(graph(), HALF, [[np.ones((1, 5), np.float32)]])


def test_a_network_that_answers_zeros_proves_nothing() -> None:
    g = graph()
    g.graph.initializers["down"].const_value = onnx_ir.tensor(np.zeros((4, 1), np.float32), name="down")
    with pytest.raises(SurgeryError, match="answers its example with zeros"):
        cut_onnx(g, HALF, [[X]])


def test_torch_is_not_asked_for_gradients() -> None:
    assert not any(p.requires_grad for p in Weights(graph()).parameters())
    assert isinstance(Weights(graph()), torch.nn.Module)


def test_a_cut_network_of_attention_runs_on_other_batches_than_its_example() -> None:
    """Batch and heads are one axis in the middle of it, whose size is free."""
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).eval()
    source = trace(layer, (torch.randn(2, 5, 16),))
    done = cut_onnx(source, Recipe(sparsity=0.3, pattern=Channels()), [[np.ones((1, 5, 16), np.float32)]])
    assert any(left < whole for left, whole in done.left.values())
    for batch in (1, 2, 3):
        (answer,) = caller(done.graph)([np.ones((batch, 5, 16), np.float32)])
        assert answer.shape == (batch, 5, 16)
