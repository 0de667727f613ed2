import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from secateur.errors import ExportError, NumericalError
from secateur.quantize.onnx.observe import observe

Array = NDArray[np.float32]


def chain() -> onnx.ModelProto:
    """y = relu(log(x + 1))"""
    nodes = [
        helper.make_node("Add", ["x", "one"], ["sum"]),
        helper.make_node("Log", ["sum"], ["log"]),
        helper.make_node("Relu", ["log"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])],
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])


def batch(*values: float) -> list[Array]:
    return [np.array(values, np.float32).reshape(-1, 2)]


def test_inputs_intermediates_and_outputs_over_all_batches() -> None:
    seen = observe(chain(), [batch(0, 1, -0.5, 0), batch(3, 0)], ["x", "sum", "log", "y"])
    ends = {name: (values.low, values.high) for name, values in seen.items()}
    assert ends["x"] == (-0.5, 3)
    assert ends["sum"] == (0, 4)
    assert ends["log"] == pytest.approx((np.log(0.5), np.log(4)))
    assert ends["y"] == pytest.approx((0, np.log(4)))
    assert seen["x"].counts.sum() == 3  # of six values, three are zero


def test_the_model_that_is_observed_stays_as_it_is() -> None:
    model = chain()
    before = model.SerializeToString()
    observe(model, [batch(1, 2)], ["sum"])
    assert model.SerializeToString() == before


def test_the_inputs_alone_can_be_observed() -> None:
    assert observe(chain(), [batch(1, 2)], ["x"])["x"].high == 2


@pytest.mark.parametrize(("value", "name"), [(np.nan, "x"), (np.inf, "x"), (-1, "log"), (-2, "log")])
def test_nan_and_infinity_are_named_with_tensor_and_batch(value: float, name: str) -> None:
    with pytest.raises(
        NumericalError, match=f"batch 1 makes the tensor '{name}' hold 1 NaN or infinite values of 2"
    ):
        observe(chain(), [batch(1, 2), batch(1, value)], ["x", "log"])


def test_an_empty_calibration_set_says_so() -> None:
    with pytest.raises(ExportError, match="calibration set is empty"):
        observe(chain(), [], ["x"])


def test_a_batch_with_the_wrong_number_of_inputs_is_named() -> None:
    with pytest.raises(ExportError, match="batch 1 has 2 arrays. Expected 1: x"):
        observe(chain(), [batch(1, 2), batch(1, 2) * 2], ["x"])


def test_a_batch_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(ExportError, match=r"batch 0 \(x float32\[1, 3\]\)"):
        observe(chain(), [[np.ones((1, 3), np.float32)]], ["log"])
    with pytest.raises(ExportError, match=r"batch 0 \(x float64\[1, 2\]\)"):
        observe(chain(), [[np.ones((1, 2))]], ["log"])
