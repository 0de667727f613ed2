"""Which of ONNX's own tests of operators can be compiled, and do they pass?

The tests are the node tests of the package `onnx`. Many become one network, so that the C compiler is called
once for all of them.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

import secateur.compiler
from secateur.compiler.kernels import KERNELS
from secateur.compiler.passes.functions import FUNCTIONS
from secateur.compiler.targets import target_of
from secateur.errors import SecateurError
from secateur.network_file.read import as_graph

OPERATORS = {**FUNCTIONS, **KERNELS}
"""Name -> what writes it; its documentation says what it accepts."""
TENSOR = (np.ndarray, np.generic, onnx.TensorProto)
Arrays = Sequence[NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """One test.

    Attributes:
        name: as in the package.
        operator: that is tested.
        model: with those inputs as constants that the compiler wants to know.
        inputs: what is left of them.
        answers: that are expected.
        tolerance: (relative, absolute).
    """

    name: str
    operator: str
    model: onnx.ModelProto
    inputs: Arrays
    answers: Arrays
    tolerance: tuple[float, float]


def cases() -> list[Case]:
    """All node tests of operators that can be compiled, and of functions written out in such operators."""
    from onnx.backend.test.loader import load_model_tests

    found = []
    operators: dict[str, str] = {}
    for test in load_model_tests(kind="node"):
        assert test.model is not None, "node tests are made in memory"
        assert test.data_sets is not None, "and so is their data"
        name = test.name.removeprefix("test_")
        stem = name.partition("_expanded")[0]
        operators.setdefault(stem, test.model.graph.node[0].op_type)
        inputs, answers = test.data_sets[0]
        if operators[stem] in OPERATORS and all(isinstance(x, TENSOR) for x in (*inputs, *answers)):
            tolerance = (float(test.rtol), float(test.atol))
            inputs, answers = list(map(_array, inputs)), list(map(_array, answers))
            found.append(Case(name, operators[stem], test.model, inputs, answers, tolerance))
    return found


def _array(value: np.ndarray[Any, Any] | np.generic | onnx.TensorProto) -> NDArray[Any]:
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def compilable(case: Case) -> tuple[Case | None, str]:
    """The test as it can be compiled, with as few inputs made constants as that takes; else the reason."""
    reason = "has no inputs"
    for keep in sorted({len(case.inputs), min(1, len(case.inputs))} - {0}, reverse=True):
        fixed = _with_constants(case, keep)
        if any(array.size == 0 for array in fixed.inputs):
            reason = "has an input without elements"
            continue
        try:
            secateur.compiler.sources_of(as_graph(fixed.model), target_of("native"), {})
        except SecateurError as error:
            reason = _short(str(error))
        else:
            return fixed, ""
    return None, reason


def _short(reason: str) -> str:
    """Without the names in this test, and without advice."""
    text = re.sub(r"^The operator \w+ \(node '[^']*'\) |^The input '[^']*' |^'[^']*' ", "", reason)
    return re.split(r", which secateur|\. Expected", text)[0].replace("`", "")


def _with_constants(case: Case, keep: int) -> Case:
    """All inputs after the first `keep` become constants."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    given = list(model.graph.input)
    del model.graph.input[keep:]
    for value, array in zip(given[keep:], case.inputs[keep:], strict=True):
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, value.name))
    return replace(case, model=model, inputs=case.inputs[:keep])


def failures(group: Sequence[Case]) -> dict[str, str]:
    """Name of a test -> how its answer differs, of tests that are compiled as one network."""
    compiled = secateur.compiler.compile(as_graph(_joined([case.model for case in group])))
    with np.errstate(all="ignore"):
        answers = compiled(*(array for case in group for array in case.inputs))
    answers = iter(answers if isinstance(answers, tuple) else (answers,))
    differences = {case.name: _difference(case, [next(answers) for _ in case.answers]) for case in group}
    return {name: text for name, text in differences.items() if text}


def runtime_agrees(case: Case) -> bool:
    """Whether ONNX Runtime passes the test."""
    import onnxruntime

    session = onnxruntime.InferenceSession(case.model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [value.name for value in case.model.graph.input]
    return not _difference(case, session.run(None, dict(zip(names, case.inputs, strict=True))))


def _difference(case: Case, answers: Arrays) -> str:
    """How they differ from those that are expected; empty where they don't."""
    try:
        for wanted, got in zip(case.answers, answers, strict=True):
            np.testing.assert_allclose(got, wanted, *case.tolerance)
            assert got.dtype == wanted.dtype, f"{got.dtype} instead of {wanted.dtype}"
    except AssertionError as error:
        return " ".join(str(error).split())
    return ""


def _joined(models: Sequence[onnx.ModelProto]) -> onnx.ModelProto:
    """One network of several that have nothing in common."""
    graph = onnx.GraphProto(name="joined")
    whole = onnx.ModelProto(graph=graph, ir_version=max(m.ir_version for m in models))
    whole.opset_import.extend(models[0].opset_import)
    for index, model in enumerate(models):
        part = onnx.compose.add_prefix(model, f"case{index}_")
        for field in ("node", "input", "output", "initializer", "value_info"):
            getattr(whole.graph, field).extend(getattr(part.graph, field))
        whole.functions.extend(part.functions)
    return whole


def groups(found: Iterable[Case], size: int = 40) -> list[list[Case]]:
    """Tests of the same version of ONNX, together."""
    by_version: dict[str, list[Case]] = {}
    for case in found:
        versions = sorted((o.domain, o.version) for o in case.model.opset_import)
        by_version.setdefault(str(versions), []).append(case)
    return [same[i : i + size] for same in by_version.values() for i in range(0, len(same), size)]
