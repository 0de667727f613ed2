"""Realistic reports for the tests of the views, complete and with everything that may go missing."""

from typing import Any

from secateur.report.schema import (
    SCHEMA,
    CompressionStep,
    CurvePoint,
    Entry,
    HistoryPoint,
    Latency,
    Layer,
    Machine,
    Missing,
    Report,
    is_missing,
)

HOSTILE = "<script>alert('x')</script>&\"'<img src=http://evil.example/x.png>"

SHAPES = {
    "conv1.weight": [32, 1, 3, 3],
    "conv1.bias": [32],
    "conv2.weight": [64, 32, 3, 3],
    "conv2.bias": [64],
    "hidden.weight": [128, 256],
    "hidden.bias": [128],
    "classes.weight": [10, 128],
    "classes.bias": [10],
}


def sample() -> Report:
    """A complete report of the handwritten digits, with every field there."""
    layers = [layer(name, shape) for name, shape in SHAPES.items()]
    total = sum(row["elements"] for row in layers)
    left = sum(row["nonzero"] for row in layers)
    return Report(
        schema=SCHEMA,
        secateur="0.1.0",
        task="digits: 1,797 handwritten digits of 8 x 8 pixels",
        metric={
            "name": "accuracy",
            "higher_is_better": True,
            "kind": "proportion",
            "checkpoint_chosen_on": "validate",
        },
        dense=entry(0.9889, [0.9718, 0.9957], total, total, 212_704, latency(0.0412), 0),
        dense_control=entry(0.9917, [0.9757, 0.9972], total, total, 212_704, latency(0.0415), 600),
        pruned=entry(0.9861, [0.9680, 0.9940], total, left, 17_312, latency(0.0409), 600),
        compressed=missing("not asked for ([compress])"),
        random_baseline=entry(0.9333, [0.9026, 0.9549], total, left, 17_840, latency(0.0411), 600),
        small_dense_baseline=entry(0.9694, [0.9461, 0.9829], 4_180, 4_180, 17_420, latency(0.014)),
        compression=missing("not asked for ([compress])"),
        ratios={
            "bytes": 12.29,
            "bytes_without_pruning": 1.08,
            "parameters": total / left,
            "latency": 1.007,
        },
        cut=missing("the pattern leaves every channel where it is"),
        compiled={
            "dense": latency(0.0412),
            "pruned": {**latency(0.0173), "runtime": "compiled"},
            "times_faster": 2.38,
            "relative_diff": 1.1e-07,
            "flash_bytes": 41_200,
            "ram_bytes": 9_984,
        },
        layers=layers,
        certificates={
            "zeros_exact": True,
            "onnx_max_abs_diff": 4.8e-07,
            "reloaded_max_abs_diff": 4.8e-07,
            "rounded": False,
            "masks_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        },
        history={"pruned": history(0.9), "dense_control": history(0.0)},
        curve=[
            point(2, 0.9917, 92_480),
            point(4, 0.9889, 45_010),
            point(8, 0.9889, 22_310),
            point(16, 0.9806, 12_080),
            point(32, 0.9472, 7_150),
        ],
        verdict=[
            "90.0 % of the weights are gone; accuracy went from 98.89 % to 98.61 %, and the 95 % "
            "intervals overlap.",
            "The file is 12.3x smaller than the dense safetensors file (212,704 to 17,312 bytes).",
            "It is not faster: ONNX Runtime computes with the zeros as with any other number. Fewer "
            "channels, or a runtime with sparse kernels, would make it faster.",
        ],
        files={
            "artifact": "model.sct",
            "dense": "dense.safetensors",
            "onnx": "model.onnx",
            "json": "report.json",
        },
        recipe={
            "sparsity": 0.9,
            "criterion": {"name": "magnitude", "norm": 1},
            "pattern": {"name": "elements"},
            "schedule": {"name": "gradual", "begin": 0.0, "end": 0.5, "every": 10},
            "only": ["*.weight"],
            "distil": True,
            "rewind": None,
        },
        recipe_fingerprint="3b1f8c2e90ad",
        seed=0,
        machine=machine(),
        seconds={"train": 11.2, "recover": 14.9, "baselines": 18.4, "measure": 3.1, "total": 47.6},
    )


def step(name: str, value: float, size: int, file_format: str = "sct") -> CompressionStep:
    return CompressionStep(
        name=name, value=value, ci95=[value - 0.01, value + 0.01], file_bytes=size, file_format=file_format
    )


def with_cut() -> Report:
    """Half of the channels were cut off."""
    report = sample()
    report["cut"] = {
        "groups": [
            {"name": "conv1", "kind": "channels", "before": 32, "after": 16},
            {"name": "conv2", "kind": "channels", "before": 64, "after": 24},
        ],
        "multiply_adds": [1_000_000, 250_000],
        "max_abs_diff": 1.2e-06,
        "relative_diff": 2.0e-07,
        "inputs": 5,
    }
    return report


def with_cut_undone() -> Report:
    """The cut network answered something else, so the file holds the masked one."""
    report = with_cut()
    cut = report["cut"]
    assert not is_missing(cut)
    cut["max_abs_diff"] = cut["relative_diff"] = missing("the cut was undone: Net.forward answers otherwise")
    return report


def with_compression() -> Report:
    """The same network, with its weights shared as well."""
    report = sample()
    pruned = report["pruned"]
    report["compressed"] = {**pruned, "value": 0.9833, "ci95": [0.9640, 0.9924], "file_bytes": 9_120}
    report["compression"] = {
        "method": {"name": "codebook", "bits": 4, "parts": 1},
        "steps": [
            step("dense", 0.9889, 212_704, "safetensors"),
            step("pruned", 0.9861, 17_312),
            step("shared", 0.9806, 9_084),
            step("trained on", 0.9833, 9_120),
        ],
        "kept": True,
        "drop": 0.0028,
        "max_drop": 0.005,
    }
    report["certificates"]["rounded"] = True
    report["ratios"]["bytes"] = 212_704 / 9_120
    return report


def with_compression_undone() -> Report:
    """The method cost too much, so the file holds the pruned network."""
    report = with_compression()
    compression = report["compression"]
    assert not is_missing(compression)
    compression["kept"], compression["drop"] = False, 0.0125
    report["compressed"] = missing("it cost more than max_drop allows and was undone")
    report["certificates"]["rounded"] = False
    report["ratios"]["bytes"] = 212_704 / 17_312
    return report


def without_pruning() -> Report:
    """A trained network whose weights were shared; none was removed."""
    report = with_compression()
    compressed, compression = report["compressed"], report["compression"]
    assert not is_missing(compressed)
    assert not is_missing(compression)
    for entry_ in (report["pruned"], compressed):
        entry_["sparsity"], entry_["nonzero"] = 0.0, entry_["parameters"]
    compression["steps"][1]["name"] = "lossless"
    report["random_baseline"] = missing("nothing was removed, so nothing can be removed at random instead")
    return report


def with_everything_missing() -> Report:
    """The same with a reason in place of every value that may be missing."""
    report = sample()
    for entry_ in (report["dense"], report["pruned"]):
        entry_["latency_ms"] = missing("the runtime is not installed")
        entry_["ci95"] = missing("the task gives a mean without a standard deviation")
    report["dense_control"] = missing("asked not to train it (control = false)")
    report["random_baseline"] = missing("the run was stopped before it")
    report["small_dense_baseline"] = missing("the task has no narrow(width)")
    report["ratios"]["latency"] = missing("the runtime is not installed")
    report["curve"] = missing("not asked for (--curve)")
    report["compiled"] = missing("there is no C compiler for the target native")
    report["history"] = {}
    return report


def hostile() -> Report:
    """Markup wherever a person or a file may bring a string."""
    report = with_compression()
    report["cut"] = with_cut()["cut"]
    assert not is_missing(report["cut"])
    report["cut"]["groups"] = [{"name": HOSTILE, "kind": HOSTILE, "before": 4, "after": 2}]
    report["task"] = report["secateur"] = report["recipe_fingerprint"] = HOSTILE
    report["metric"]["name"] = report["metric"]["checkpoint_chosen_on"] = HOSTILE
    report["layers"] = [layer(HOSTILE + name, shape) for name, shape in SHAPES.items()]
    for row in report["layers"]:
        row["encoding"] = HOSTILE
    compressed, compression = report["compressed"], report["compression"]
    assert not is_missing(compressed)
    assert not is_missing(compression)
    compression["steps"] = [step(HOSTILE, 0.9, 100, HOSTILE) for _ in range(4)]
    compression["method"] = {"name": HOSTILE}
    for entry_ in (report["dense"], report["pruned"], compressed):
        entry_["file_format"] = HOSTILE
        entry_["latency_ms"] = {**latency(0.04), "runtime": HOSTILE}
    report["random_baseline"] = missing(HOSTILE)
    report["ratios"]["latency"] = missing(HOSTILE)
    report["certificates"]["masks_sha256"] = HOSTILE
    report["history"][HOSTILE] = history(0.5)
    report["verdict"] = [HOSTILE, "[bold red]not markup[/bold red]"]
    report["files"] = {HOSTILE: HOSTILE}
    report["recipe"] = {HOSTILE: {HOSTILE: [HOSTILE, 0.5]}}
    report["seconds"] = {HOSTILE: 1.0, "total": 1.0}
    for key in ("processor", "system", "python", "torch", "onnxruntime"):
        report["machine"][key] = HOSTILE
    return report


def with_layers(count: int) -> Report:
    """A network of so many parameters, of very different sizes and with long names."""
    report = sample()
    report["layers"] = [
        layer(
            f"features.denseblock{1 + i // 30}.denselayer{1 + i % 30}.conv{1 + i % 2}.weight",
            [8 + 37 * i % 250, 8 + 11 * i % 120, *([3, 3] if i % 2 else [1, 1])],
            sparsity=0.5 + 0.45 * (i * 61 % 100) / 100,
        )
        for i in range(count)
    ]
    return report


def a_loss_lower_is_better() -> Report:
    """A mean per example instead of a proportion, where less is better."""
    report = sample()
    report["metric"] = {
        "name": "cross-entropy",
        "higher_is_better": False,
        "kind": "mean",
        "checkpoint_chosen_on": "evaluate",
    }
    values = {"dense": 1.234, "dense_control": 1.201, "pruned": 1.2589, "random_baseline": 1.9}
    entries: dict[str, Any] = dict(report)
    for name, value in values.items():
        entries[name].update(value=value, ci95=[value - 0.04, value + 0.04])
    report["small_dense_baseline"] = missing("the task has no narrow(width)")
    report["curve"] = missing("not asked for (--curve)")
    for points in report["history"].values():
        for point_ in points:
            point_["value"] = 2.2 - point_["value"]
    return report


def guessing_at_random() -> Report:
    """Random pruning at the level of guessing: far off the scale of the others."""
    report = sample()
    report["random_baseline"] = entry(0.1, [0.073, 0.135], 53_002, 5_511, 17_840, latency(0.0411), 600)
    return report


def missing(why: str) -> Missing:
    """No value, but a reason."""
    return {"missing": why}


def entry(
    value: float,
    ci95: list[float],
    parameters: int,
    nonzero: int,
    file_bytes: int,
    latency_ms: Latency,
    steps: int = 1_200,
) -> Entry:
    """One network."""
    pruned = nonzero < parameters
    return Entry(
        value=value,
        n=360,
        ci95=list(ci95),
        parameters=parameters,
        nonzero=nonzero,
        sparsity=0.9 if pruned else 0.0,
        file_bytes=file_bytes,
        file_format="sct" if pruned else "safetensors",
        latency_ms=latency_ms,
        steps=steps,
    )


def latency(median: float) -> Latency:
    """A median with a plausible spread."""
    return Latency(
        runtime="onnxruntime",
        threads=1,
        batch=1,
        median=median,
        p10=0.97 * median,
        p90=1.12 * median,
        runs=50,
    )


def layer(name: str, shape: list[int], sparsity: float = 0.9) -> Layer:
    """One parameter; biases stay dense."""
    elements = 1
    for size in shape:
        elements *= size
    sparsity = sparsity if len(shape) > 1 else 0.0
    nonzero = elements - round(sparsity * elements)
    return Layer(
        name=name,
        shape=shape,
        elements=elements,
        nonzero=nonzero,
        sparsity=1 - nonzero / elements,
        encoding="bitmask" if nonzero < elements else "dense",
        dense_bytes=4 * elements,
        bytes=(elements + 7) // 8 + 4 * nonzero if nonzero < elements else 4 * elements,
    )


def history(goal: float) -> list[HistoryPoint]:
    """A cubic ramp to `goal` in 300 of 600 steps, with a dip of the accuracy on the way."""
    points = []
    for step in range(0, 601, 30):
        due = 1 - (1 - min(step / 300, 1)) ** 3
        dip = goal * 0.16 * due * (1 - step / 640) ** 2
        points.append(
            HistoryPoint(
                step=step,
                sparsity=goal * due,
                loss=0.05 + dip if step else missing("no step was taken yet"),
                value=0.9889 + 0.0028 * step / 600 - dip,
            )
        )
    return points


def point(factor: float, value: float, file_bytes: int) -> CurvePoint:
    """One point of the trade-off curve."""
    return CurvePoint(
        factor=factor,
        sparsity=1 - 1 / factor,
        value=value,
        ci95=[value - 0.012 - (1 - value) / 4, min(1.0, value + 0.007)],
        file_bytes=file_bytes,
    )


def machine() -> Machine:
    """Where the clocks ticked."""
    return Machine(
        processor="AMD EPYC 7B13 64-Core Processor",
        cores=2,
        system="Linux 6.1.0-18-amd64 x86_64",
        python="3.11.9",
        torch="2.13.0+cpu",
        onnxruntime="1.32.0",
    )
