"""What do the benchmarks share: options, one training, averages over seeds, result sheets?"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import mean
from typing import NoReturn

import torch
from torch import Tensor, nn

from secateur import Metric, Task, stages
from secateur.export import save_state, write_graph
from secateur.graph.trace import trace
from secateur.measure import machine
from secateur.recovery.judge import evaluated
from secateur.recovery.progress import Silent
from secateur.stages import Stage, Trained

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        name: of the benchmark, and of its sheet in `results/`.
        data: folder with `data/` and `models/`.
        seeds: one run each.
        quick: a few steps that show that the script works; its figures mean nothing.
        write: keep the sheet.
        work: folder of trained networks.
        only: names of what is measured, where a benchmark has several parts.
    """

    name: str
    data: Path
    seeds: range
    quick: bool
    write: bool
    work: Path
    only: tuple[str, ...] = ()


@contextlib.contextmanager
def options(name: str, question: str, parts: Sequence[str] = ()) -> Iterator[Options]:
    """Read the command line; the work folder is a temporary one unless `--work` names it.

    With `parts`, `--only` chooses among them.

    PyTorch computes with one thread, as in `secateur demo`; several benchmarks can then run side by side.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=question)
    default = Path(os.environ.get("SECATEUR_DATA", ROOT.parent / "shared"))
    parser.add_argument("--data", type=Path, default=default, help="folder with data/ and models/")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a few steps only, to see that it works")
    parser.add_argument("--write", action="store_true", help=f"keep the sheet in results/{name}.md")
    parser.add_argument("--work", type=Path, help="keep trained networks here, and go on from them")
    if parts:
        parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="measure only these")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        seeds_asked = range(1 if given.quick else given.seeds)
        write = given.write and not given.quick
        only = tuple(given.only) if parts else ()
        yield Options(name, given.data, seeds_asked, given.quick, write, given.work or Path(temporary), only)


def need(path: Path) -> Path:
    """The path, or the end of the script with one clear message."""
    if not path.is_file():
        give_up(
            f"{path} is not there. The benchmarks read data sets and trained networks that are not part "
            "of this project: name their folder with --data or in SECATEUR_DATA."
        )
    return path


def give_up(message: str) -> NoReturn:
    """Print the message and end with exit code 2."""
    print(message, file=sys.stderr)
    raise SystemExit(2)


def run(stage: Stage, task: Task, seed: int, options: Options, label: str) -> tuple[nn.Module, float]:
    """Train one stage; the network, and its accuracy in percent on the test set."""
    trained = train(stage, task, seed, options, label)
    accuracy = 100 * evaluated(task.evaluate, trained.model).value
    print(f"{label} {stage.name} seed {seed}: {accuracy:.2f} % in {trained.seconds:.0f} s", flush=True)
    return trained.model, accuracy


def train(stage: Stage, task: Task, seed: int, options: Options, label: str) -> Trained:
    """Train one stage, or read what an earlier call left in the work folder."""
    work = options.work / options.name / f"{label}-{stage.recipe.fingerprint}-{seed}"
    work.mkdir(parents=True, exist_ok=True)
    return stages.run(stage, task, seed, work, Silent())


def accuracy(model: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> Metric:
    """The share of images whose largest output is their label's."""
    parts = zip(torch.split(images, 50), torch.split(labels, 50), strict=True)  # fit into a core's cache
    right = sum(int((model(x).argmax(1) == y).sum()) for x, y in parts)
    return Metric("accuracy", right / len(labels), n=len(labels))


def channels_last_(net: nn.Module) -> nn.Module:
    """The same network with its convolutions' weights in the order that CPUs train fastest with."""
    for parameter in net.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return net


def smaller(dense: nn.Module, pruned: nn.Module, example_inputs: tuple[Tensor, ...]) -> float:
    """How many times smaller is the pruned network's `.sct` than the dense network's safetensors file?"""
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "dense.safetensors"), Path(folder, "pruned.sct")
        save_state(dense, before)
        write_graph(trace(pruned, example_inputs), after, {})
        return before.stat().st_size / after.stat().st_size


def spread(values: Sequence[float], digits: int = 2) -> str:
    """`98.20 (98.10 to 98.30)`: mean, and from lowest to highest where there are several."""
    text = f"{mean(values):.{digits}f}"
    if len(values) == 1:
        return text
    return f"{text} ({min(values):.{digits}f} to {max(values):.{digits}f})"


@dataclass
class Sheet:
    """Sections that are printed at the end, and with `--write` kept: again after every training."""

    options: Options
    title: str
    sections: dict[str, str] = field(default_factory=dict)

    def put(self, heading: str, text: str) -> None:
        """Set a section, anew where it is there already, and write the sheet as far as it goes."""
        self.sections[heading] = text
        if self.options.write:
            RESULTS.mkdir(exist_ok=True)
            path = RESULTS / f"{self.options.name}.md"
            path.write_text(f"{self}\n\n{_origin(self.options)}\n", encoding="utf-8")

    def __str__(self) -> str:
        sections = [f"## {heading}\n\n{text}" for heading, text in self.sections.items()]
        return "\n\n".join([f"# {self.title}", *sections])


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, numbers to the right."""
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *rows])


def _origin(options: Options) -> str:
    """How the figures came about."""
    command = f"python -m benchmarks.{options.name} --seeds {len(options.seeds)} --write"
    where, threads = machine.describe(), torch.get_num_threads()
    return (
        f"Made by `{command}` on {date.today()}, revision {revision()}. PyTorch {where['torch']}, "
        f"{threads} thread{'s' if threads > 1 else ''}; Python {where['python']}, {where['system']}, "
        f"{where['processor']}, {where['cores']} cores that other work shared."
    )


def revision() -> str:
    """Of this checkout."""
    asked = ["git", "describe", "--always", "--dirty"]
    answer = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"
