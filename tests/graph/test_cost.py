from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from int8_nets import answer
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from secateur.errors import ExportError
from secateur.graph.cost import Cost, costs, multiply_adds, parameters
from secateur.graph.trace import trace
from secateur.graph.values import Values, look


def traced(model: nn.Module, *inputs: Tensor) -> tuple[onnx_ir.Model, Values]:
    graph = trace(model.eval(), inputs)
    return graph, look(graph, [x.numpy() for x in inputs])


def written(
    op: str, *operands: tuple[int, ...], weights: int = 0, **attributes: Any
) -> tuple[onnx_ir.Model, Values]:
    """A graph of one operator as a file has it: all operands are ones, the last `weights` initializers."""
    named = {f"x{index}": shape for index, shape in enumerate(operands)}
    free = list(named)[: len(operands) - weights]
    return read(
        [helper.make_node(op, list(named), ["y"], name="it", **attributes)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, named[name]) for name in free],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(np.ones(shape, np.float32), name)
            for name, shape in named.items()
            if name not in free
        ],
    )


def read(*parts: list[Any], functions: Sequence[onnx.FunctionProto] = ()) -> tuple[onnx_ir.Model, Values]:
    """Nodes, inputs, outputs and initializers as a graph with its shapes on inputs of ones."""
    nodes, inputs, outputs, initializers = parts
    model = helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs, initializers),
        opset_imports=[helper.make_opsetid("", 23), helper.make_opsetid("own", 1)],
        functions=functions,
        ir_version=11,
    )
    shapes = [[size.dim_value for size in value.type.tensor_type.shape.dim] for value in inputs]
    graph = onnx_ir.from_proto(model)
    return graph, look(graph, [np.ones(shape, np.float32) for shape in shapes])


class Convolutions(nn.Module):
    """Of one axis and of three, and a transposed one."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv1d(4, 6, 3, groups=2, stride=2)
        self.three = nn.Conv3d(2, 3, (1, 2, 3), padding=1)
        self.turned = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2)

    def forward(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.one(x), self.three(y), self.turned(z)


class Products(nn.Module):
    """Two activations multiplied, in several spellings."""

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        turned = b.transpose(1, 2)
        return torch.bmm(a, turned), a[:, None] @ turned[:, None], torch.einsum("bik,bjk->bij", a, b), a * b


class Tied(nn.Module):
    """A language model whose first and last layers share a weight; a buffer and a constant besides."""

    step: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 4)
        self.head = nn.Linear(4, 11)
        self.head.weight = self.embed.weight
        self.register_buffer("step", torch.randn(5, 4))

    def forward(self, tokens: Tensor) -> Tensor:
        answer: Tensor = self.head(self.embed(tokens) + self.step * torch.arange(4.0))
        return answer


class Scaled(nn.Conv2d):
    """A convolution that computes its weight from two parameters."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel)
        self.gain = nn.Parameter(torch.rand(outputs, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.weight * self.gain, self.bias)


def conv_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.PReLU(8),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.Conv2d(8, 6, (1, 3), dilation=2, groups=2),
        nn.Upsample(scale_factor=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 5),
        nn.LayerNorm(5),
        nn.Softmax(-1),
    )


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[Tensor, ...]]] = {
    "conv2d": (conv_net, (torch.randn(2, 4, 13, 14),)),
    "other convolutions": (
        Convolutions,
        (torch.randn(2, 4, 9), torch.randn(2, 2, 4, 5, 6), torch.randn(2, 4, 5, 4)),
    ),
    "products": (Products, (torch.randn(2, 3, 4), torch.randn(2, 3, 4))),
    "transformer": (
        lambda: nn.TransformerEncoderLayer(12, 3, 20, batch_first=True),
        (torch.randn(2, 5, 12),),
    ),
    "tied": (Tied, (torch.randint(11, (2, 5)),)),
}


