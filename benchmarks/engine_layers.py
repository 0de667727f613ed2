"""Where does a compiled network spend its time, layer by layer?"""

import ctypes

import numpy as np
import onnx_ir
from benchmarks.common import table
from torch import Tensor, nn

from secateur.compiler import sources_of
from secateur.compiler.calibration.timing import step_times
from secateur.compiler.targets import target_of
from secateur.graph.trace import trace

RUNS = 30
HEADER = ["layer", "output", "form", "ms", "useful GFLOP/s", "of the peak"]


def layers(model: nn.Module, example: Tensor) -> str:
    """A table: each step's median within runs of the whole network on one thread."""
    graph = trace(model, (example,), any_batch=False)
    sources = sources_of(graph, target_of("native"), {})  # changes the graph, whose nodes are then the steps
    times, library = step_times(sources, [example.numpy()], rounds=RUNS, more=_PEAK)
    milliseconds = np.median(times[RUNS // 4 :], axis=0)
    library.peak.restype = ctypes.c_double
    peak = max(library.peak() for _ in range(20))
    nodes = {node.name: node for node in graph.graph}
    work = {name: _useful(node) for name, node in nodes.items()}
    rows = []
    for step, ms in zip(sources.steps, milliseconds, strict=True):
        speed = work.get(step.node, 0) / ms / 1e6
        shown = [f"{speed:.0f}", f"{speed / peak:.0%}"] if speed else ["", ""]
        shape = "x".join(map(str, nodes[step.node].outputs[0].shape or ()))
        rows.append([step.node, shape, step.form, f"{ms:.3f}", *shown])
    speed = sum(work.values()) / sum(milliseconds) / 1e6
    rows.append(["all", "", "", f"{sum(milliseconds):.3f}", f"{speed:.0f}", f"{speed / peak:.0%}"])
    return f"{table(HEADER, rows)}\n\nMeasured peak of one core: {peak:.0f} GFLOP/s."


def _useful(node: onnx_ir.Node) -> int:
    """Floating-point operations with the weights that are not zero, of a convolution or a product."""
    weight = node.inputs[1].const_value if len(node.inputs) > 1 and node.inputs[1] else None
    if node.op_type not in ("Conv", "Gemm", "MatMul") or weight is None:
        return 0
    shape = [size for size in node.outputs[0].shape or () if isinstance(size, int)]
    pixels = int(np.prod(shape)) // shape[1 if node.op_type == "Conv" else -1]
    return 2 * int(np.count_nonzero(weight.numpy())) * pixels


_PEAK = """
/* GFLOP/s of sums that each wait for themselves only, in as many registers as hide it. */
__attribute__((visibility("default"))) double peak(void) {
    enum { SUMS = 12, TURNS = 200000 };
    volatile float one = 0.999f;
    const vec by = splat(one), more = splat(1 - one);
    vec sum[SUMS];
    for (int v = 0; v < SUMS; v++) sum[v] = splat(one * (float)v);
    const double start = now_ms();
    for (int i = 0; i < TURNS; i++)
        _Pragma("GCC unroll 12") for (int v = 0; v < SUMS; v++) sum[v] = sum[v] * by + more;
    const double ms = now_ms() - start;
    for (int v = 1; v < SUMS; v++) sum[0] += sum[v];
    float kept[LANES];
    store(kept, sum[0]);
    one = kept[0];
    return 2e-6 * SUMS * TURNS * LANES / ms;
}
"""
