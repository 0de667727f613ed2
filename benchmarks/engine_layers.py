"""How much faster are networks of a few large layers, compiled, than the same in ONNX Runtime?"""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import onnx_ir
import onnxruntime
import torch
from benchmarks.common import table
from torch import Tensor, nn

import secateur
from secateur.graph.trace import trace
from secateur.measure.latency import time_calls

AGREE = 1e-4  # of the largest output


@dataclass(frozen=True)
class Case:
    """A pruned network, and how many times faster it is expected to be."""

    name: str
    model: nn.Module
    inputs: Tensor
    least: float


def prune_(model: nn.Module, sparsity: float, block: int = 1) -> nn.Module:
    """Zeros for the smallest weights of each matrix, in blocks of so many outputs; nothing is trained."""
    with torch.no_grad():
        for weight in (parameter for parameter in model.parameters() if parameter.dim() == 2):
            rows = weight.view(len(weight) // block, block, -1)
            sizes = rows.square().sum(1, keepdim=True)
            count = round(sparsity * sizes.numel())
            if count:
                rows *= sizes > sizes.flatten().kthvalue(count).values
    return model.eval()


def calls(case: Case, threads: int) -> dict[str, Callable[[], object]]:
    """One call of each runtime, after they agreed."""
    graph = trace(case.model, (case.inputs,), any_batch=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(onnx_ir.to_proto(graph).SerializeToString(), options)
    name, x = session.get_inputs()[0].name, case.inputs.numpy()
    compiled = secateur.compile(graph, threads=threads)
    answer = compiled(x)
    got, wanted = (answer[0] if isinstance(answer, tuple) else answer), session.run(None, {name: x})[0]
    apart = float(np.abs(got - wanted).max() / np.abs(wanted).max())
    assert apart <= AGREE, f"{case.name}: {apart:.1e} of the largest output apart from ONNX Runtime"
    return {"ONNX Runtime": lambda: session.run(None, {name: x}), "secateur": lambda: compiled(x)}


def main(question: str, cases: Callable[[], Iterable[Case]]) -> None:
    """The command line of a benchmark of such networks; prints a table."""
    parser = argparse.ArgumentParser(description=question)
    parser.add_argument("--threads", type=int, default=1, help="of both (default: %(default)s)")
    threads = parser.parse_args().threads
    torch.set_num_threads(1)
    rows = []
    for case in cases():
        times = time_calls(calls(case, threads), runs=100, budget_s=4)
        other, own = times["ONNX Runtime"].median, times["secateur"].median
        rows.append([case.name, f"{other:.3f}", f"{own:.3f}", f"{other / own:.1f}x", f"{case.least}x"])
    print(table(["network", "ONNX Runtime, ms", "secateur, ms", "faster", "at least"], rows))
