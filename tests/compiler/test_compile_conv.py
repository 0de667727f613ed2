"""Convolutions of all forms against ONNX Runtime, and the choices that are made among them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx_ir
import onnxruntime
import pytest
from onnx import TensorProto, helper

import secateur
from secateur.compiler import CompiledModel, sources_of
from secateur.compiler.build import build
from secateur.compiler.targets import target_of

CLOSE = 1e-5


@dataclass(frozen=True)
class Layer:
    """A convolution between two other operators; `inner` planes are padded, others are the caller's."""

    channels: int = 4
    outputs: int = 4
    size: tuple[int, ...] = (8, 8)
    kernel: int = 1
    stride: int = 1
    pad: int = 0
    dilation: int = 1
    groups: int = 1
    batch: int = 1
    density: float = 1.0
    block: tuple[int, int] = (1, 1)
    inner: bool = True
    shortcut: bool = False


def model_of(layer: Layer) -> tuple[onnx.ModelProto, np.ndarray]:
    random = np.random.default_rng(0)
    axes = len(layer.size)
    rows, columns = layer.block
    shape = (layer.outputs, layer.kernel**axes * layer.channels // layer.groups)
    kept = random.random((shape[0] // rows, shape[1] // columns)) < layer.density
    kept = kept.repeat(rows, 0).repeat(columns, 1).reshape(shape[0], *[layer.kernel] * axes, -1)
    weight = random.standard_normal(kept.shape) * kept
    weight = np.moveaxis(weight, -1, 1).astype(np.float32)
    bias = random.standard_normal(layer.outputs).astype(np.float32)
    options: dict[str, Any] = {
        "pads": [layer.pad] * 2 * axes,
        "strides": [layer.stride] * axes,
        "dilations": [layer.dilation] * axes,
        "group": layer.groups,
    }
    nodes = [helper.make_node("Neg" if layer.inner else "Identity", ["x"], ["a"])]
    nodes.append(helper.make_node("Conv", ["a", "w", "b"], ["c"], **options))
    if layer.shortcut:
        nodes.append(helper.make_node("Conv", ["a", "w", "b"], ["other"], **options))
        nodes.append(helper.make_node("Sigmoid", ["other"], ["added"]))
        nodes.append(helper.make_node("Add", ["c", "added"], ["sum"]))
    nodes.append(helper.make_node("Relu", ["sum" if layer.shortcut else "c"], ["r"]))
    nodes.append(helper.make_node("Neg" if layer.inner else "Identity", ["r"], ["y"]))
    x = random.standard_normal((layer.batch, layer.channels, *layer.size)).astype(np.float32)
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(weight, "w"), onnx.numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return onnx.shape_inference.infer_shapes(model), x


def both(layer: Layer, threads: int = 1) -> tuple[np.ndarray, np.ndarray, str]:
    """What ONNX Runtime and the compiled layer answer, and the layer's form."""
    model, x = model_of(layer)
    wanted = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    compiled = secateur.compile(onnx_ir.from_proto(model), threads=threads)
    form = next(step.form for step in compiled.sources.steps if step.kind == "Conv")
    return wanted, compiled(x), form


LAYERS = {
    "one pixel": Layer(1, 1, (1, 1)),
    "pointwise": Layer(40, 33, (14, 14), density=0.2),
    "pointwise on the caller's planes": Layer(5, 7, (7, 7), inner=False, density=0.5, batch=3),
    "pointwise, long rows": Layer(3, 5, (1, 700), density=0.5),
    "many channels in blocks": Layer(600, 16, (14, 14), density=0.1),
    "3x3": Layer(20, 17, (14, 14), 3, pad=1, density=0.2),
    "3x3 of 7x7": Layer(20, 17, (7, 7), 3, pad=1, density=0.2),
    "3x3 with shortcut": Layer(8, 8, (13, 9), 3, pad=1, density=0.3, shortcut=True, batch=2),
    "shortcut in registers": Layer(8, 8, (12, 12), density=0.3, shortcut=True),
    "shortcut on the caller's planes": Layer(8, 8, (5, 5), shortcut=True, inner=False),
    "stride 2": Layer(6, 8, (15, 16), 3, 2, 1, density=0.4),
    "stride 2, one pixel": Layer(6, 8, (15, 16), 1, 2),
    "stride 3": Layer(6, 8, (15, 16), 3, 3, 0),
    "first layer": Layer(3, 16, (64, 64), 7, 2, 3),
    "dilated": Layer(6, 8, (15, 16), 3, 1, 2, 2),
    "padding beyond the image": Layer(2, 3, (5, 6), 3, pad=9),
    "wide image": Layer(2, 3, (3, 300), 3, pad=1),
    "one axis": Layer(4, 6, (500,), 5, 2, 2),
    "groups": Layer(12, 18, (9, 9), 3, pad=1, groups=3, density=0.5),
    "depthwise": Layer(6, 6, (14, 14), 3, pad=1, groups=6),
    "depthwise, stride 2": Layer(6, 6, (13, 15), 3, 2, 1, groups=6, batch=2),
    "depthwise, two of each": Layer(5, 10, (9, 40), 5, pad=2, groups=5, inner=False),
    "depthwise with shortcut": Layer(5, 5, (9, 9), 3, pad=1, groups=5, shortcut=True),
    "depthwise, 5x5, stride 2": Layer(3, 3, (33, 40), 5, 2, 2, groups=3),
    "depthwise, wide with shortcut": Layer(3, 3, (16, 37), 3, pad=1, groups=3, shortcut=True),
    "depthwise, one pixel": Layer(3, 3, (1, 1), 3, pad=1, groups=3),
    "no weights at all": Layer(9, 9, (6, 6), 3, pad=1, density=0),
    "blocks": Layer(32, 32, (10, 10), density=0.2, block=(4, 1)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_as_onnx_runtime(name: str) -> None:
    wanted, got, _ = both(LAYERS[name])
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= CLOSE * max(1.0, float(np.abs(wanted).max()))


@pytest.mark.parametrize("name", LAYERS)
def test_the_plain_kernel_answers_the_same(name: str) -> None:
    model, x = model_of(LAYERS[name])
    target = target_of("native")
    sources = sources_of(onnx_ir.from_proto(model), target, {}, plain=True)
    assert b"conv_reference(p," in sources.files["model.c"]
    assert "kernels/conv_tiles.h" not in sources.files
    got, (wanted, *_) = CompiledModel(build(sources, target), sources)(x), both(LAYERS[name])
    assert np.abs(got - wanted).max() <= CLOSE * max(1.0, float(np.abs(wanted).max()))


@pytest.mark.parametrize("name", ["pointwise", "3x3 with shortcut", "3x3 of 7x7", "depthwise"])
def test_threads_change_nothing(name: str) -> None:
    _, one, _ = both(LAYERS[name])
    _, three, _ = both(LAYERS[name], threads=3)
    np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize(
    ("layer", "forms"),
    [
        (Layer(64, 64, (14, 14)), ("dense",)),
        (Layer(64, 64, (14, 14), density=0.1), ("sparse",)),
        (Layer(64, 64, (14, 14), density=0.2, block=(4, 1)), ("4x1 blocks",)),
        # where registers hold few rows, four at a time are as good
        (Layer(64, 64, (14, 14), density=0.2, block=(8, 1)), ("4x1 blocks", "8x1 blocks")),
        (Layer(64, 64, (14, 14), 3, pad=1, groups=64), ("depthwise",)),
    ],
)
def test_the_form_follows_from_the_weights(layer: Layer, forms: tuple[str, ...]) -> None:
    assert both(layer)[2] in forms


def test_nan_and_infinity_pass_through() -> None:
    model, x = model_of(Layer(4, 4, (6, 6)))
    x[0, 0, 0, 0], x[0, 1, 2, 2] = np.nan, np.inf
    got = secateur.compile(onnx_ir.from_proto(model))(x)
    wanted = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    assert np.isnan(got[0, :, 0, 0]).all()
    np.testing.assert_array_equal(np.isinf(got), np.isinf(wanted))


@pytest.mark.parametrize(("bounds", "expected"), [(", , high", [-np.inf, 1]), (", low", [0, np.inf])])
def test_a_bound_that_is_left_out_bounds_nothing(bounds: str, expected: list[float]) -> None:
    model = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 18]> g (float[1,1,1,2] x) => (float[1,1,1,2] y)
        <float[1,1,1,1] w = {{1.0}}, float low = {{0.0}}, float high = {{1.0}}> {{
        c = Conv(x, w)
        y = Clip(c{bounds}) }}"""
    )
    x = np.array([-np.inf, np.inf], np.float32).reshape(1, 1, 1, 2)
    assert secateur.compile(onnx_ir.from_proto(model))(x).flatten().tolist() == expected
