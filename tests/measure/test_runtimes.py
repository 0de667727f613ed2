from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from secateur.errors import ArtifactError, ExportError, SecateurError
from secateur.measure.runtimes import load_weights, onnx_call, torch_call

Axis = int | str | None


def identity(shape: list[Axis], kind: int = TensorProto.FLOAT) -> bytes:
    """A model that answers its input."""
    return model(helper.make_node("Identity", ["x"], ["y"]), shape, kind, kind)


def model(node: onnx.NodeProto, shape: list[Axis], kind: int, out: int) -> bytes:
    graph = helper.make_graph(
        [node],
        "graph",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", out, None)],
    )
    opset = helper.make_opsetid("", 18)
    return bytes(helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString())


def output(onnx_model: bytes | Path, batch: int = 1, seed: int = 0) -> np.ndarray:
    result = onnx_call(onnx_model, threads=1, batch=batch, seed=seed)()
    assert isinstance(result, list)
    [array] = result
    assert isinstance(array, np.ndarray)
    return array


@pytest.mark.parametrize("shape", [["batch", 3], [None, 3], [4, 3]])
def test_the_first_axis_is_the_batch(shape: list[Axis]) -> None:
    assert output(identity(shape), batch=4).shape == (4, 3)


def test_scalar_inputs_have_no_batch() -> None:
    assert output(identity([]), batch=4).shape == ()


def test_inputs_depend_on_the_seed_alone() -> None:
    first, again, other = (output(identity(["n", 50]), seed=seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert abs(first.mean()) < 0.5
    assert 0.5 < first.std() < 1.5


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_other_floats(kind: int) -> None:
    array = output(identity(["n", 3], kind))
    assert array.dtype == helper.tensor_dtype_to_np_dtype(kind)
    assert array.std() > 0


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.UINT8, TensorProto.BOOL])
def test_integers_are_valid_indices_of_small_tables(kind: int) -> None:
    array = output(identity(["n", 100], kind))
    assert set(array.ravel().tolist()) == {0, 1}


def test_a_model_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(identity(["n", 2]))
    assert output(path, batch=3).shape == (3, 2)


def test_a_fixed_batch_is_named_with_the_way_out() -> None:
    with pytest.raises(SecateurError, match=r"\[8, 3\].* fixed batch of 8.* batch of 1.*--batch 8"):
        onnx_call(identity([8, 3]), threads=1, batch=1)


def test_an_open_axis_other_than_the_batch_has_no_one_size() -> None:
    with pytest.raises(SecateurError, match=r"'x' .*'time'.* axis 1 is open"):
        onnx_call(identity(["n", "time", 3]), threads=1, batch=1)


def test_inputs_without_sensible_random_values_are_refused() -> None:
    with pytest.raises(SecateurError, match=r"tensor\(string\).*Expected tensors of floats"):
        onnx_call(identity(["n"], TensorProto.STRING), threads=1, batch=1)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.onnx"
    path.write_text("not a model")
    with pytest.raises(ArtifactError, match=r"cannot open .*notes\.onnx"):
        onnx_call(path, threads=1, batch=1)
    with pytest.raises(ArtifactError, match="cannot open the model"):
        onnx_call(b"not a model", threads=1, batch=1)
    for source in (path, b"not a model"):
        with pytest.raises(ArtifactError, match="cannot be read"):
            load_weights(torch.nn.Linear(3, 2), source)


def test_a_model_that_refuses_random_inputs_is_reported_with_their_shapes() -> None:
    reshape = helper.make_node("Reshape", ["x", "x"], ["y"])  # its values would have to be a shape
    with pytest.raises(ExportError, match=r"cannot run .*x \[4\]"):
        onnx_call(model(reshape, [4], TensorProto.INT64, TensorProto.INT64), threads=1, batch=4)


def test_torch_runs_in_evaluation_mode_without_gradients_on_so_many_threads() -> None:
    before = torch.get_num_threads()
    network = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(3, 2))
    inputs = torch.tensor([[1.0, 2.0, 3.0]])
    try:
        result = torch_call(network, (inputs,), threads=1, batch=2)()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    assert isinstance(result, torch.Tensor)
    assert not result.requires_grad
    once = network[1](inputs)
    assert torch.equal(result, torch.cat([once, once]))  # dropout did nothing; the example came twice


def exported(network: torch.nn.Module) -> bytes:
    """What of an export matters here: the weights under PyTorch's names."""
    weights = [
        onnx.numpy_helper.from_array(value.numpy(), name) for name, value in network.state_dict().items()
    ]
    graph = helper.make_graph([], "graph", [], [], weights)
    return bytes(helper.make_model(graph).SerializeToString())


def test_weights_and_buffers_come_from_the_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source, target = (torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)) for _ in "ab")
    source.state_dict()["1.running_mean"].add_(5.0)  # the dictionary shares its memory with the network
    file = tmp_path / "model.onnx"
    file.write_bytes(exported(source))
    for model in (file, exported(source)):
        target.state_dict()["0.weight"].zero_()
        load_weights(target, model)
        for name, value in source.state_dict().items():
            assert torch.equal(value, target.state_dict()[name])


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (torch.nn.Linear(3, 4), r"'weight' has the shape \[4, 3\]; in the file it has \[2, 3\]"),
        (torch.nn.PReLU(2), r"'weight' has the shape \[2\]; in the file it has \[2, 3\]"),
        (torch.nn.Sequential(torch.nn.Linear(3, 2)), r"'0.weight' .* in the file it is missing"),
    ],
)
def test_weights_of_another_network_are_refused(network: torch.nn.Module, reason: str) -> None:
    with pytest.raises(SecateurError, match=reason + r"[^.]*\. Expected the very network"):
        load_weights(network, exported(torch.nn.Linear(3, 2)))
