"""Images that get another size, and planes that are padded between operators."""

import numpy as np
import onnx
import onnxruntime
import pytest
from operators import check, numbers

import secateur.compiler
from secateur.network_file.read import as_graph

COORDINATES = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric")
SIZES = {"larger": [1, 2, 9, 10], "smaller": [1, 2, 2, 3], "one": [1, 2, 1, 1]}


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_resize(mode: str) -> None:
    texts = [
        f'Resize<mode="{mode}", coordinate_transformation_mode="{where}">(x, , , {size})'
        for where in COORDINATES
        for size in SIZES
    ]
    constants: dict[str, np.ndarray] = {name: np.array(size) for name, size in SIZES.items()}
    constants["scales"] = np.array([1, 1, 2, 1.5], np.float32)
    check(
        "; ".join([*texts, f'Resize<mode="{mode}">(x, , scales)']),
        opset=19,
        tolerance=1e-4,
        x=numbers(1, 2, 5, 6),
        constants=constants,
    )


def test_rounding_of_the_nearest() -> None:
    modes = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    texts = [f'Resize<nearest_mode="{mode}">(x, , , size)' for mode in modes]
    check("; ".join(texts), x=numbers(1, 1, 4, 5), constants={"size": np.array([1, 1, 7, 3])})


def test_a_part_of_the_image() -> None:
    check(
        'Resize<mode="linear", coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=7.0>'
        "(x, roi, , size)",
        x=numbers(1, 1, 4, 5),
        constants={
            "roi": np.array([0, 0, 0.3, -0.2, 1, 1, 1.4, 0.8], np.float32),
            "size": np.array([1, 1, 6, 6]),
        },
    )


def test_one_axis_and_older_versions() -> None:
    check(
        'Resize<mode="linear">(x, , s)',
        x=numbers(2, 3, 7),
        constants={"s": np.array([1, 1, 2.5], np.float32)},
    )
    check('Upsample<mode="nearest">(x, s)', opset=9, x=numbers(1, 2, 3, 3), constants=_twice())
    check('Resize<mode="linear">(x, s)', opset=10, x=numbers(1, 2, 3, 3), constants=_twice())


def _twice() -> dict[str, np.ndarray]:
    return {"s": np.array([1, 1, 2, 3], np.float32)}


@pytest.mark.parametrize("shape", [(1, 4, 5, 6), (2, 4, 1, 1)])
def test_transposed_convolution(shape: tuple[int, ...]) -> None:
    check(
        "ConvTranspose(x, w); ConvTranspose<strides=[2, 2]>(x, w, b); ConvTranspose<strides=[2, 3], "
        "output_padding=[1, 2]>(x, w); ConvTranspose<group=2, dilations=[2, 2]>(x, w); "
        'ConvTranspose<strides=[2, 2], auto_pad="SAME_UPPER">(x, w)',
        x=numbers(*shape),
        constants={"w": numbers(4, 3, 3, 2), "b": numbers(3, seed=1)},
    )


def test_transposed_convolution_to_a_size_and_along_one_axis() -> None:
    w = numbers(4, 3, 3, 2)
    text = "ConvTranspose<strides=[3, 2], output_shape=[14, 11]>(x, w)"
    check(text, x=numbers(1, 4, 5, 6), constants={"w": w})
    check(
        "ConvTranspose<strides=[2], pads=[1, 2]>(x, w)", x=numbers(2, 4, 9), constants={"w": numbers(4, 3, 5)}
    )


def test_planes_that_are_padded_stay_so_between_operators() -> None:
    text = """<ir_version: 8, opset_import: ["" : 18]>
    g (float[2,3,7,9] x) => (y, z, m, k)
    <float[3] s = {1.5, -2.0, 0.5}, float[3] b = {0.1, 0.2, 0.3}, float[3] mean = {0.0, 1.0, -1.0},
     float[3] v = {1.0, 2.0, 3.0}, int64[2] hw = {2, 3}, int64[1] c = {1},
     float[4] scale = {1.0, 1.0, 2.0, 2.0}>
    {
        r = Relu(x)
        n = BatchNormalization(r, s, b, mean, v)
        p = MaxPool<kernel_shape=[3, 3], pads=[1, 1, 1, 1]>(n)
        a = AveragePool<kernel_shape=[3, 3], pads=[1, 1, 1, 1]>(p)
        j = Concat<axis=1>(a, n)
        l = LeakyRelu(j)
        u = Resize<mode="linear">(l, , scale)
        t = Tanh(u)
        y = GlobalAveragePool(t)
        z = ReduceMean(l, hw)
        o = ReduceMax(l, c)
        q = Add(o, n)
        m = ReduceSum<keepdims=0>(q, hw)
        k = ArgMax<axis=1>(l)
    }"""
    model, x = onnx.parser.parse_model(text), numbers(2, 3, 7, 9)
    wanted = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    for a, b in zip(secateur.compiler.compile(as_graph(model))(x), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
