"""How is the whole job done: prune, recover, save, measure, prove?"""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from secateur import stages, version
from secateur.compressing import Outcome, attempt
from secateur.core.masks import Masks
from secateur.core.protocols import CoupledPattern
from secateur.core.task import Task
from secateur.errors import Interrupted, RecipeError
from secateur.export import save_state, state_hash
from secateur.graph.structure import Structure
from secateur.graph.weights import check_finite, prunable
from secateur.masking import plan
from secateur.measure import machine
from secateur.recipe import Compression, Recipe
from secateur.recovery import randomness
from secateur.recovery.constraint import free
from secateur.recovery.progress import Progress, Silent
from secateur.report import candidates, collect, cuts, files, native, stored
from secateur.report.candidates import Candidate
from secateur.report.schema import SCHEMA, CurvePoint, MetricInfo, Missing, Report
from secateur.report.stopwatch import Stopwatch
from secateur.report.verdict import verdict
from secateur.run_folder import RunFolder, check_free, claim
from secateur.stages import Stage, Trained
from secateur.tasks import check_narrow, check_task
from secateur.trimming import structure_for

NO_WIDTH = Missing(
    missing="the task has no narrow(width) method for a narrower network, or no step to train it"
)
NOT_COMPRESSED = Missing(missing="not asked for: [compress] in the recipe, or Recipe(compress=...)")
UNDONE = Missing(missing="it cost more than max_drop allows and was undone")
NOT_PRUNED = Missing(missing="nothing was removed, so nothing can be removed at random instead")
CURVE = (2.0, 4.0, 8.0, 16.0, 32.0)


@dataclass(frozen=True)
class Result:
    """What a run gives.

    Attributes:
        model: the network of model.sct, recovered, in evaluation mode; the task's own model is untouched.
        masks: which elements stay.
        report: the contents of report.json.
        folder: where the files lie, None where no `out` was given.
    """

    model: nn.Module
    masks: Masks
    report: Report
    folder: Path | None


def prune(
    task: Task,
    recipe: Recipe | None = None,
    *,
    out: str | Path | None = None,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    curve: Sequence[float] = (),
    progress: Progress | None = None,
) -> Result:
    """Prune the task's network, recover it, save it small, and prove all that against baselines.

    Args:
        task: the trained network, its data, loss and yardstick; see `Task`.
        recipe: what to remove and how to recover; 90 % by default.
        out: folder for the files and the report; without it they are measured and thrown away.
        seed: of everything that is drawn.
        resume: go on with an interrupted run in `out`, to the same bits.
        overwrite: delete an earlier run in `out` first.
        curve: factors of fewer weights to try as well, for the trade-off curve, such as `CURVE`.
        progress: is told what happens, and can stop the run.

    Raises:
        SecateurError: one of its kinds, see `secateur.errors`; no file is left half-written. Where it comes
            before anything was trained, `out` keeps what was begun and takes another run without `overwrite`.
    """
    recipe, progress = recipe or Recipe(), progress or Silent()
    watch = Stopwatch(progress, "saving")
    task = check_task(task)
    check_narrow(task)
    check_finite(task.model)
    if out is not None:
        check_free(Path(out), resume=resume, overwrite=overwrite)
    coupled = isinstance(recipe.pattern, CoupledPattern)
    with watch.part("structure", "tracing the network, to see what hangs together" if coupled else ""):
        structure = structure_for(task, recipe)
        _check_goals(task, recipe, curve, structure)
    with ExitStack() as stack:
        keep = out is not None
        path = Path(out) if out is not None else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        identity = {"task": type(task).__name__, "weights_sha256": state_hash(task.model)}
        folder = claim(path, recipe, seed, identity, resume=resume, overwrite=overwrite)
        stack.enter_context(randomness.preserved())
        job = _Job(task, recipe, seed, folder, progress, structure, watch)
        report = job.run(curve)
        files.write_json(report, folder.path)
        files.write_html(report, folder.path)
        return Result(job.final.model, job.final.masks, report, folder.path if keep else None)


