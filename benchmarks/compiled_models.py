"""Which public architectures does `secateur.compile` take, and do they answer as ONNX Runtime does?

python -m benchmarks.compiled_models [--only 'timm/*'] [--work FOLDER] [--write]

Architectures, weights and processes with limits are those of `benchmarks.model_matrix`, and need the extra
`matrix`. Results are kept in the work folder; a run that was interrupted goes on there.
"""

import argparse
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import onnx_ir
from benchmarks.common import RESULTS, give_up, table
from benchmarks.matrix.architecture import Architecture
from benchmarks.matrix.catalogue import catalogue
from benchmarks.matrix.libraries import missing, quiet
from benchmarks.matrix.processes import Limits, run_all
from benchmarks.matrix.random_weights import randomise_

import secateur
from secateur.compiler.check import TOLERANCE, difference
from secateur.graph.trace import trace

HEADER = ["architecture", "operators", "compiled", "differs by"]
INTRODUCTION = f"""\
# Architectures as C

Public architectures with random weights, none of them trivial; batch 1. *yes*: the answer differs from ONNX
Runtime's by at most {TOLERANCE:g} of the largest output. Each is a process of its own with {{seconds:g}} s
of CPU time and {{gigabytes:g}} GB of memory, for building, tracing and comparing.
"""


@dataclass(frozen=True)
class Result:
    """What became of one architecture.

    Attributes:
        name: of it.
        operators: of the graph that ONNX Runtime runs, kinds with their numbers.
        problem: the first line of what was raised, or of what took too long; "" where there is an answer.
        difference: of the answer from ONNX Runtime's, as a part of the largest output.
    """

    name: str
    operators: str = ""
    problem: str = ""
    difference: float | None = None

    @property
    def verdict(self) -> str:
        """For the table."""
        if self.difference is None:
            return self.problem
        return "yes" if self.difference <= TOLERANCE else "**wrong**"


def run_one(name: str, tell: Callable[[str], None] = lambda _: None) -> Result:
    """Compile one architecture and call it, in this process and without limits."""
    quiet()
    architecture = catalogue()[name]
    operators = ""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache  # libraries with all weights are large
        try:
            tell("build")
            example = architecture.draw(1, 0)
            model = randomise_(architecture.build(), example)
            tell("trace")
            graph = trace(model, example, any_batch=False)
            operators = _operators(graph)
            tell("compile")
            compiled = secateur.compile(graph)
            tell("compare")
            inputs = [x.numpy() for x in architecture.draw(1, 1)]
            return Result(name, operators, "", difference(compiled, graph, inputs))
        except Exception as error:  # whatever it is, it is this architecture's line in the table
            first = (str(error).splitlines() or [""])[0]
            return Result(name, operators, f"{type(error).__name__}: {first}")


def _operators(graph: onnx_ir.Model) -> str:
    counts = Counter(node.op_type for node in graph.graph)
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is not in the work folder yet, then write the page."""
    given = _parser().parse_args(arguments)
    if missing():
        give_up(f"{', '.join(missing())}: not installed. Try: pip install -e '.[matrix]'")
    chosen = [a for a in catalogue().values() if any(fnmatchcase(a.name, pattern) for pattern in given.only)]
    if not chosen:
        give_up(f"No architecture matches {', '.join(given.only)}. Names are like torchvision/resnet18.")
    limits = Limits(given.limit_seconds, given.limit_gb)
    with tempfile.TemporaryDirectory() as temporary:
        results = run(chosen, given.work or Path(temporary), limits)
    text = page(chosen, results, limits)
    print(text)
    if given.write:
        (RESULTS / "compiled_models.md").write_text(text, encoding="utf-8")


def run(architectures: Sequence[Architecture], work: Path, limits: Limits) -> dict[str, Result]:
    """Name -> what became of it; each is noted in `compiled.jsonl` of the work folder at once."""
    (work / "logs").mkdir(parents=True, exist_ok=True)
    file = work / "compiled.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    found = {result.name: result for result in (Result(**json.loads(line)) for line in lines)}
    jobs = {a.name: partial(run_one, a.name) for a in architectures if a.name not in found}
    for ended in run_all(jobs, limits, 1, work / "logs", ["benchmarks.matrix.preload"]):
        result = ended.answer or Result(ended.name, "", f"{ended.problem} ({ended.stage})")
        found[result.name] = result
        with file.open("a", encoding="utf-8") as notes:
            notes.write(json.dumps(asdict(result)) + "\n")
        print(result.name, result.verdict, result.difference or "", flush=True)
    return found


def page(architectures: Sequence[Architecture], results: dict[str, Result], limits: Limits) -> str:
    """The page in Markdown."""
    known = [results[a.name] for a in architectures if a.name in results]
    right = sum(result.verdict == "yes" for result in known)
    rows = [[r.name, r.operators, r.verdict.replace("|", "\\|"), _shown(r.difference)] for r in known]
    introduction = INTRODUCTION.format(seconds=limits.seconds, gigabytes=limits.gigabytes)
    return f"{introduction}\n{right} of {len(known)} are compiled and right.\n\n{table(HEADER, rows)}\n"


def _shown(apart: float | None) -> str:
    return "" if apart is None else f"{apart:.1e}"


def _parser() -> argparse.ArgumentParser:
    question = str(__doc__).split("\n", maxsplit=1)[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compiled_models", description=question)
    parser.add_argument("--write", action="store_true", help="keep the table in results/compiled_models.md")
    parser.add_argument("--work", type=Path, help="keep results here, and go on from them")
    parser.add_argument(
        "--only", nargs="+", default=["*"], metavar="PATTERN", help="for instance 'timm/vit*'"
    )
    parser.add_argument(
        "--limit-seconds", type=float, default=240, help="of CPU time each (default: %(default)s)"
    )
    parser.add_argument("--limit-gb", type=float, default=8, help="of memory each (default: %(default)s)")
    return parser


if __name__ == "__main__":
    main()
