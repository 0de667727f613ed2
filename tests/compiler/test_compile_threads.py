"""Does the number of threads change nothing but the time, and is the caller's processor left as it was?"""

import multiprocessing
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from c_programs import run
from compiled_nets import graph
from numpy.typing import NDArray
from torch import nn

from secateur.compiler import CompiledModel, sources_of
from secateur.compiler import compile as compile_
from secateur.compiler.build import write
from secateur.compiler.targets import target_of
from secateur.compiler.toolchain import toolchain
from secateur.errors import CompileError
from secateur.graph.trace import trace


@pytest.mark.parametrize("name", ["residual", "linear", "signal"])
def test_answers_are_the_same_bits_for_any_number_of_threads(name: str) -> None:
    net, inputs = graph(name)
    one = compile_(net)(*inputs)
    for threads in (2, 3):
        compiled = compile_(net, threads=threads)
        for _ in range(20):
            np.testing.assert_array_equal(compiled(*inputs), one)


@pytest.mark.parametrize("threads", [0, -1, 257, 1.5])
def test_numbers_of_threads_that_mean_nothing_are_refused(threads: Any) -> None:
    with pytest.raises(CompileError, match=f"threads = {threads}. Expected a whole number from 1 to 256"):
        compile_(graph("linear")[0], threads=threads)


def test_calls_from_several_threads_wait_for_one_another() -> None:
    net, inputs = graph("residual")
    compiled = compile_(net, threads=2)
    expected = compiled(*inputs)
    models = [CompiledModel(compiled.library, compiled.sources) for _ in range(3)]  # an arena each
    wrong: list[NDArray[Any]] = []

    def work(model: CompiledModel) -> None:
        answers = [model(*inputs) for _ in range(20)]
        wrong.extend(answer for answer in answers if not np.array_equal(answer, expected))

    workers = [threading.Thread(target=work, args=(model,)) for model in models]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not wrong
    assert not any(worker.is_alive() for worker in workers)


def _in_child(compiled: CompiledModel, inputs: list[NDArray[Any]], sent: Any) -> None:
    sent.send(compiled(*inputs))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_makes_threads_of_its_own() -> None:
    net, inputs = graph("linear")
    compiled = compile_(net, threads=2)
    expected = compiled(*inputs)
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_in_child, args=(compiled, inputs, there))
    child.start()
    assert here.poll(60), "the child does not answer"
    np.testing.assert_array_equal(here.recv(), expected)
    child.join(60)


PROGRAM = """
#include <stdio.h>
#include "model.h"
#include "kernels/subnormals.h"

static _Alignas(64) char arena[MODEL_ARENA_BYTES + 1];
static float x[MODEL_INPUT_0_SIZE], y[MODEL_OUTPUT_0_SIZE];

int main(void) {
    const void *inputs[] = {x};
    void *outputs[] = {y};
    for (int i = 0; i < MODEL_INPUT_0_SIZE; i++) x[i] = 1e-39f; /* subnormal */
    const float_mode_t before = float_mode();
    model_run(inputs, outputs, arena);
    volatile float small = 1e-39f;
    printf("%d %d %g", before == float_mode(), small * 2 > 0, y[0]);
    return 0;
}
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_subnormals_are_zero_inside_and_only_there(threads: int, tmp_path: Path) -> None:
    layer = nn.Linear(4, 3, bias=False)
    nn.init.constant_(layer.weight, 1e30)
    target = target_of("native")
    sources = sources_of(trace(layer, (torch.zeros(1, 4),), any_batch=False), target, {}, threads)
    write({**sources.files, "main.c": PROGRAM.encode()}, tmp_path)
    tools = toolchain(target).compile(target)
    command = [
        *tools,
        f"-I{tmp_path}",
        *(str(tmp_path / f"{name}.c") for name in ("main", "model", "weights")),
    ]
    code, text = run([*command, "-o", str(tmp_path / "main"), "-lm", "-pthread"])
    assert code == 0, text
    assert run([tmp_path / "main"]) == (0, "1 1 0")