def counted_by_torch(model: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Multiply-adds per batch; the fast paths are off, because the counter does not see through them."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            model(*inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return int(counter.get_total_flops()) // 2


@pytest.mark.parametrize("name", MODELS)
def test_torch_counts_the_same_where_it_counts(name: str) -> None:
    make, inputs = MODELS[name]
    model = make().eval()
    graph, values = traced(model, *inputs)
    expected = counted_by_torch(model, inputs)
    assert sum(cost.multiply_adds for cost in costs(graph, values)) == expected > 0
    assert multiply_adds(graph, values) * inputs[0].shape[0] == expected
    assert parameters(graph) == sum(p.numel() for p in model.parameters())


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_with_ones_everywhere_the_answer_adds_up_the_multiply_adds(data: st.DataObject) -> None:
    """Each multiply-add adds 1 to one element of the answer, so that their sum is the count."""
    size = st.integers(1, 4)
    a, b, c, d, groups = (data.draw(size) for _ in range(5))
    step = [data.draw(size)]
    cases: list[tuple[str, tuple[tuple[int, ...], ...], dict[str, Any]]] = [
        ("MatMul", ((a, b), (b, c)), {}),
        ("MatMul", ((b,), (a, b, c)), {}),
        ("MatMul", ((d, 1, a, b), (groups, b, c)), {}),
        ("MatMul", ((a, b), (b,)), {}),
        ("Gemm", ((b, a), (c, b)), {"transA": 1, "transB": 1}),
        ("Gemm", ((a, b), (b, c)), {}),
        ("Conv", ((a, groups * b, 13), (groups * c, b, d)), {"group": groups, "strides": step}),
        ("Conv", ((a, b, 9, 13), (c, b, d, 1)), {"dilations": [2, *step]}),
        ("ConvTranspose", ((a, groups * b, 3), (groups * b, c, d)), {"group": groups, "strides": step}),
        ("Einsum", ((a, b, c), (a, d, c)), {"equation": "bik,bjk->bij"}),
        ("Einsum", ((a, b, c), (c, d)), {"equation": "...k, kj"}),
        ("Einsum", ((a, 1, b, c), (1, d, c, b)), {"equation": "...ik,...ki->...i"}),
    ]
    op, operands, attributes = data.draw(st.sampled_from(cases))
    graph, values = written(op, *operands, weights=1, **attributes)
    ones = np.ones(operands[0], np.float32)
    total = int(answer(onnx_ir.to_proto(graph), ones).sum())
    assert [(cost.op, cost.multiply_adds) for cost in costs(graph, values)] == [(op, total)]


def test_recurrent_layers_count_every_gate_step_and_direction() -> None:
    """5 steps of a batch of 2; each multiplies by all weights of in and hidden, 3 and 4 wide."""
    lstm = written("LSTM", (5, 2, 3), (1, 16, 3), (1, 16, 4), weights=2, hidden_size=4)
    both = written(
        "RNN", (5, 2, 3), (2, 4, 3), (2, 4, 4), weights=2, hidden_size=4, direction="bidirectional"
    )
    gru = written("GRU", (5, 2, 3), (1, 12, 3), (1, 12, 4), weights=2, hidden_size=4)
    assert costs(*lstm) == [Cost("it", "LSTM", 5 * 2 * 4 * 4 * (3 + 4), ("x1", "x2"), ("x0",))]
    assert costs(*both) == [Cost("it", "RNN", 5 * 2 * 2 * 4 * (3 + 4), ("x1", "x2"), ("x0",))]
    assert costs(*gru) == [Cost("it", "GRU", 5 * 2 * 3 * 4 * (3 + 4), ("x1", "x2"), ("x0",))]


def test_a_stacked_bidirectional_gru_names_the_weights_that_the_exporter_cuts_and_joins() -> None:
    model = nn.GRU(3, 4, num_layers=2, bidirectional=True, batch_first=True)
    graph, values = traced(model, torch.randn(2, 5, 3))
    first, second = costs(graph, values)
    assert first.multiply_adds == 2 * 5 * 2 * 3 * 4 * (3 + 4)
    assert second.multiply_adds == 2 * 5 * 2 * 3 * 4 * (8 + 4)
    names = "weight_ih_l{0} weight_ih_l{0}_reverse weight_hh_l{0} weight_hh_l{0}_reverse"
    assert [list(each.weights) for each in (first, second)] == [names.format(n).split() for n in (0, 1)]
    assert multiply_adds(graph, values) == 5 * 24 * (7 + 12)
    assert parameters(graph) == sum(p.numel() for p in model.parameters())


def test_attention_meets_every_key_with_every_query() -> None:
    """Queries are (batch 2, heads 4, length 5, size 8); 2 heads of keys and values, 6 long, 3 wide."""
    heads = written("Attention", (2, 4, 5, 8), (2, 2, 6, 8), (2, 2, 6, 3))
    assert costs(*heads) == [Cost("it", "Attention", 2 * 4 * 5 * 6 * (8 + 3), (), ("x0", "x1", "x2"))]
    flat = written(
        "Attention", (2, 5, 32), (2, 6, 16), (2, 6, 6), q_num_heads=4, kv_num_heads=2, qk_matmul_output_mode=0
    )
    assert [cost.multiply_adds for cost in costs(*flat)] == [2 * 4 * 5 * 6 * (8 + 3)]
    assert multiply_adds(*flat) == 4 * 5 * 6 * (8 + 3)


def test_attention_meets_the_keys_of_the_past_too() -> None:
    shapes = [(1, 2, 1, 4), (1, 2, 1, 4), (1, 2, 1, 4), (1, 2, 7, 4), (1, 2, 7, 4)]
    names = ["q", "k", "v", "past_k", "past_v"]
    node = helper.make_node("Attention", ["q", "k", "v", "", "past_k", "past_v"], ["y", "all_k", "all_v"])
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in pairs]
        for pairs in (zip(names, shapes, strict=True), [(name, None) for name in node.output])
    )
    (cost,) = costs(*read([node], inputs, outputs, []))
    assert (cost.node, cost.multiply_adds) == ("Attention_0", 2 * 1 * (7 + 1) * (4 + 4))


