"""How much faster are pruned image networks, compiled, than the same networks in ONNX Runtime?

python -m benchmarks.engine [--only resnet50-90 ...] [--threads N] [--write]

Both run the same graph on the same images in turns; zeros are those of the smallest random weights of every
convolution and linear layer.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import torch
from benchmarks.common import RESULTS, table
from benchmarks.engine_layers import Case, calls
from benchmarks.engine_networks import mobilenet_v1, prune_, resnet50
from torch import nn

from secateur.measure import machine
from secateur.measure.latency import time_calls


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        network: makes it.
        sparsity: of each pruned layer.
        block: (outputs, inputs) that are pruned together.
        batch: images.
        least: times ONNX Runtime's speed that are expected.
    """

    network: Callable[[], nn.Module]
    sparsity: float
    batch: int
    least: float
    block: tuple[int, int] = (1, 1)


ROWS = {
    "resnet50-90": Row(resnet50, 0.9, 1, 4),
    "resnet50-90-batch16": Row(resnet50, 0.9, 16, 4),
    "resnet50-95": Row(resnet50, 0.95, 1, 6),
    "resnet50-80": Row(resnet50, 0.8, 1, 1),
    "resnet50-70": Row(resnet50, 0.7, 1, 1),
    "resnet50-80-1x4": Row(resnet50, 0.8, 1, 1, (1, 4)),
    "resnet50-80-4x1": Row(resnet50, 0.8, 1, 1, (4, 1)),
    "resnet50-dense": Row(resnet50, 0, 1, 0.8),
    "mobilenet-90": Row(mobilenet_v1, 0.9, 1, 3),
    "mobilenet-90-batch16": Row(mobilenet_v1, 0.9, 16, 3),
    "mobilenet-dense": Row(mobilenet_v1, 0, 1, 0.8),
}
HEADER = ["network", "ONNX Runtime, ms", "secateur, ms", "faster", "at least"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engine", description=str(__doc__).split("\n")[0]
    )
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), help="measure only these")
    parser.add_argument("--threads", type=int, default=1, help="of both (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="keep the table in results/engine.md")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in given.only:
        rows.append(measured(name, ROWS[name], given.threads))
        print(" | ".join(rows[-1]), flush=True)
    text = table(HEADER, rows)
    print(text)
    if given.write:
        where = machine.describe()
        note = (
            f"{given.threads} thread(s), {where['processor']}, which other work shared; medians (p10 to p90)."
        )
        (RESULTS / "engine.md").write_text(
            f"# Compiled image networks\n\n{text}\n\n{note}\n", encoding="utf-8"
        )


def measured(name: str, row: Row, threads: int) -> list[str]:
    """One row of the table."""
    torch.manual_seed(0)
    case = Case(
        name, prune_(row.network(), row.sparsity, row.block), torch.randn(row.batch, 3, 224, 224), row.least
    )
    times = time_calls(calls(case, threads), warmup=3, runs=50, budget_s=5)
    other, own = times["ONNX Runtime"], times["secateur"]
    shown = [f"{t.median:.2f} ({t.p10:.2f} to {t.p90:.2f})" for t in (other, own)]
    return [name, *shown, f"{other.median / own.median:.2f}x", f"{row.least}x"]


if __name__ == "__main__":
    main()
