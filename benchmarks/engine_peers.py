"""How fast are other runtimes on the same network?

OpenVINO where it is installed; DeepSparse where `SECATEUR_DEEPSPARSE` names a Python that has it:

    pip install openvino
    python -m venv DIR && DIR/bin/pip install deepsparse==1.8.0 "setuptools<81"
    export SECATEUR_DEEPSPARSE=DIR/bin/python
"""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Call = Callable[[], object]
AGREE = 1e-3  # of the largest output: more, and a timing proves nothing


@contextmanager
def peers(
    model: nn.Module, onnx: Path, inputs: Sequence[NDArray[Any]], threads: int
) -> Iterator[dict[str, Call]]:
    """Runtime -> one call of the network, of those that are there and answer the same as PyTorch.

    Args:
        model: the network, which DeepSparse wants exported in its own old way.
        onnx: the same, with a fixed batch; files are written beside it.
        inputs: of one call.
        threads: of each runtime.
    """
    with torch.inference_mode():
        answers = model.eval()(*map(torch.from_numpy, inputs))
    expected = (answers[0] if isinstance(answers, tuple) else answers).numpy()
    with ExitStack() as stack:
        calls: dict[str, Call] = {}
        for name, start in (("OpenVINO", _openvino), ("DeepSparse", _deepsparse)):
            found = start(model, onnx, inputs, threads, stack)
            if found is None:
                continue
            answer, calls[name] = found
            apart = float(np.max(np.abs(answer - expected)) / np.max(np.abs(expected)))
            if not apart <= AGREE:
                print(
                    f"{name} answers otherwise than PyTorch, by {apart:.1e} of the largest output: left out"
                )
                del calls[name]
        yield calls


def _openvino(
    _: nn.Module, onnx: Path, inputs: Sequence[NDArray[Any]], threads: int, __: ExitStack
) -> tuple[NDArray[Any], Call] | None:
    """In single precision: it would compute in bfloat16 where the processor has it."""
    try:
        import openvino
    except ImportError:
        return None
    core = openvino.Core()
    options = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = core.compile_model(str(onnx), "CPU", options).create_infer_request()
    answer = np.array(next(iter(request.infer(list(inputs)).values())))
    return answer, lambda: request.infer(list(inputs), share_inputs=True)


def _deepsparse(
    model: nn.Module, onnx: Path, inputs: Sequence[NDArray[Any]], threads: int, stack: ExitStack
) -> tuple[NDArray[Any], Call] | None:
    """In a process of its own, which answers each line with one call."""
    python = os.environ.get("SECATEUR_DEEPSPARSE")
    if python is None:
        return None
    path, arrays = onnx.with_suffix(".13.onnx"), onnx.with_suffix(".npz")
    torch.onnx.export(model, tuple(map(torch.from_numpy, inputs)), str(path), dynamo=False, opset_version=13)
    np.savez(arrays, *inputs)
    command = [
        python,
        str(Path(__file__).with_name("engine_deepsparse.py")),
        str(path),
        str(arrays),
        str(threads),
    ]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    stack.callback(process.kill)
    supported = _line(process, lambda line: line.replace(".", "").isdigit())
    if supported is None or float(supported) < 0.9:
        print(f"DeepSparse runs {supported or 'none'} of the operators itself: left out")
        return None
    _line(process, lambda line: line == "ready")
    with np.load(f"{arrays}.answer.npz") as file:
        answer = file[file.files[0]]

    def call() -> None:
        assert process.stdin is not None, "asked for"
        process.stdin.write("\n")
        process.stdin.flush()
        _line(process, lambda line: line == "done")

    return answer, call


def _line(process: "subprocess.Popen[str]", wanted: Callable[[str], bool]) -> str | None:
    """The next line that is wanted; None where the process ends before."""
    assert process.stdout is not None, "asked for"
    return next((line.strip() for line in process.stdout if wanted(line.strip())), None)
