import numpy as np
import onnx_ir
import pytest
from coupled_graphs import example_for, graph_of

from secateur.errors import ExportError
from secateur.graph import values as module
from secateur.graph.values import look


def shaped(graph: onnx_ir.Model, **shapes: tuple[int | str, ...]) -> onnx_ir.Model:
    """The same graph with these shapes written down, as an exporter does; words are free sizes."""
    known = {value.name: value for node in graph.graph for value in node.outputs}
    known |= {value.name: value for value in graph.graph.inputs}
    for name, shape in shapes.items():
        known[name].shape = onnx_ir.Shape(shape)
    return graph


def test_shapes_that_are_written_down_take_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise AssertionError("it ran")

    monkeypatch.setattr(module, "shapes_and_numbers", refuse)
    graph = graph_of("h = MatMul(x, a)\n y = Relu(h)", x=(2, 3), a=(3, 4))
    graph = shaped(graph, x=("batch", 3), h=("batch", 4), y=("batch", 4))
    values = look(graph, [np.ones((5, 3), np.float32)])
    assert values.shapes == {"x": (5, 3), "a": (3, 4), "h": (5, 4), "y": (5, 4)}


def test_shapes_that_are_open_are_looked_up_in_a_run() -> None:
    graph = graph_of("h = MatMul(x, a)\n y = Relu(h)", x=(2, 3), a=(3, 4))
    graph = shaped(graph, h=("batch", "who knows"))
    assert look(graph, example_for(x=(2, 3))).shapes["h"] == (2, 4)


def test_a_free_size_that_two_inputs_give_differently_is_open() -> None:
    graph = graph_of("y = MatMul(x, x2)", x=(2, 3), x2=(3, 4))
    graph = shaped(graph, x=("n", 3), x2=("n", 4), y=("n", 4))
    assert look(graph, example_for(x=(2, 3), x2=(3, 4))).shapes["y"] == (2, 4)


def test_numbers_that_shapes_decide_are_known() -> None:
    graph = graph_of(
        "s = Shape(x)\n i = Gather(s, first)\n n = Add(i, first)\n y = Expand(x, s)",
        x=(2, 3),
        first=np.array(1),
    )
    for node in graph.graph:
        node.outputs[0].dtype = onnx_ir.DataType.FLOAT if node.op_type == "Expand" else onnx_ir.DataType.INT64
    graph.graph.initializers["first"].dtype = onnx_ir.DataType.INT64
    numbers = look(graph, example_for(x=(2, 3))).numbers
    assert {name: array.tolist() for name, array in numbers.items()} == {
        "first": 1,
        "s": [2, 3],
        "i": 3,
        "n": 4,
    }


def test_numbers_that_the_input_decides_are_not() -> None:
    """Of another input they are others, so nothing may follow from them."""
    graph = graph_of("h = Cast <to = 7> (x)\n y = Abs(h)", x=(2, 3))
    for node in graph.graph:
        node.outputs[0].dtype = onnx_ir.DataType.INT64
    assert look(graph, example_for(x=(2, 3))).numbers == {}


def test_large_numbers_are_not_kept() -> None:
    graph = graph_of("y = Add(x, many)", x=np.zeros(65, np.int64), many=np.arange(65))
    graph.graph.initializers["many"].dtype = onnx_ir.DataType.INT64
    values = look(graph, [np.zeros(65, np.int64)])
    assert values.numbers == {}
    assert values.shapes["many"] == (65,)


def test_large_weights_are_fed_to_the_run() -> None:
    graph = graph_of("y = MatMul(x, a)", x=(2, 100), a=(100, 30))
    assert look(graph, example_for(x=(2, 100))).shapes["y"] == (2, 30)


def test_sequences_have_no_shape() -> None:
    graph = graph_of(
        "s = SplitToSequence <axis = 1> (x, two)\n h = SequenceAt(s, first)\n y = Relu(h)",
        x=(2, 4),
        two=np.array(2),
        first=np.array(0),
    )
    shapes = look(graph, example_for(x=(2, 4))).shapes
    assert "s" not in shapes
    assert shapes["h"] == (2, 2)


def test_inputs_that_do_not_fit_say_so() -> None:
    graph = graph_of("y = MatMul(x, a)", x=(2, 3), a=(3, 4))
    with pytest.raises(ExportError, match="ONNX Runtime cannot run the graph on the example inputs"):
        look(graph, [np.ones((2, 5), np.float32)])
