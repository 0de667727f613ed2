"""Compares operators, written as ONNX's text, with ONNX Runtime.

Many make one network, so that the C compiler is called once.
"""

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

import secateur.compiler
from secateur.network_file.read import as_graph

TYPES = {"float32": "float", "int64": "int64", "int32": "int32", "bool": "bool", "uint8": "uint8"}
Arrays = dict[str, NDArray[Any]]


def numbers(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    """Normally distributed."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def network(text: str, inputs: Arrays, opset: int = 18) -> onnx.ModelProto:
    """Output i is expression i of those that semicolons part: `"Add(a, b); Mul(a, b)"`."""
    expressions = _parts(text)
    given = ", ".join(f"{_type(x)} {name}" for name, x in inputs.items())
    results = ", ".join(f"y{i}" for i in range(len(expressions)))
    lines = "\n".join(f"y{i} = {part}" for i, part in enumerate(expressions))
    whole = f'<ir_version: 8, opset_import: ["" : {opset}]> g ({given}) => ({results}) {{\n{lines}\n}}'
    return onnx.parser.parse_model(whole)


def _type(x: NDArray[Any]) -> str:
    sizes = ",".join(map(str, x.shape))
    return f"{TYPES[x.dtype.name]}[{sizes}]" if x.shape else TYPES[x.dtype.name]


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";")]


def check(
    text: str,
    *,
    opset: int = 18,
    constants: Arrays | None = None,
    tolerance: float = 1e-5,
    **inputs: Any,
) -> None:
    """Each expression answers as ONNX Runtime does, within a relative error."""
    model = network(text, inputs, opset)
    for name, array in (constants or {}).items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = session.run(None, inputs)
    got = secateur.compiler.compile(as_graph(model))(*inputs.values())
    for part, a, b in zip(_parts(text), got if isinstance(got, tuple) else (got,), wanted, strict=True):
        assert a.dtype == b.dtype, part
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * _largest(b), err_msg=part)


def _largest(array: NDArray[Any]) -> float:
    finite = np.abs(array[np.isfinite(array)].astype(np.float64))
    return float(finite.max()) if finite.size else 0.0
