"""Does ResNet-20 keep its accuracy on CIFAR-10 with 80 % and 90 % of its weights gone?

Gradual magnitude pruning with distillation, beside the dense network on the same budget, random pruning,
and `torch.nn.utils.prune` (global L1, all at once) with the same fine-tuning: same optimizer steps,
learning rates, data, augmentation and teacher.
"""

import copy
from dataclasses import dataclass, field, replace
from statistics import mean

from benchmarks.cifar10_task import Cifar10, Quick
from benchmarks.common import Sheet, channels_last_, options, run, smaller, spread, table
from torch import nn
from torch.nn.utils import prune as torch_prune

from secateur import Distillation, Gradual, Recipe, Recovery, stages
from secateur.graph.weights import prunable
from secateur.recovery.judge import evaluated
from secateur.stages import Stage

STEPS = 1000  # optimizer steps of each training
LONGER = 3000  # of two more, to see what time brings


@dataclass
class Row:
    """One row of the table."""

    words: str
    steps: int
    percents: list[float] = field(default_factory=list)  # test accuracy of each seed
    ratio: float = 1.0  # dense safetensors file / .sct, of seed 0


def recipe(sparsity: float, steps: int) -> Recipe:
    """Gradual magnitude with distillation."""
    recovery = Recovery(
        steps=steps,
        optimizer="sgd",
        learning_rate=0.05,
        weight_decay=1e-4,
        evaluate_every=max(1, steps // 5),
        distillation=Distillation(weight=0.5, temperature=4.0),
    )
    return Recipe(sparsity=sparsity, schedule=Gradual(end=0.75), recovery=recovery)


def torch_pruned(task: Cifar10, recipe: Recipe) -> Stage:
    """`torch.nn.utils.prune` on the same weights, all at once, and the same training under its masks."""

    def start() -> nn.Module:
        model = copy.deepcopy(task.model)
        for parameter in model.parameters():  # global_unstructured refuses channels-last weights
            parameter.data = parameter.data.contiguous()
        owners = [name.rpartition(".")[0] for name in prunable(model)]
        weights = [(model.get_submodule(owner), "weight") for owner in owners]
        torch_prune.global_unstructured(
            weights, pruning_method=torch_prune.L1Unstructured, amount=recipe.sparsity
        )
        channels_last_(model)
        return model

    return Stage("torch_prune", recipe, start)


def compared(task: Cifar10, seed: int, steps: int, longer: int) -> dict[str, Stage]:
    """What is trained, by the words of the table; the most telling first."""
    eighty, ninety, patient = recipe(0.8, steps), recipe(0.9, steps), recipe(0.9, longer)
    untaught = replace(ninety, recovery=replace(ninety.recovery, distillation=Distillation(weight=0)))
    return {
        "dense, trained on": stages.dense_control(task, ninety),
        "90 %, secateur": stages.pruned(task, ninety),
        "90 %, torch.nn.utils.prune": torch_pruned(task, ninety),
        "80 %, secateur": stages.pruned(task, eighty),
        "80 %, torch.nn.utils.prune": torch_pruned(task, eighty),
        "90 %, random": stages.random_baseline(task, ninety, seed),
        "90 %, secateur, longer": stages.pruned(task, patient),
        "90 %, torch.nn.utils.prune, longer": torch_pruned(task, patient),
        "90 %, secateur, no teacher": stages.pruned(task, untaught),
        "90 %, torch.nn.utils.prune, no teacher": torch_pruned(task, untaught),
    }


def main() -> None:
    """Train all of them, seed after seed."""
    with options("cifar10", "Does ResNet-20 keep its accuracy on CIFAR-10 when pruned?") as given:
        sheet = Sheet(given, "CIFAR-10 (JPEG images): ResNet-20")
        task = Cifar10(given)
        rows = [Row("dense, as it came", 0, [100 * evaluated(task.evaluate, task.model).value])]
        steps, longer = (20, 40) if given.quick else (STEPS, LONGER)
        for seed in given.seeds:
            for words, stage in compared(task, seed, steps, longer).items():
                row = _row(rows, words, stage)
                model, percent = run(stage, task, seed, given, "cifar10")
                row.percents.append(percent)
                if "dense" not in words and seed == 0:
                    row.ratio = smaller(_plain(task.model), _plain(model), task.example_inputs)
                sheet.put("Test accuracy", _text(rows))
        print(f"\n{sheet}")


def _plain(model: nn.Module) -> nn.Module:
    """The network alone, float32, with `torch.nn.utils.prune`'s masks multiplied in: what is shipped."""
    assert isinstance(model, Quick)
    for module in model.net.modules():
        if hasattr(module, "weight_orig"):
            torch_prune.remove(module, "weight")  # type: ignore[no-untyped-call]
    for parameter in model.net.parameters():
        parameter.data += 0.0  # the masks leave -0.0, which `.sct` would keep as faithfully as any value
    return model.net


def _row(rows: list[Row], words: str, stage: Stage) -> Row:
    """The table's row of these words, new with the first seed."""
    for row in rows:
        if row.words == words:
            return row
    rows.append(Row(words, stage.recipe.recovery.steps))
    return rows[-1]


def _text(rows: list[Row]) -> str:
    dense = rows[0].percents[0]
    cells = [
        [
            row.words,
            f"{row.steps:,}",
            spread(row.percents),
            f"{mean(row.percents) - dense:+.2f}",
            f"{row.ratio:.1f}",
        ]
        for row in rows
    ]
    header = ["network", "steps", "test accuracy, %", "against dense, points", "times smaller (.sct)"]
    seeds = max(len(row.percents) for row in rows)
    return (
        f"{table(header, cells)}\n\n"
        f"{seeds} seed{'s' if seeds > 1 else ''}; {STEPS:,} steps of 64 images are {STEPS * 64 / 50000:.1f} "
        "epochs. 2,000 test images choose the checkpoints, the accuracy is that on the other 8,000."
    )


if __name__ == "__main__":
    main()
