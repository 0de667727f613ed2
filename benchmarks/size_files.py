"""Which files does the size benchmark make of one network, and how good is each?"""

import gzip
import re
from dataclasses import dataclass, replace
from pathlib import Path

import zstandard
from benchmarks.common import Options, train
from benchmarks.size_tasks import Subject
from torch import nn

from secateur import Compression, Int8, Recipe, Recovery, WeightOnly, stages
from secateur.core.masks import Masks
from secateur.export import save_state, state_hash
from secateur.graph.trace import trace
from secateur.in_runtime import Inputs
from secateur.recovery.inputs import seen_inputs
from secateur.recovery.judge import evaluated
from secateur.report import candidates
from secateur.report.candidates import Candidate
from secateur.stages import Stage, Trained

DENSE = "dense, safetensors"
CONTROL = "dense, trained on for as many steps"
PRUNED = "pruned"
SHARED = "shared"
INT8 = "int8 weights"
BOTH = "pruned and shared"
BOTH_INT8 = "pruned, int8 weights"
RUNTIME = "dense, int8 by ONNX Runtime (.onnx)"
UNTRAINED = Recovery(steps=0)


@dataclass(frozen=True)
class Made:
    """One file.

    Attributes:
        size: bytes.
        percent: test accuracy of what it holds.
        left: fraction of all weights that are not zero; None where that says nothing.
        path: of the file, where it is a `.sct`.
    """

    size: int
    percent: float
    left: float | None = None
    path: Path | None = None


class Files:
    """The files of one network and seed; trainings are kept in the work folder."""

    def __init__(self, subject: Subject, given: Options, seed: int) -> None:
        self.subject, self.given, self.seed = subject, given, seed
        self.folder = given.work / given.name / f"{subject.name}-files-{seed}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.task = subject.make(given)
        untrained = subject.untrained(given, seed)
        if untrained is not None:
            self.task.model = train(untrained, self.task, seed, given, subject.name).model
        self.recipe = subject.recipe(given)
        graph = trace(self.task.model, self.task.example_inputs)
        file = self.folder / "dense.safetensors"
        save_state(self.task.model, file)
        metric = evaluated(self.task.evaluate, self.task.model)
        self.dense = Candidate("dense", self.task.model, graph, file, metric, Masks(), 0)

    def all(self) -> dict[str, Made]:
        """Every file by what it is called in the table."""
        plain = replace(self.recipe, compress=None)
        pruned = self._candidate(stages.pruned(self.task, plain), PRUNED)
        control = self._train(stages.dense_control(self.task, self.recipe))
        int8 = Compression(WeightOnly(8), recovery=UNTRAINED)
        found = {
            **self._dense(),
            CONTROL: Made(self.dense.file.stat().st_size, self._percent(control.model)),
            RUNTIME: self._runtime(),
            PRUNED: self._made(pruned),
            SHARED: self._compressed(SHARED, self.recipe, self.dense.model),
            INT8: self._compressed(INT8, replace(self.recipe, compress=int8), self.dense.model),
            BOTH_INT8: self._compressed(BOTH_INT8, replace(self.recipe, compress=int8), pruned.model),
            BOTH: self._compressed(BOTH, self.recipe, pruned.model),
        }
        for name, made in found.items():
            print(f"{self.subject.name} seed {self.seed}: {name}: {made.size:,} bytes, {made.percent:.2f} %")
        return found

    def _dense(self) -> dict[str, Made]:
        data, percent = self.dense.file.read_bytes(), 100 * self.dense.metric.value
        sizes = {
            DENSE: len(data),
            "dense, gzip -9": len(gzip.compress(data, 9)),
            "dense, zstd -19": len(zstandard.compress(data, 19)),
        }
        return {name: Made(size, percent) for name, size in sizes.items()}

    def _runtime(self) -> Made:
        """Post-training int8, as ONNX: weights and activations."""
        options = Compression(Int8(), recovery=UNTRAINED, vectors="float32")
        candidate = self._compress(RUNTIME, replace(self.recipe, compress=options), self.dense.model)
        return Made(len(candidates.onnx_bytes(candidate.graph)), 100 * candidate.metric.value)

    def _compressed(self, name: str, recipe: Recipe, source: nn.Module) -> Made:
        return self._made(self._compress(name, recipe, source))

    def _compress(self, name: str, recipe: Recipe, source: nn.Module) -> Candidate:
        assert recipe.compress is not None, "every subject says how it is compressed"
        calibration: list[Inputs] = []
        if isinstance(recipe.compress.method, Int8):
            calibration = seen_inputs(source, self.task, recipe.compress.method.batches, self.seed)
        stage = replace(stages.compressed(recipe, source), name=_slug(name))
        trained = self._train(stage)
        path = self.folder / f"{stage.name}.sct"
        return candidates.compressed(trained, self.task, recipe, self.dense, path, calibration)

    def _candidate(self, stage: Stage, name: str) -> Candidate:
        return candidates.of_stage(self._train(stage), self.task, self.dense, self.folder / f"{name}.sct")

    def _train(self, stage: Stage) -> Trained:
        """Kept by where it starts as well: another dense network is another training."""
        label = f"{self.subject.name}-{state_hash(stage.start())[:8]}"
        return train(stage, self.task, self.seed, self.given, label)

    def _percent(self, model: nn.Module) -> float:
        return 100 * evaluated(self.task.evaluate, model).value

    def _made(self, candidate: Candidate) -> Made:
        weights = [p for p in candidate.model.parameters() if p.dim() > 1]
        left = sum(int((p != 0).sum()) for p in weights) / sum(p.numel() for p in weights)
        size = candidate.file.stat().st_size
        return Made(size, 100 * candidate.metric.value, left, candidate.file)


def _slug(name: str) -> str:
    """Fit for the name of a file."""
    return "-".join(re.findall(r"\w+", name))
