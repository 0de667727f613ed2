"""Operator by operator: which code is written? emit-python itself compares it with ONNX Runtime."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emitted import emitted, forward, lines, parsed

ONE_NODE = {
    "Relu (x)": "F.relu(x)",
    "Sigmoid (x)": "torch.sigmoid(x)",
    "LeakyRelu (x)": "F.leaky_relu(x)",
    "LeakyRelu <alpha = 0.2> (x)": "F.leaky_relu(x, 0.2)",
    "Elu <alpha = 0.5> (x)": "F.elu(x, 0.5)",
    "Celu (x)": "F.celu(x)",
    "Selu (x)": "F.selu(x)",
    "Gelu (x)": "F.gelu(x)",
    'Gelu <approximate = "tanh"> (x)': 'F.gelu(x, approximate="tanh")',
    "HardSigmoid (x)": "(x * 0.2 + 0.5).clamp(0, 1)",
    "HardSigmoid <alpha = 0.16666667> (x)": "F.hardsigmoid(x)",
    "HardSwish (x)": "F.hardswish(x)",
    "Softplus (x)": "F.softplus(x)",
    "Softmax (x)": "F.softmax(x, dim=-1)",
    "LogSoftmax <axis = 1> (x)": "F.log_softmax(x, dim=1)",
    "Neg (x)": "-x",
    "Mod <fmod = 1> (x, x)": "torch.fmod(x, x)",
    "Max (x, x, x)": "torch.maximum(torch.maximum(x, x), x)",
    "ReduceMean <keepdims = 0> (x, axes)": "x.mean((2, 3))",
    "ReduceMax (x, axes)": "x.amax((2, 3), keepdim=True)",
    "ReduceSum <noop_with_empty_axes = 1> (x)": "x",
    "ReduceMin <keepdims = 0> (x)": "x.amin((0, 1, 2, 3))",
    "ReduceL2 (x, axes)": "torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)",
    "ReduceL1 (x, one)": "torch.linalg.vector_norm(x, ord=1, dim=1, keepdim=True)",
    "ReduceSumSquare (x, one)": "x.square().sum(1, keepdim=True)",
    "ReduceProd <keepdims = 0> (x, axes)": "x.prod(3).prod(2)",
    "ReduceLogSumExp (x, one)": "x.logsumexp(1, keepdim=True)",
    "ArgMax <axis = 1> (x)": "x.argmax(1, keepdim=True)",
    "CumSum (x, one)": "x.cumsum(1)",
    "LpNormalization <axis = 1> (x)": "F.normalize(x, dim=1)",
    "LRN <size = 3> (x)": "F.local_response_norm(x, 3, alpha=1e-04, beta=0.75, k=1.0)",
    "MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x)": "F.max_pool2d(x, 2)",
    "MaxPool <kernel_shape = [3, 2], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode = 1> (x)": (
        "F.max_pool2d(x, (3, 2), stride=2, padding=1, ceil_mode=True)"
    ),
    "MaxPool <kernel_shape = [3, 3], pads = [1, 0, 0, 1]> (x)": (
        'F.max_pool2d(F.pad(x, (0, 1, 1, 0), value=float("-inf")), 3, stride=1)'
    ),
    'MaxPool <kernel_shape = [3, 3], strides = [2, 2], auto_pad = "SAME_UPPER"> (x)': (
        'F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=float("-inf")), 3, stride=2)'
    ),
    "AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (x)": "F.avg_pool2d(x, 2)",
    "AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x)": (
        "F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)"
    ),
    "GlobalAveragePool (x)": "x.mean((2, 3), keepdim=True)",
    "GlobalMaxPool (x)": "x.amax((2, 3), keepdim=True)",
    "Flatten (x)": "x.flatten(1)",
    "Flatten <axis = 3> (x)": "x.flatten(0, -2)",
    "Flatten <axis = 0> (x)": "x.reshape(1, -1)",
    "Transpose <perm = [0, 2, 1, 3]> (x)": "x.transpose(1, 2)",
    "Transpose <perm = [0, 2, 3, 1]> (x)": "x.permute(0, 2, 3, 1)",
    "Transpose (x)": "x.permute(3, 2, 1, 0)",
    "Unsqueeze (x, axes)": "x.unsqueeze(2).unsqueeze(3)",
    'DepthToSpace <blocksize = 2, mode = "CRD"> (x)': "F.pixel_shuffle(x, 2)",
    "Concat <axis = 1> (x, x)": "torch.cat([x, x], dim=1)",
    "Trilu (x)": "x.triu()",
    "Trilu <upper = 0> (x, one)": "x.tril(1)",
    "Slice (x, one, two, one)": "x[:, 1:2]",
    "Gather <axis = 1> (x, one)": "x[:, self.one]",
    "Identity (x)": "x",
    "Cast <to = 1> (x)": "x",
    "Cast <to = 7> (x)": "x.long()",
    "IsNaN (x)": "torch.isnan(x)",
    'Einsum <equation = "bchw,bdhw->bcd"> (x, x)': 'torch.einsum("bchw,bdhw->bcd", x, x)',
}


@pytest.mark.parametrize("node", ONE_NODE)
def test_one_node_is_one_expression(node: str, tmp_path: Path) -> None:
    assert forward(parsed(f"y = {node}"), tmp_path) == [f"return {ONE_NODE[node]}"]


def floats(*values: float) -> Any:
    return np.array(values, np.float32)


def whole(*values: int) -> Any:
    return np.array(values, np.int64)


HALF, SIX, NOTHING = np.float32(0.5), np.float32(6), np.float32(0)
WITH_CONSTANTS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "a number is written where it is used": ("y = Mul (x, val_1)", {"val_1": HALF}, ["return x * 0.5"]),
    "a number that was learned is not": ("y = Mul (x, scale)", {"scale": HALF}, ["return x * self.scale"]),
    "ReLU6": ("y = Clip (x, val_0, val_1)", {"val_0": NOTHING, "val_1": SIX}, ["return F.relu6(x)"]),
    "one bound": ("y = Clip (x, val_0)", {"val_0": HALF}, ["return x.clamp(min=0.5)"]),
    "squares": ("y = Pow (x, val_0)", {"val_0": np.float32(2)}, ["return x.square()"]),
    "powers": ("a = Abs(x) y = Pow (a, val_0)", {"val_0": HALF}, ["return torch.abs(x).pow(0.5)"]),
    "the largest number": (
        "a = Greater (x, val_0) y = Where (a, x, val_1)",
        {"val_0": NOTHING, "val_1": np.finfo(np.float32).min},
        ["return torch.where(x > 0.0, x, torch.finfo(torch.float32).min)"],
    ),
    "a comparison in a comparison": (
        "a = Greater (x, val_0) b = Cast <to = 1> (a) y = Less (b, val_0)",
        {"val_0": HALF},
        ["return (x > 0.5).float() < 0.5"],
    ),
    "differences keep their order": (
        "a = Sub (x, val_0) b = Sub (x, a) y = Mul (b, a)",
        {"val_0": HALF},
        ["y = x - 0.5", "return (x - y) * y"],
    ),
    "whole numbers are divided as in C": (
        "a = Cast <to = 7> (x) y = Div (a, two)",
        {},
        ['return torch.div(x.long(), self.two, rounding_mode="trunc")'],
    ),
    "padding": (
        "y = Pad (x, val_0)",
        {"val_0": whole(0, 0, 1, 2, 0, 0, 3, 4)},
        ["return F.pad(x, (2, 4, 1, 3))"],
    ),
    "reflection": (
        'y = Pad <mode = "reflect"> (x, val_0)',
        {"val_0": whole(0, 0, 0, 1, 0, 0, 0, 1)},
        ['return F.pad(x, (1, 1, 0, 0), mode="reflect")'],
    ),
    "other sizes": (
        "a, b = Split <axis = 1> (x, val_0) y = ReduceMean (b, axes)",
        {"val_0": whole(1, 3)},
        ["_, x = x.split([1, 3], dim=1)", "return x.mean((2, 3), keepdim=True)"],
    ),
    "tiles": ("y = Tile (x, val_0)", {"val_0": whole(1, 2, 1, 1)}, ["return x.repeat(1, 2, 1, 1)"]),
    "one position": ("y = Gather <axis = 2> (x, val_0)", {"val_0": np.int64(-1)}, ["return x[:, :, -1]"]),
    "a piece squeezed": (
        "a = Slice (x, one, two, one) y = Squeeze (a, one)",
        {},
        ["return x[:, 1]"],
    ),
    "every other, from the end": (
        "a = Slice (x, val_0, val_1, two, two) y = Slice (a, val_2, val_3, one, val_2)",
        {"val_0": whole(0), "val_1": whole(2**62), "val_2": whole(-1), "val_3": whole(-(2**62))},
        ["return x[:, :, ::2].flip(1)"],
    ),
    "places that are written": (
        'a = Neg (x) y = ScatterND <reduction = "add"> (x, val_0, val_1)',
        {"val_0": np.array([[0, 1]]), "val_1": np.ones((1, 6, 6), np.float32)},
        ["return x.index_put(self.val_0.unbind(-1), self.val_1, accumulate=True)"],
    ),
    "one element for each index": (
        "a = GatherElements <axis = 1> (x, val_0) y = Neg (a)",
        {"val_0": np.zeros((1, 2, 1, 1), np.int64)},
        ["return -x.gather(1, self.val_0)"],
    ),
    "places": (
        "y = GatherND (x, val_0)",
        {"val_0": np.array([[0, 1], [0, 3]])},
        ["return x[self.val_0.unbind(-1)]"],
    ),
    "twice as large": (
        'y = Resize <mode = "linear"> (x, , val_0)',
        {"val_0": floats(1, 1, 2, 2)},
        ['return F.interpolate(x, scale_factor=2, mode="bilinear")'],
    ),
    "corners": (
        'y = Resize <mode = "cubic", coordinate_transformation_mode = "align_corners"> (x, , , val_0)',
        {"val_0": whole(3, 4, 12, 9)},
        ['return F.interpolate(x, size=(12, 9), mode="bicubic", align_corners=True)'],
    ),
    "a slope for each channel": (
        "y = PRelu (x, val_0)",
        {"val_0": floats(0.1, 0.2, 0.3, 0.4).reshape(4, 1, 1)},
        ["return self.val_0(x)"],
    ),
}


@pytest.mark.parametrize("name", WITH_CONSTANTS)
def test_constants_are_written_as_what_they_mean(name: str, tmp_path: Path) -> None:
    nodes, tensors, wanted = WITH_CONSTANTS[name]
    inputs = "float[3,4,6,6] x" if name == "corners" else "float[N,4,6,6] x"
    assert forward(parsed(nodes, tensors, inputs=inputs), tmp_path) == wanted


WEIGHT = np.linspace(-1, 1, 3 * 4 * 9, dtype=np.float32)
LAYERS: dict[str, tuple[str, dict[str, Any], list[str], str]] = {
    "Conv": (
        "Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (x, conv.weight, conv.bias)",
        {"conv.weight": WEIGHT.reshape(3, 4, 3, 3), "conv.bias": floats(1, 2, 3)},
        ["self.conv = nn.Conv2d(4, 3, 3, stride=2, padding=1)"],
        "self.conv(x)",
    ),
    "Conv of no name, padded unevenly": (
        "Conv <pads = [0, 1, 0, 0], group = 2, dilations = [1, 2]> (x, onnx::Conv_7)",
        {"onnx::Conv_7": WEIGHT[:36].reshape(2, 2, 3, 3)},
        ["self.conv_7 = nn.Conv2d(4, 2, 3, dilation=(1, 2), groups=2, bias=False)"],
        "self.conv_7(F.pad(x, (1, 0, 0, 0)))",
    ),
    "Conv whose weight is a parameter by itself": (
        "Conv (x, kernel)",
        {"kernel": WEIGHT.reshape(3, 4, 3, 3)},
        ["self.kernel = nn.Parameter(torch.zeros(3, 4, 3, 3))"],
        "F.conv2d(x, self.kernel)",
    ),
    "ConvTranspose": (
        "ConvTranspose <strides = [2, 2], output_padding = [1, 1], group = 2> (x, up.weight)",
        {"up.weight": WEIGHT[:72].reshape(4, 2, 3, 3)},
        ["self.up = nn.ConvTranspose2d(4, 4, 3, stride=2, output_padding=1, groups=2, bias=False)"],
        "self.up(x)",
    ),
    "BatchNorm": (
        "BatchNormalization <epsilon = 0.001> (x, n.weight, n.bias, n.running_mean, n.running_var)",
        {f"n.{name}": floats(1, 2, 3, 4) for name in ("weight", "bias", "running_mean", "running_var")},
        ["self.n = nn.BatchNorm2d(4, eps=0.001)"],
        "self.n(x)",
    ),
    "LayerNorm": (
        "LayerNormalization (x, n.weight, n.bias)",
        {"n.weight": WEIGHT[:6], "n.bias": WEIGHT[6:12]},
        ["self.n = nn.LayerNorm(6)"],
        "self.n(x)",
    ),
    "InstanceNorm": (
        "InstanceNormalization (x, n.weight, n.bias)",
        {"n.weight": floats(1, 2, 3, 4), "n.bias": floats(4, 3, 2, 1)},
        ["self.n = nn.InstanceNorm2d(4, affine=True)"],
        "self.n(x)",
    ),
    "GroupNorm": (
        "GroupNormalization <num_groups = 2> (x, n.weight, n.bias)",
        {"n.weight": floats(1, 2, 3, 4), "n.bias": floats(4, 3, 2, 1)},
        ["self.n = nn.GroupNorm(2, 4)"],
        "self.n(x)",
    ),
    "BatchNorm on tensors by themselves": (
        "BatchNormalization (x, factors, offsets, means, spreads)",
        {name: floats(1, 2, 3, 4) for name in ("factors", "offsets", "means", "spreads")},
        [
            *(f'self.register_buffer("{name}", torch.zeros(4))' for name in ("means", "spreads")),
            *(f"self.{name} = nn.Parameter(torch.zeros(4))" for name in ("factors", "offsets")),
        ],
        "F.batch_norm(x, self.means, self.spreads, self.factors, self.offsets)",
    ),
    "BatchNorm without factors": (
        "BatchNormalization (x, val_1, val_0, n.running_mean, n.running_var)",
        {"val_0": np.zeros(4, np.float32), "val_1": np.ones(4, np.float32)}
        | {f"n.running_{name}": floats(1, 2, 3, 4) for name in ("mean", "var")},
        ["self.n = nn.BatchNorm2d(4, affine=False)"],
        "self.n(x)",
    ),
    "LayerNorm on tensors by themselves": (
        "LayerNormalization <axis = 2> (x, factors, offsets)",
        {name: WEIGHT[:36].reshape(6, 6) for name in ("factors", "offsets")},
        [f"self.{name} = nn.Parameter(torch.zeros(6, 6))" for name in ("factors", "offsets")],
        "F.layer_norm(x, (6, 6), self.factors, self.offsets)",
    ),
    "LayerNorm without factors": (
        "LayerNormalization <epsilon = 0.01> (x, val_1)",
        {"val_1": np.ones(6, np.float32)},
        [],
        "F.layer_norm(x, (6,), eps=0.01)",
    ),
    "InstanceNorm on tensors by themselves": (
        "InstanceNormalization (x, factors, offsets)",
        {name: floats(1, 2, 3, 4) for name in ("factors", "offsets")},
        [f"self.{name} = nn.Parameter(torch.zeros(4))" for name in ("factors", "offsets")],
        "F.instance_norm(x, weight=self.factors, bias=self.offsets)",
    ),
    "InstanceNorm without factors": (
        "InstanceNormalization (x, val_1, val_0)",
        {"val_0": np.zeros(4, np.float32), "val_1": np.ones(4, np.float32)},
        [],
        "F.instance_norm(x)",
    ),
    "GroupNorm on tensors by themselves": (
        "GroupNormalization <num_groups = 2> (x, factors, offsets)",
        {name: floats(1, 2, 3, 4) for name in ("factors", "offsets")},
        [f"self.{name} = nn.Parameter(torch.zeros(4))" for name in ("factors", "offsets")],
        "F.group_norm(x, 2, self.factors, self.offsets)",
    ),
    "GroupNorm without factors": (
        "GroupNormalization <num_groups = 2> (x, val_1, val_0)",
        {"val_0": np.zeros(4, np.float32), "val_1": np.ones(4, np.float32)},
        [],
        "F.group_norm(x, 2)",
    ),
    "PReLU on a tensor by itself": (
        "PRelu (x, slope)",
        {"slope": floats(0.1, 0.2, 0.3, 0.4).reshape(4, 1, 1)},
        ["self.slope = nn.Parameter(torch.zeros(4, 1, 1))"],
        "F.prelu(x, self.slope.flatten())",
    ),
    "Conv with no padding to be found": (
        'Conv <auto_pad = "VALID"> (x, conv.weight)',
        {"conv.weight": WEIGHT.reshape(3, 4, 3, 3)},
        ["self.conv = nn.Conv2d(4, 3, 3, bias=False)"],
        "self.conv(x)",
    ),
    "PReLU": (
        "PRelu (x, act.weight)",
        {"act.weight": floats(0.25)},
        ["self.act = nn.PReLU()"],
        "self.act(x)",
    ),
    "Linear": (
        "MatMul (x, onnx::MatMul_3)",
        {"onnx::MatMul_3": WEIGHT[:12].reshape(6, 2)},
        ["self.matmul_3 = nn.Linear(6, 2, bias=False)"],
        "self.matmul_3(x)",
    ),
    "a product with a parameter": (
        "MatMul (x, mix)",
        {"mix": WEIGHT[:12].reshape(6, 2)},
        ["self.mix = nn.Parameter(torch.zeros(6, 2))"],
        "x @ self.mix",
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_and_their_weights(name: str, tmp_path: Path) -> None:
    node, tensors, made, called = LAYERS[name]
    opset = 21 if "GroupNorm" in name else 20
    module = emitted(parsed(f"y = {node}", tensors, opset=opset), tmp_path)
    found = " ".join(lines(module, "__init__")).replace("( ", "(").replace(" )", ")")
    assert (found, lines(module, "forward")) == (" ".join(made), [f"return {called}"])
