"""Which public architectures can be cut with nothing written by hand, and are they right afterwards?

Each architecture is cut by secateur and by torch-pruning, each in a process of its own. Needs the extra
`matrix`. Results are kept in the work folder; a run that was interrupted goes on there.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from benchmarks.common import give_up
from benchmarks.matrix.architecture import Architecture
from benchmarks.matrix.catalogue import FAST, catalogue, run_one
from benchmarks.matrix.libraries import missing
from benchmarks.matrix.page import page
from benchmarks.matrix.processes import Ended, Limits, run_all
from benchmarks.matrix.result import TOOLS, Result, append, read

__all__ = ["FAST", "main", "run_one"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is not in the work folder yet, then write the page."""
    given = _parser().parse_args(arguments)
    if missing():
        give_up(f"{', '.join(missing())}: not installed. Try: pip install -e '.[matrix]'")
    limits = Limits(given.limit_seconds, given.limit_gb)
    chosen = [a for a in catalogue().values() if _wanted(a, given.only, given.fast)]
    if not chosen:
        give_up(f"No architecture matches {', '.join(given.only)}. Names are like torchvision/resnet18.")
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        if not given.page_only:
            for result in run(chosen, work, limits, given.jobs, given.tool, given.again):
                print(_line(result), flush=True)
        results = read(work / "results.jsonl")
    text = page(chosen, results, limits, _command(given))
    if given.out is None:
        print(text)
    else:
        given.out.write_text(text, encoding="utf-8")


def run(
    architectures: Sequence[Architecture],
    work: Path,
    limits: Limits,
    at_once: int = 2,
    tools: Sequence[str] = TOOLS,
    again: bool = False,
) -> Iterator[Result]:
    """Judge what has no result yet, and note each in `results.jsonl` of the work folder."""
    file, logs = work / "results.jsonl", work / "logs"
    logs.mkdir(exist_ok=True)
    known = set() if again else {(result.name, result.tool) for result in read(file)}
    pairs = [(a.name, tool) for a in architectures for tool in TOOLS if tool in tools]
    jobs = {
        f"{name} {tool}": partial(run_one, name, tool) for name, tool in pairs if (name, tool) not in known
    }
    for ended in run_all(jobs, limits, at_once, logs, ["benchmarks.matrix.preload"]):
        result = _result(ended)
        append(file, result)
        yield result


def _result(ended: Ended) -> Result:
    """What the process answered, or that it did not."""
    if isinstance(ended.answer, Result):
        return ended.answer
    name, _, tool = ended.name.partition(" ")
    return Result(name, next(t for t in TOOLS if t == tool), ended.stage, ended.problem)


def _wanted(architecture: Architecture, only: Sequence[str], fast: bool) -> bool:
    if fast and architecture.name not in FAST:
        return False
    return not only or any(fnmatchcase(architecture.name, pattern) for pattern in only)


def _line(result: Result) -> str:
    verdict = "passes" if result.passed else f"fails at {result.stage}: {result.problem}"
    seconds = "" if result.seconds is None else f" ({result.seconds:.1f} s)"
    return f"{result.name} {result.tool} {verdict}{seconds}"


def _command(given: argparse.Namespace) -> str:
    """That makes this page again, without the folders of this machine."""
    words = ["python -m benchmarks.model_matrix"]
    words += ["--fast"] if given.fast else []
    words += ["--only", *map(repr, given.only)] if given.only else []
    return " ".join([*words, "--out docs/model-matrix.md"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_matrix", description=__doc__)
    parser.add_argument("--out", type=Path, help="write the page here instead of printing it")
    parser.add_argument("--page-only", action="store_true", help="run nothing, write what is there")
    parser.add_argument("--work", type=Path, help="keep results here, and go on from them")
    parser.add_argument("--only", nargs="+", default=[], metavar="PATTERN", help="for instance 'timm/vit*'")
    parser.add_argument("--fast", action="store_true", help=f"only {len(FAST)} that stand for the others")
    parser.add_argument("--tool", nargs="+", choices=TOOLS, default=TOOLS, help="run only these")
    parser.add_argument("--again", action="store_true", help="run what has a result already, too")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side (default: %(default)s)")
    parser.add_argument(
        "--limit-seconds", type=float, default=120, help="of CPU time each (default: %(default)s)"
    )
    parser.add_argument("--limit-gb", type=float, default=10, help="of memory each (default: %(default)s)")
    return parser


if __name__ == "__main__":
    main()
