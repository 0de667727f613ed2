"""How much faster are pruned networks, compiled, than the same networks in other runtimes?

python -m benchmarks.engine [--only resnet50-90 ...] [--threads 1 2] [--write]
python -m benchmarks.engine --layers [--only resnet50-90 ...] [--write]

All run the same graph on the same input in turns; zeros are those of the smallest random weights of every
convolution, linear and recurrent layer. `engine_peers` says which other runtimes are measured, and where.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx_ir
import onnxruntime
import torch
from benchmarks.common import RESULTS, revision, table
from benchmarks.engine_layers import layers
from benchmarks.engine_peers import Call, peers
from benchmarks.engine_rows import ROWS, Row
from numpy.typing import NDArray

import secateur
from secateur.compiler.costs_file import kept_file
from secateur.compiler.kernels.processor import registers
from secateur.compiler.targets import target_of
from secateur.graph.trace import trace
from secateur.measure import machine
from secateur.measure.latency import Timing, time_calls

AGREE = 1e-4  # of the largest output
REST_S = 0.1  # between runtimes with threads: ONNX Runtime's wait busily for 60 to 80 ms after a call
RUNTIMES = ("ONNX Runtime", "OpenVINO", "DeepSparse", "secateur")
HEADER = ["network", "threads", *(f"{name}, ms" for name in RUNTIMES), "than ONNX Runtime", "at least"]


def main() -> None:
    """Print the table, or those of the layers."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engine", description=str(__doc__).split("\n")[0]
    )
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), help="measure only these")
    parser.add_argument(
        "--threads", nargs="+", type=int, default=[1, 2], help="of all runtimes (default: 1 2)"
    )
    parser.add_argument("--write", action="store_true", help="keep the table in results/")
    parser.add_argument("--layers", action="store_true", help="the time of each layer instead, on one thread")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.layers:
        sections = []
        for name in given.only:
            sections.append(f"## {name}\n\n{layers(*ROWS[name].made())}")
            print(f"\n{sections[-1]}", flush=True)
        if given.write:
            _keep("engine_layers", "Layers of compiled networks", "\n\n".join(sections), "--layers")
        return
    rows = []
    for name in given.only:
        for threads in given.threads:
            rows.append(measured(name, ROWS[name], threads))
            print(" | ".join(rows[-1]), flush=True)
    text = table(HEADER, rows)
    print(f"\n{text}")
    if given.write:
        note = (
            "Medians, p10 to p90 in brackets. Empty: the runtime is not there, or does not run the network."
        )
        name = "engine" if 1 in given.threads else f"engine-{max(given.threads)}-threads"
        asked = " ".join(["--threads", *map(str, given.threads)])
        _keep(name, "Compiled networks", f"{text}\n\n{note}", asked)


def _keep(name: str, title: str, text: str, asked: str) -> None:
    """The sheet, and where it comes from."""
    lanes = registers(target_of("native")).lanes
    costs = "measured by `secateur calibrate`" if kept_file().is_file() else "built in"
    origin = (
        f"Made by `python -m benchmarks.engine {asked} --write` on {date.today()}, revision {revision()}. "
        f"{machine.describe()['processor']}, vectors of {lanes} floats, which other work shared; costs of "
        f"layers {costs}."
    )
    (RESULTS / f"{name}.md").write_text(f"# {title}\n\n{text}\n\n{origin}\n", encoding="utf-8")


def measured(name: str, row: Row, threads: int) -> list[str]:
    """One line of the table."""
    with calls(row, threads) as runtimes:
        rest = REST_S if threads > 1 else 0
        times = time_calls(runtimes, warmup=3, runs=100, budget_s=3 + 100 * rest, rest_s=rest)
    faster = times["ONNX Runtime"].median / times["secateur"].median
    shown = [_shown(times[runtime]) if runtime in times else "" for runtime in RUNTIMES]
    return [name, str(threads), *shown, f"{faster:.2f}x", f"{row.least}x"]


def _shown(time: Timing) -> str:
    return f"{time.median:.3g} ({time.p10:.3g} to {time.p90:.3g})"


@contextmanager
def calls(row: Row, threads: int) -> Iterator[dict[str, Call]]:
    """Runtime -> one call of it, of those that are there, after secateur and ONNX Runtime agreed."""
    model, example = row.made()
    graph, x = trace(model, (example,), any_batch=False), example.numpy()
    with TemporaryDirectory() as folder:
        onnx = Path(folder, "network.onnx")
        onnx_ir.save(graph, onnx)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(onnx, options)
        name, compiled = session.get_inputs()[0].name, secateur.compile(graph, threads=threads)
        _agree(compiled(x), session.run(None, {name: x})[0])
        own: dict[str, Call] = {
            "ONNX Runtime": lambda: session.run(None, {name: x}),
            "secateur": lambda: compiled(x),
        }
        with peers(model, onnx, [x], threads) as others:
            yield own | others


def _agree(got: object, wanted: NDArray[Any]) -> None:
    first = np.asarray(got[0] if isinstance(got, tuple) else got)
    apart = float(np.abs(first - wanted).max() / np.abs(wanted).max())
    assert apart <= AGREE, f"secateur and ONNX Runtime are {apart:.1e} of the largest output apart"


if __name__ == "__main__":
    main()
