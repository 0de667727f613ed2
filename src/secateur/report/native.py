"""How fast is what model.sct holds as native code, beside the dense network in ONNX Runtime?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.compiler import compile  # noqa: A004 - what everyone calls it
from secateur.errors import SecateurError
from secateur.measure.latency import Timing, time_calls
from secateur.measure.runtimes import onnx_call
from secateur.report.candidates import Candidate, onnx_bytes
from secateur.report.collect import THREADS
from secateur.report.schema import CompiledInfo, Latency, Missing
from secateur.surgery.onnx.example import example_inputs
from secateur.surgery.onnx.read import read_graph
from secateur.surgery.onnx.run import caller


def info(dense: Candidate, final: Candidate) -> CompiledInfo | Missing:
    """Compile the file and time it, in turn with the dense network; or why that cannot be done here."""
    try:
        model = compile(final.file, threads=THREADS)
        graph = read_graph(final.file)
        inputs = example_inputs(graph, {x.name: x.shape for x in model.sources.inputs})
        batch = next((x.shape[0] for x in model.sources.inputs if x.shape), 1)
        times = time_calls(
            {
                "dense": onnx_call(onnx_bytes(dense.graph), threads=THREADS, batch=batch),
                "compiled": lambda: model(*inputs),
            }
        )
        return CompiledInfo(
            dense=_latency(times["dense"], "onnxruntime", batch),
            pruned=_latency(times["compiled"], "compiled", batch),
            times_faster=times["dense"].median / times["compiled"].median,
            relative_diff=_difference(caller(graph)(inputs), model(*inputs)),
            flash_bytes=model.sources.sizes.weights,
            ram_bytes=model.sources.sizes.arena,
        )
    except SecateurError as error:
        return Missing(missing=str(error))


def _latency(timing: Timing, runtime: str, batch: int) -> Latency:
    return Latency(
        runtime=runtime,
        threads=THREADS,
        batch=batch,
        median=timing.median,
        p10=timing.p10,
        p90=timing.p90,
        runs=timing.runs,
    )


def _difference(expected: Sequence[NDArray[Any]], answer: Any) -> float:
    """The largest, over the largest output."""
    found = answer if isinstance(answer, tuple) else (answer,)
    largest = max(float(np.max(np.abs(y), initial=0)) for y in expected)
    return max(float(np.max(np.abs(a - b), initial=0)) for a, b in zip(expected, found, strict=True)) / max(
        largest, 1e-30
    )