def test_three_operands_of_einsum_are_multiplied_from_left_to_right() -> None:
    chained = written("Einsum", (2, 3), (3, 4), (4, 5), equation="ij,jk,kl->il")
    assert [cost.multiply_adds for cost in costs(*chained)] == [2 * 3 * 4 + 2 * 4 * 5]
    summed = written("Einsum", (2, 3), (4, 5), equation="ij,kl->ik")
    assert [cost.multiply_adds for cost in costs(*summed)] == [2 * 4]
    turned = written("Einsum", (2, 3), equation="ij->ji")
    assert [cost.multiply_adds for cost in costs(*turned)] == [0]


def test_operands_have_the_names_of_parameters_and_activations() -> None:
    assert costs(*traced(nn.Linear(7, 5), torch.randn(3, 4, 7))) == [
        Cost("MatMul_1", "MatMul", 3 * 4 * 7 * 5, ("weight",), ("input",))
    ]
    tied = costs(*traced(Tied(), torch.zeros(2, 5, dtype=torch.int64)))
    assert [(cost.weights, cost.inputs != ()) for cost in tied] == [(("head.weight",), True)]
    (scaled,) = costs(*traced(Scaled(3, 4, 1), torch.randn(1, 3, 2, 2)))
    assert set(scaled.weights) == {"weight", "gain"}
    assert scaled.inputs == ("x",)


def test_twice_the_depth_costs_twice() -> None:
    def net(depth: int) -> nn.Module:
        return nn.Sequential(*[nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()) for _ in range(depth)])

    two, four = (traced(net(depth), torch.randn(1, 4, 5, 6)) for depth in (2, 4))
    assert multiply_adds(*two) == 2 * (5 * 6 * 4) * (4 * 3 * 3)
    assert multiply_adds(*four) == 2 * multiply_adds(*two)
    assert len(costs(*four)) == 4
    assert parameters(four[0]) == 2 * parameters(two[0])


def test_a_file_from_elsewhere_counts_all_but_running_statistics() -> None:
    graph, _ = traced(
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.PReLU()), torch.randn(1, 3, 2, 2)
    )
    for value in graph.graph.initializers.values():
        value.metadata_props.clear()
    assert parameters(graph) == (3 * 4 + 4) + (4 + 4) + 1


def test_layers_in_a_branch_or_a_function_are_refused() -> None:
    def product(name: str) -> onnx.NodeProto:
        return helper.make_node("MatMul", ["x", "x"], [name], name=name)

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in "xy")
    branch = [
        helper.make_graph(
            [product(name)], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)]
        )
        for name in ("then", "else")
    ]
    yes = numpy_helper.from_array(np.array(True), "yes")
    fork = helper.make_node("If", ["yes"], ["y"], then_branch=branch[0], else_branch=branch[1])
    with pytest.raises(ExportError, match=r"A MatMul \((then|else)\) is inside a branch"):
        costs(*read([fork], [x], [y], [yes]))
    body = helper.make_function("own", "Square", ["x"], ["z"], [product("z")], [helper.make_opsetid("", 23)])
    call = helper.make_node("Square", ["x"], ["y"], domain="own")
    with pytest.raises(ExportError, match=r"inline_local_functions"):
        costs(*read([call], [x], [y], [], functions=[body]))


def test_the_shapes_of_another_graph_are_refused() -> None:
    graph, _ = written("MatMul", (2, 3), (3, 4), weights=1)
    with pytest.raises(ExportError, match="it reads 'y', whose shape is not known"):
        costs(graph, Values({"x0": (2, 3), "x1": (3, 4)}, {}))
