"""How is each job run in a process of its own, with a limit of time and of memory?

Processes are forked from one server that has imported the libraries already. The time is CPU time, so that
other work on the machine changes no verdict.
"""

import multiprocessing
import os
import resource
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, TypeAlias

GRACE = 10  # wall time may be this many times the limit: a process that waits forever uses no CPU

Job: TypeAlias = Callable[[Callable[[str], None]], Any]
"""Called with a function that it tells at which stage it is."""


@dataclass(frozen=True)
class Limits:
    """Of one process.

    Attributes:
        seconds: of CPU time.
        gigabytes: of memory in use.
    """

    seconds: float
    gigabytes: float


@dataclass(frozen=True)
class Ended:
    """How a job ended: with an answer, or with a problem at a stage."""

    name: str
    answer: Any = None
    stage: str = ""
    problem: str = ""


@dataclass
class _Running:
    name: str
    process: ForkServerProcess
    pipe: Connection
    limits: Limits
    since: float = field(default_factory=time.monotonic)
    stage: str = "start"
    answer: Any = None

    def listen(self) -> None:
        """Take what the job has told so far."""
        try:
            while self.pipe.poll():
                kind, value = self.pipe.recv()
                if kind == "stage":
                    self.stage = value
                else:
                    self.answer = value
        except (EOFError, ConnectionError):
            return

    def too_much(self) -> str:
        """What it uses too much of, "" while all is well."""
        if _gigabytes(self.process.pid) > self.limits.gigabytes:
            return f"over {self.limits.gigabytes:g} GB of memory"
        if time.monotonic() - self.since > GRACE * self.limits.seconds:
            return f"over {GRACE * self.limits.seconds:g} s on the clock"
        return ""

    def ended(self, problem: str) -> Ended:
        """Its end, once the process is gone."""
        if self.answer is not None:
            return Ended(self.name, self.answer)
        if not problem and self.process.exitcode == -signal.SIGXCPU:
            problem = f"over {self.limits.seconds:g} s of CPU time"
        return Ended(self.name, None, self.stage, problem or f"exit code {self.process.exitcode}")


def run_all(
    jobs: Mapping[str, Job], limits: Limits, at_once: int, logs: Path, preload: Sequence[str] = ()
) -> Iterator[Ended]:
    """Run the jobs, `at_once` of them side by side, and tell of each when it has ended.

    Args:
        jobs: by name; they can be pickled.
        limits: of each.
        at_once: processes.
        logs: folder that gets what a job prints, as `<name>.log`.
        preload: modules that the server imports.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    waiting = deque(jobs.items())
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                name, job = waiting.popleft()
                running.append(_start(context, name, job, limits, logs))
            time.sleep(0.1)
            for one in list(running):
                one.listen()
                problem = one.too_much() if one.process.is_alive() else ""
                if problem or not one.process.is_alive():
                    running.remove(one)
                    yield _stop(one, problem)
    finally:
        for one in running:
            _stop(one, "interrupted")


def _start(context: Any, name: str, job: Job, limits: Limits, logs: Path) -> _Running:
    here, there = context.Pipe(duplex=False)
    log = logs / f"{name.replace('/', '-').replace(' ', '-')}.log"
    process = context.Process(target=_work, args=(job, there, limits, log), daemon=True)
    process.start()
    there.close()
    return _Running(name, process, here, limits)


def _stop(one: _Running, problem: str) -> Ended:
    if one.process.is_alive():
        one.process.kill()
    one.process.join()
    one.listen()
    ended = one.ended(problem)
    one.pipe.close()
    return ended


def _work(job: Job, pipe: Connection, limits: Limits, log: Path) -> None:
    """In the new process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (round(limits.seconds), round(limits.seconds) + 5))
    sys.stdout.flush()
    with log.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        pipe.send(("answer", job(lambda stage: pipe.send(("stage", stage)))))


def _gigabytes(pid: int | None) -> float:
    """Memory that the process has in use, 0 where that is unknown."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e9
