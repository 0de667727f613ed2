import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner, Result
from onnx import TensorProto, helper, numpy_helper
from onnx.tools.update_model_dims import update_inputs_outputs_dims
from sample_report import sample

from secateur.cli import bench, report
from secateur.errors import ArtifactError, OutputError, SecateurError, TaskError
from secateur.measure.latency import Timing
from secateur.report import files

TASK = """
import torch


class Task:
    def __init__(self, features=3):
        self.model = torch.nn.Linear(features, 2, bias=False)
        self.example_inputs = (torch.zeros(1, features),)

    def batches(self):
        return []

    def loss(self, model, batch):
        return torch.zeros(())

    def evaluate(self, model):
        raise NotImplementedError


def wider():
    return Task(4)
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """y = x W^T with a free batch, as torch.nn.Linear(3, 2, bias=False) is exported."""
    weight = numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "weight")
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "weight"], ["y"], transB=1)],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])],
        [weight],
    )
    opset = helper.make_opsetid("", 18)
    path = tmp_path / "model.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString())
    (tmp_path / "task.py").write_text(TASK)
    return path


@pytest.fixture(autouse=True)
def same_number_of_threads() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def run(*arguments: object) -> Result:
    """The command as the group would run it, its own errors included."""
    result = CliRunner().invoke(bench.command, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_bench_tells_the_setting_the_machine_and_the_times(model: Path) -> None:
    lines = run(model, "--threads", 1, "--batch", 4).output.splitlines()
    assert lines[0].startswith(f"{model} in onnxruntime ")
    assert lines[0].endswith(", threads 1, batch 4")
    assert [line.split()[0] for line in lines[1:]] == ["machine", "warm-up", "runs", "median", "p10", "p90"]
    assert all(line.endswith(" ms") for line in lines[-3:])


def test_bench_prints_json(model: Path) -> None:
    facts = json.loads(run(model, "--json").output)
    latency = facts["latency_ms"]
    assert (latency["runtime"], latency["threads"], latency["batch"]) == ("onnxruntime", 1, 1)
    assert 0 < latency["p10"] <= latency["median"] <= latency["p90"]
    assert latency["runs"] >= 20
    assert facts["warmup"] == 10
    assert facts["machine"]["cores"] >= 1


@pytest.mark.parametrize("runtime", ["onnxruntime", "compiled"])
def test_bench_calls_with_the_batch_that_it_names(model: Path, runtime: str) -> None:
    latency = json.loads(run(model, "--runtime", runtime, "--batch", 4, "--json").output)["latency_ms"]
    assert (latency["runtime"], latency["batch"]) == (runtime, 4)
    onnx.save(update_inputs_outputs_dims(onnx.load(model), {"x": [1, 3]}, {"y": [1, 2]}), model)
    with pytest.raises(SecateurError, match=r"fixed batch of 1, but a batch of 8 .* Say --batch 1"):
        run(model, "--runtime", runtime, "--batch", 8)


def test_bench_in_torch_takes_the_network_from_the_task_and_the_weights_from_the_file(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = []

    def called_once(calls: dict[str, object], warmup: int) -> dict[str, Timing]:
        call = calls["call"]
        assert callable(call)
        answers.append(call())
        return {"call": Timing(1.0, 1.0, 1.0, 20)}

    monkeypatch.setattr("secateur.measure.latency.time_calls", called_once)
    monkeypatch.setattr(torch, "zeros", torch.ones)  # an example that shows the weights
    output = run(model, "--runtime", "torch", "--task", model.with_name("task.py:Task"), "--batch", 2).output
    assert output.startswith(f"{model} in torch ")
    assert torch.equal(answers[0], torch.tensor([[3.0, 12.0], [3.0, 12.0]]))  # 0+1+2 and 3+4+5


def test_bench_refuses_the_weights_of_another_network(model: Path) -> None:
    with pytest.raises(SecateurError, match=r"'weight' has the shape \[2, 4\]; in the file it has \[2, 3\]"):
        run(model, "--runtime", "torch", "--task", model.with_name("task.py:wider"))


@pytest.mark.parametrize("options", [("--runtime", "torch"), ("--task", "task.py:Task")])
def test_bench_in_torch_needs_a_task_and_nothing_else_does(model: Path, options: tuple[str, ...]) -> None:
    result = run(model, *options)
    assert result.exit_code == 2
    assert "belong together" in result.output


@pytest.mark.parametrize("options", [("--threads", "0"), ("--batch", "0"), ("--runtime", "tflite")])
def test_bench_refuses_impossible_options(model: Path, options: tuple[str, ...]) -> None:
    result = run(model, *options)
    assert result.exit_code == 2
    assert "Invalid value" in result.output


def test_bench_on_what_is_no_model(model: Path, tmp_path: Path) -> None:
    assert "does not exist" in run(tmp_path / "absent.sct").output
    for name in ("notes.sct", "notes.onnx"):
        (tmp_path / name).write_text("not a model")
        with pytest.raises(ArtifactError, match=name):
            run(tmp_path / name)
    with pytest.raises(TaskError, match="does not exist"):
        run(model, "--runtime", "torch", "--task", "absent.py:Task")


def test_report_writes_the_page_again_and_says_where(tmp_path: Path) -> None:
    files.write_json(sample(), tmp_path)
    result = CliRunner().invoke(report.command, [str(tmp_path)])
    assert result.exit_code == 0
    assert result.output.strip() == str((tmp_path / "report.html").resolve())
    assert "98.61 %" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_report_of_a_folder_without_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(report.command, [str(tmp_path)])
    assert isinstance(result.exception, OutputError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("runtime", ["onnxruntime", "compiled"])
def test_bench_takes_the_sizes_that_a_file_leaves_open(runtime: str, tmp_path: Path) -> None:
    path = tmp_path / "open.onnx"
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "time", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "time", 3])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    call = CliRunner().invoke
    assert call(bench.command, [str(path), "--runtime", runtime, "--shape", "x=2,5,3"]).exit_code == 0
    for options, message in (
        ((), "--shape x=..."),
        (("--shape", "x=2,5,4"), "[2, 5, 4] does not fit"),
        (("--shape", "X=2,5,3"), "There is no input 'X'. The network has: x."),
    ):
        error = call(bench.command, [str(path), "--runtime", runtime, *options]).exception
        assert isinstance(error, SecateurError)
        assert message in str(error)
