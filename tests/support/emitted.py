"""Networks written out by emit-python, imported as a user would."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir
import torch
from torch import Tensor, nn

from secateur.emit import emit_python
from secateur.graph.trace import trace

IMAGE = "float[N,4,6,6] x"
TENSORS = "int64[2] axes = {2, 3}, int64[1] one = {1}, int64[1] two = {2}, int64[1] zero = {0}"


def traced(model: nn.Module, *inputs: Tensor) -> onnx.ModelProto:
    return onnx_ir.to_proto(trace(model.eval(), inputs))


def parsed(
    nodes: str,
    tensors: Mapping[str, Any] | None = None,
    *,
    inputs: str = IMAGE,
    outputs: str = "y",
    opset: int = 20,
) -> onnx.ModelProto:
    """A model of these nodes, in ONNX's text format; `tensors` are initializers beside `TENSORS`."""
    given = tensors or {}
    aliases = {name: f"tensor{index}" for index, name in enumerate(given)}  # the format has no dots in names
    for name, alias in aliases.items():
        nodes = nodes.replace(name, alias)
    answers = ", ".join(f"float[1] {name}" for name in outputs.split())
    head = f'<ir_version: 10, opset_import: ["" : {opset}]>'
    model = onnx.parser.parse_model(f"{head} g ({inputs}) => ({answers}) <{TENSORS}> {{ {nodes} }}")
    for value in model.graph.output:
        value.ClearField("type")  # ONNX Runtime knows it better
    names = {alias: name for name, alias in aliases.items()}
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    for name, array in given.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), name))
    return model


def emitted(model: onnx.ModelProto, folder: Path) -> ModuleType:
    """The module of a model, which emit-python has checked on random inputs."""
    folder.mkdir(exist_ok=True)
    onnx.save(model, folder / "network.onnx")
    return imported(emit_python(folder / "network.onnx", folder / "emitted").module)


def imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("emitted", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def source(module: ModuleType) -> str:
    assert module.__file__ is not None
    return Path(module.__file__).read_text(encoding="utf-8")


def lines(module: ModuleType, method: str) -> list[str]:
    """The body of a method, without empty lines, comments and what is the same in all."""
    _, _, after = source(module).partition(f"    def {method}(")
    body = after.split("    def ")[0].split("\n\n\n")[0].splitlines()[1:]
    found = [line.strip() for line in body]
    return [line for line in found if line and not line.startswith(("#", "super()."))]


def forward(model: onnx.ModelProto, folder: Path) -> list[str]:
    return lines(emitted(model, folder), "forward")


def answers(module: ModuleType, *inputs: Tensor) -> Tensor:
    with torch.no_grad():
        answer: Tensor = module.load()(*inputs)
    return answer
