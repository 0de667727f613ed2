"""Costs that are measured explain the times, and decide which way a layer is computed."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from matrices import layer, sparse
from operators import numbers

import secateur.compiler
from secateur.cli.calibrate import command
from secateur.compiler import calibration
from secateur.compiler.calibration import calibrate, samples
from secateur.compiler.calibration.fit import fitted
from secateur.compiler.calibration.samples import Conv, Product
from secateur.compiler.costs import NARROW, Costs, total
from secateur.compiler.costs_file import costs_of, kept_file, make_room, read_costs, write_costs
from secateur.compiler.targets import target_of
from secateur.errors import CompileError, OutputError


class TestFit:
    def test_costs_that_explain_all_times_are_found(self) -> None:
        rng = np.random.default_rng(0)
        true = {"a": 2.0, "b": 0.01, "c": 0.0}
        work = [dict(zip(true, map(float, rng.integers(1, 1000, 3)), strict=True)) for _ in range(40)]
        times = np.array([sum(count * true[name] for name, count in pieces.items()) for pieces in work])
        costs, error = fitted(work, times, {"a": 1.0, "b": 1.0, "c": 1.0})
        assert costs == pytest.approx(true, abs=1e-4)
        assert error < 1e-6

    def test_no_cost_is_below_zero(self) -> None:
        work = [{"a": 1.0, "b": 1.0}, {"a": 2.0, "b": 1.0}, {"a": 3.0, "b": 1.0}]
        costs, _ = fitted(work, np.array([1.0, 3.0, 5.0]), {"a": 1.0, "b": 1.0})  # b would be -1
        assert costs["b"] == 0
        assert costs["a"] > 0

    def test_what_was_not_measured_keeps_its_proportion(self) -> None:
        costs, _ = fitted([{"a": 10.0}], np.array([50.0]), {"a": 1.0, "unseen": 3.0})
        assert costs == pytest.approx({"a": 5.0, "unseen": 15.0})


@pytest.fixture
def few_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for the way from layers to costs, in seconds."""
    monkeypatch.setattr(samples, "CONVS", (Conv(16, 16, 1, 14), Conv(8, 16, 3, 9), Conv(8, 8, 3, 8, 2, 0.0)))
    monkeypatch.setattr(samples, "PRODUCTS", (Product(64, 48, 1), Product(64, 48, 16, 0.0)))
    monkeypatch.setattr(calibration, "ROUNDS", 2)


@pytest.mark.usefixtures("few_layers")
class TestCalibrate:
    def test_every_way_is_measured(self) -> None:
        told: list[str] = []
        found = calibrate(NARROW, told.append)
        assert len(found.after) == len(found.before) == 5
        assert (found.after >= 1).all()
        assert found.ways > 20
        assert all(np.isfinite(list(part.values())).all() for part in asdict(found.costs).values())
        assert found.costs.conv != NARROW.conv
        assert told

    def test_the_command_keeps_what_compile_then_uses(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        answer = CliRunner().invoke(command, ["--json"])
        assert answer.exit_code == 0, answer.output
        facts = json.loads(answer.stdout)
        assert Path(facts["file"]) == kept_file()
        assert asdict(costs_of(target_of("native"))) == facts["costs"]
        assert costs_of(target_of("cortex-m4")) == NARROW

    def test_the_command_writes_a_file_for_other_machines(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        answer = CliRunner().invoke(command, ["--out", str(tmp_path / "costs.json")])
        assert answer.exit_code == 0, answer.output
        assert "secateur compile --costs" in answer.stdout
        assert not kept_file().exists()
        assert read_costs(tmp_path / "costs.json").matrix.dense >= 0


class TestCostsFile:
    def test_what_is_written_is_read(self, tmp_path: Path) -> None:
        write_costs(NARROW, tmp_path / "costs.json")
        assert read_costs(tmp_path / "costs.json") == NARROW

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"format": "other"}, "its format is not"),
            ({"conv": {}}, "'conv' does not have exactly"),
            ({"matrix": asdict(NARROW.matrix) | {"dense": -1}}, "matrix.dense is -1"),
            ({"matrix": asdict(NARROW.matrix) | {"dense": float("nan")}}, "matrix.dense is nan"),
            ({"matrix": asdict(NARROW.matrix) | {"dense": "1"}}, "matrix.dense is '1'"),
            ({"conv": asdict(NARROW.conv) | {"cache": 0}}, "a cache of 0 bytes"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path: Path, change: dict[str, object], message: str) -> None:
        path = tmp_path / "costs.json"
        write_costs(NARROW, path)
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        with pytest.raises(CompileError, match=message):
            read_costs(path)

    @pytest.mark.parametrize("content", [None, "not JSON", "[]"])
    def test_a_file_that_is_not_one_of_ours(self, tmp_path: Path, content: str | None) -> None:
        path = tmp_path / "costs.json"
        if content is not None:
            path.write_text(content)
        with pytest.raises(CompileError, match="`secateur calibrate`"):
            read_costs(path)

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="cannot be made"):
            make_room(tmp_path / "file" / "costs.json")


class TestChoice:
    def test_costs_decide_the_form_of_a_matrix(self, tmp_path: Path) -> None:
        graph, forms = layer(sparse(64, 128, 0.5), 1), set()
        for cost in (0.0, 1e6):
            path = tmp_path / f"{cost}.json"
            write_costs(_with(NARROW, dense_alone=cost, dense=cost), path)
            compiled = secateur.compiler.compile(graph, costs=path)
            forms.add(compiled.sources.steps[0].form)
        assert "dense" in forms
        assert len(forms) == 2

    def test_any_costs_give_the_same_answers(self, tmp_path: Path) -> None:
        weight, x = sparse(64, 128, 0.3), numbers(5, 128)
        path = tmp_path / "costs.json"
        write_costs(_with(NARROW, dense=1e6), path)
        one, other = (secateur.compiler.compile(layer(weight, 5), costs=given)(x) for given in (None, path))
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)

    def test_total_is_the_sum_of_pieces(self) -> None:
        conv = replace(NARROW.conv, element=2.0, sums=3.0)
        assert total({"element": 10.0, "sums": 1.0}, conv) == 23.0


def _with(costs: Costs, **matrix: float) -> Costs:
    return replace(costs, matrix=replace(costs.matrix, **matrix))