def compress(
    task: Task,
    options: Compression | None = None,
    *,
    out: str | Path | None = None,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Share or quantise the weights of a trained network; as `prune`, but nothing is removed.

    Weights that are zero stay zero, so a network that was pruned elsewhere stays pruned.

    Args:
        task: the trained network, its data, loss and yardstick; see `Task`.
        options: codebooks of 16 values by default.
        out: folder for the files and the report; without it they are measured and thrown away.
        seed: of everything that is drawn.
        resume: go on with an interrupted run in `out`, to the same bits.
        overwrite: delete an earlier run in `out` first.
        progress: is told what happens, and can stop the run.

    Raises:
        SecateurError: one of its kinds, see `secateur.errors`; no file is left half-written. Where it comes
            before anything was trained, `out` keeps what was begun and takes another run without `overwrite`.
    """
    recipe = Recipe.without_pruning(options or Compression())
    return prune(task, recipe, out=out, seed=seed, resume=resume, overwrite=overwrite, progress=progress)


def _check_goals(task: Task, recipe: Recipe, curve: Sequence[float], structure: Structure | None) -> None:
    """Refuse what cannot be reached before hours of training, not after."""
    plan(task.model, recipe, structure)
    if recipe.compress:
        prunable(task.model, skip=recipe.compress.skip)
    if curve and recipe.pattern.ceiling < 1:
        raise RecipeError(
            f"{recipe.pattern} fixes the sparsity, so there is no curve to draw. Leave the curve out, or "
            "choose the pattern 'elements' or 'blocks'."
        )
    for factor in curve:
        if factor < 1:
            raise RecipeError(f"curve factor {factor:g}: expected 1 or more times fewer weights.")
        plan(task.model, recipe.with_sparsity(1 - 1 / factor), structure)


class _Job:
    """The stages of one run, in order, and what they left."""

    def __init__(
        self,
        task: Task,
        recipe: Recipe,
        seed: int,
        folder: RunFolder,
        progress: Progress,
        structure: Structure | None,
        watch: Stopwatch,
    ) -> None:
        self.task, self.recipe, self.seed = task, recipe, seed
        self.folder, self.progress, self.structure, self.watch = folder, progress, structure, watch
        self.trained: dict[str, Trained] = {}
        self.final: Candidate

    def run(self, curve: Sequence[float]) -> Report:
        """Train everything, write the files, measure, and put the report together."""
        with self.watch.part("dense", "tracing, saving and evaluating the dense network"):
            dense = candidates.dense(self.task, self.folder)
        model = self.folder.file("model.sct")
        pruned = self._make(
            stages.pruned(self.task, self.recipe, self.structure),
            dense,
            "sct" if self.recipe.compress else model,
        )
        outcome = None
        if self.recipe.compress:
            self.progress.note("sharing or quantising the weights")
            outcome = attempt(self._train, self.task, self.recipe, self.seed, self.folder, dense, pruned)
        final = self.final = outcome.compressed if outcome and outcome.kept else pruned
        save_state(final.model, self.folder.file("pruned.safetensors"))
        others = {
            stage.name: self._make(stage, dense, "safetensors" if stage.hold is free else "sct")
            for stage in self._baselines(model.stat().st_size)
        }
        points = [
            collect.curve_point(self._make(stage, dense, "sct"))
            for stage in (stages.curve_point(self.task, self.recipe, f, self.structure) for f in curve)
        ]
        return self._report({"dense": dense, "pruned": pruned, **others}, outcome, points)

    def _baselines(self, file_bytes: int) -> list[Stage]:
        """What the network in model.sct is compared with."""
        control = stages.dense_control(self.task, self.recipe)
        chance = (
            stages.random_baseline(self.task, self.recipe, self.seed, self.structure)
            if self.recipe.sparsity
            else None
        )
        small = stages.small_dense_baseline(self.task, self.recipe, file_bytes, self.seed)
        return [stage for stage in (control, chance, small) if stage is not None]

    def _train(self, stage: Stage) -> Trained:
        """One stage, trained, gone on with or read."""
        if self.progress.stop_requested():
            raise Interrupted(f"Stopped before {stage.name}. What was trained was left on disk.")
        with self.watch.part(stage.name):
            trained = stages.run(stage, self.task, self.seed, self.folder.work, self.progress)
        self.trained[stage.name] = trained
        return trained

    def _make(self, stage: Stage, dense: Candidate, file: Path | str) -> Candidate:
        """One stage, trained and saved; a file given by its ending goes to the work folder."""
        path = file if isinstance(file, Path) else self.folder.work / f"{stage.name}.{file}"
        trained = self._train(stage)
        self.progress.note(f"tracing, saving and evaluating {path.name}")
        return candidates.of_stage(trained, self.task, dense, path)

    def _report(
        self, compared: dict[str, Candidate], outcome: Outcome | None, points: list[CurvePoint]
    ) -> Report:
        compared = {**compared, self.final.name: self.final}
        with self.watch.part("latency", "measuring latency"):
            times = collect.latencies(list(compared.values()))
        with self.watch.part("compiling", "compiling to C, and measuring that"):
            compiled = native.info(compared["dense"], self.final)
        with self.watch.part("checks", "checking the files"):
            cut = cuts.info(compared["pruned"], compared["dense"], self.task)
            layers = stored.layers(self.final)
            rounded = self.final.name == "compressed"
            certificates = stored.certificates(self.final, self.task, rounded=rounded)
        entries = {name: collect.entry(c, self.recipe, times[name]) for name, c in compared.items()}
        report = Report(
            schema=SCHEMA,
            secateur=version.VERSION,
            task=type(self.task).__name__,
            metric=self._metric_info(compared["pruned"]),
            dense=entries["dense"],
            dense_control=entries["dense_control"],
            pruned=entries["pruned"],
            compressed=entries.get("compressed", UNDONE if outcome else NOT_COMPRESSED),
            random_baseline=entries.get("random_baseline", NOT_PRUNED),
            small_dense_baseline=entries.get("small_dense_baseline", NO_WIDTH),
            compression=outcome.info if outcome else NOT_COMPRESSED,
            ratios=collect.ratios(
                entries["dense"], entries[self.final.name], candidates.dense_sct_bytes(self.folder)
            ),
            cut=cut,
            compiled=compiled,
            layers=layers,
            certificates=certificates,
            history={name: collect.history(trained) for name, trained in self.trained.items()},
            curve=points or Missing(missing="not asked for: --curve, or prune(..., curve=CURVE)"),
            verdict=[],
            files={
                "artifact": "model.sct",
                "pruned": "pruned.safetensors",
                "dense": "dense.safetensors",
                "recipe": "recipe.toml",
            },
            recipe=self.recipe.to_dict(),
            recipe_fingerprint=self.recipe.fingerprint,
            seed=self.seed,
            machine=machine.describe(),
            seconds=self._seconds(),
        )
        wanted = self.recipe.recovery.distillation.wanted and self.recipe.recovery.steps > 0
        taught = self.trained["pruned"].training.taught
        report["verdict"] = verdict(report, taught=taught, wanted_teacher=wanted)
        return report

    def _seconds(self) -> dict[str, float]:
        """Of all parts, and their sum; what was trained before a resume counts as it did then."""
        trained = {name: trained.seconds for name, trained in self.trained.items()}
        parts = {**self.watch.read(), **trained}
        return {**parts, "total": sum(parts.values())}

    def _metric_info(self, pruned: Candidate) -> MetricInfo:
        metric = pruned.metric
        return MetricInfo(
            name=metric.name,
            higher_is_better=metric.higher_is_better,
            kind=metric.kind,
            checkpoint_chosen_on="validate" if hasattr(self.task, "validate") else "evaluate",
        )
