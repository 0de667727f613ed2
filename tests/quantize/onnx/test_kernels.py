"""Networks of many kinds: close to float, by int8 kernels, with zeros and grids kept."""

import copy
import time
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from int8_nets import NETS, batches, error, exported, graph, made, network, tensors
from torch import nn

from secateur.quantize.onnx import to_int8

nets = pytest.mark.parametrize("name", NETS)


@cache
def converted(name: str) -> onnx.ModelProto:
    """One of the networks in int8."""
    return to_int8(graph(name), batches(NETS[name].shape))


def kernels(model: onnx.ModelProto, folder: Path) -> set[str]:
    """The operators that ONNX Runtime makes of the model."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 3  # it warns that the saved file suits this machine only
    onnxruntime.InferenceSession(model.SerializeToString(), options)
    return {node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node}


@nets
def test_int8_is_close_to_float_and_runs_int8_kernels(name: str, tmp_path: Path) -> None:
    net = NETS[name]
    model, int8 = graph(name), converted(name)
    onnx.checker.check_model(int8, full_check=True)
    for size in (1, 3):
        assert error(model, int8, batches(net.shape, 1, size, seed=1)[0][0]) < 0.03
    used = kernels(int8, tmp_path)
    assert net.uses <= used
    assert not net.not_uses & used
    assert [(entry.domain, entry.version) for entry in int8.opset_import] == [("", 20)]


@nets
def test_removed_weights_are_level_zero(name: str) -> None:
    stored = tensors(converted(name))
    weights = {
        weight: p for weight, p in network(name).named_parameters() if f"{weight}_zero_point" in stored
    }
    assert weights
    for weight, parameter in weights.items():
        levels = stored[f"{weight}_quantized"]
        assert levels.dtype == np.int8
        assert levels.shape == parameter.shape
        assert stored[f"{weight}_scale"].shape == parameter.shape[:1]
        assert not stored[f"{weight}_zero_point"].any()
        assert not levels[parameter.detach().numpy() == 0].any()
        largest = np.abs(levels).reshape(len(levels), -1).max(axis=1)
        assert set(largest) <= {0, 127}
        assert largest.any()


@pytest.mark.parametrize("name", ["residual", "depthwise", "perceptron", "on sequences", "attention"])
def test_levels_are_those_of_the_grid_that_training_found(name: str) -> None:
    """Even though the folded weight is another one; a negative factor turns the levels' signs."""
    net = NETS[name]
    model = network(name)
    scales, wanted = {}, {}
    for weight, parameter in model.named_parameters():
        if parameter.dim() > 1:
            scale = parameter.detach().flatten(1).abs().amax(1).clamp_min(1e-3) / 100 * torch.rand(()).add(1)
            along = scale.reshape(-1, *[1] * (parameter.dim() - 1))
            scales[weight] = scale.numpy()
            wanted[weight] = (parameter.detach() / along).round().clamp(-127, 127).flatten(1).numpy()
    stored = tensors(to_int8(graph(name), batches(net.shape), weight_scales=scales))
    turned = 0
    for weight, levels in wanted.items():
        got = stored[f"{weight}_quantized"].reshape(levels.shape)
        for row, expected in zip(got, levels, strict=True):
            turned += not np.array_equal(row, expected)
            assert np.array_equal(row, expected) or np.array_equal(row, -expected)
    assert bool(turned) == any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in model.modules())


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_every_method_works(method: str) -> None:
    net, model = NETS["residual"], graph("residual")
    int8 = to_int8(model, batches(net.shape), method=method)
    assert error(model, int8, batches(net.shape, 1)[0][0]) < 0.04


def test_what_the_caller_gave_stays_as_it_is_and_the_answer_is_the_same_twice() -> None:
    net, model = NETS["residual"], graph("residual")
    before = model.SerializeToString(deterministic=True)
    first, second = (to_int8(model, batches(net.shape)) for _ in range(2))
    assert model.SerializeToString(deterministic=True) == before
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def test_int8_is_faster_than_float() -> None:
    """It is slower where Q and DQ do not join. Here it is several times as fast, so 1.5 is no risk."""
    layers = [nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    net = nn.Sequential(nn.Conv2d(3, 64, 1), *[copy.deepcopy(layer) for _ in range(4) for layer in layers])
    shape = (3, 56, 56)
    model = exported(made(lambda: net), shape)
    x = batches(shape, 1, 1)[0][0]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = [
        onnxruntime.InferenceSession(each.SerializeToString(), options)
        for each in (model, to_int8(model, [[x]]))
    ]
    times: list[list[float]] = [[], []]
    for _ in range(30):  # by turns: what else the machine does slows both
        for session, taken in zip(sessions, times, strict=True):
            start = time.perf_counter()
            session.run(None, {"input": x})
            taken.append(time.perf_counter() - start)
    assert min(times[0]) > 1.5 * min(times[1])
