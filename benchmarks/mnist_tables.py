"""What do the MNIST trainings say, in tables?"""

from dataclasses import dataclass
from statistics import mean

from benchmarks.common import spread, table
from benchmarks.mnist_subjects import Subject

from secateur import Recipe

LOSS = 0.1  # points that the furthest network may lose


def twelve_times(subject: Subject, recipe: Recipe, percents: dict[str, list[float]], ratio: float) -> str:
    """12 times fewer weights, beside all comparisons."""
    names = {
        "dense": "dense",
        "dense_control": "dense, trained on for as many steps with the same teacher",
        "pruned": "secateur, 12 times fewer weights",
        "random_baseline": "random pruning, 12 times fewer weights",
    }
    rows = [[words, spread(percents[name])] for name, words in names.items()]
    gain = mean(percents["pruned"]) - mean(percents["dense"])
    return (
        f"{table(['network', 'test accuracy, %'], rows)}\n\n"
        f"Pruned against dense: {gain:+.2f} points; goal, no loss: {'reached' if gain >= 0 else 'missed'}. "
        f"The `.sct` is {ratio:.1f} times smaller than the dense safetensors file. Han et al., error at 12 "
        f"times: {subject.han}. {recipe.recovery.steps:,} optimizer steps of 64 images train the dense "
        "network, and as many each of the others."
    )


def ladder(subject: Subject, percents: dict[str, list[float]]) -> str:
    """Ever further, and other ways to get there."""
    dense, control = mean(percents["dense"]), mean(percents["dense_control"])
    rungs = [(f"{f}x", f, percents.get(f"curve_{f}x")) for f in subject.ladder]
    rungs += [(f"{f}x, {way}", f, percents.get(f"{f}x, {way}")) for f, way in subject.tries]
    climbed = [Rung(words, factor, values) for words, factor, values in rungs if values]
    rows = [
        [r.words, spread(r.percents), f"{r.mean - dense:+.2f}", f"{r.mean - control:+.2f}"] for r in climbed
    ]
    header = ["fewer weights", "test accuracy, %", "against dense, points", "against dense, trained on"]
    return (
        f"{table(header, rows)}\n\n"
        f"Furthest with at most {LOSS} points lost against dense ({dense:.2f} %): "
        f"{_furthest(climbed, dense)}; against dense, trained on ({control:.2f} %): "
        f"{_furthest(climbed, control)}. Dynamic Network Surgery, against dense: {subject.surgery}x."
    )


@dataclass(frozen=True)
class Rung:
    """One step of the ladder."""

    words: str
    factor: int
    percents: list[float]  # test accuracy of each seed

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return mean(self.percents)


def _furthest(climbed: list[Rung], reference: float) -> str:
    held = [rung for rung in climbed if rung.mean >= reference - LOSS]
    return max(held, key=lambda rung: rung.factor).words if held else "none of these"
