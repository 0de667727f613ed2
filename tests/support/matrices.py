"""Products with a constant matrix that has zeros."""

import numpy as np
import onnx
import onnx_ir
from numpy.typing import NDArray
from operators import numbers

from secateur.network_file.read import as_graph

Array = NDArray[np.float32]


def sparse(outputs: int, inputs: int, density: float = 0.1, block: int = 1, seed: int = 0) -> Array:
    """(outputs, inputs), where so many outputs side by side have the same inputs."""
    kept = np.random.default_rng(seed).random((-(-outputs // block), inputs)) < density
    weight: Array = numbers(outputs, inputs, seed=seed) * kept.repeat(block, 0)[:outputs]
    return weight


def graph(body: str, x: Array, **constants: Array) -> onnx_ir.Model:
    """Of assignments to `y` and other names."""
    sizes = ",".join(map(str, x.shape))
    text = f'<ir_version: 8, opset_import: ["" : 18]> g (float[{sizes}] x) => (y) {{\n{body}\n}}'
    model = onnx.parser.parse_model(text)
    for name, array in constants.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    return as_graph(model)


def layer(weight: Array, rows: int) -> onnx_ir.Model:
    """max(x weight^T + 1.5, 0)."""
    bias = np.full(len(weight), 1.5, np.float32)
    body = "p = Gemm<transB=1>(x, w, b)\ny = Relu(p)"
    return graph(body, numbers(rows, weight.shape[1]), w=weight, b=bias)
