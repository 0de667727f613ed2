"""How fast is what model.sct holds as native code, beside the dense network in ONNX Runtime?"""

from secateur.compiler import compile  # noqa: A004 - what everyone calls it
from secateur.compiler.check import checked
from secateur.errors import SecateurError
from secateur.measure.latency import time_calls
from secateur.measure.runtimes import onnx_call
from secateur.network_file.example import example_inputs
from secateur.network_file.read import read_graph
from secateur.report.candidates import Candidate, onnx_bytes
from secateur.report.collect import THREADS, latency_of
from secateur.report.schema import CompiledInfo, Missing


def info(dense: Candidate, final: Candidate) -> CompiledInfo | Missing:
    """Compile the file and time it, in turn with the dense network.

    Or why not: what cannot be compiled here, or answers otherwise than ONNX Runtime, is not timed.
    """
    try:
        graph = read_graph(final.file)
        model = compile(graph, threads=THREADS)
        inputs = example_inputs(graph, {x.name: x.shape for x in model.sources.inputs})
        relative_diff = checked(model, graph, inputs)
        batch = next((x.shape[0] for x in model.sources.inputs if x.shape), 1)
        times = time_calls(
            {
                "dense": onnx_call(onnx_bytes(dense.graph), threads=THREADS, batch=batch),
                "compiled": lambda: model(*inputs),
            }
        )
        return CompiledInfo(
            dense=latency_of(times["dense"], "onnxruntime", batch),
            pruned=latency_of(times["compiled"], "compiled", batch),
            times_faster=times["dense"].median / times["compiled"].median,
            relative_diff=relative_diff,
            flash_bytes=model.sources.sizes.weights,
            ram_bytes=model.sources.sizes.arena,
        )
    except SecateurError as error:
        return Missing(missing=str(error))
