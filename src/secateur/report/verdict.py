"""What does a run mean, in plain sentences that claim nothing which was not measured?"""

from secateur.report.schema import Entry, Report
from secateur.report.words import known

FASTER = 1.1  # a median that is less than 10 % better is within the noise of most machines


def verdict(report: Report, *, taught: bool, wanted_teacher: bool) -> list[str]:
    """Accuracy, bytes, time, baselines, and what to be careful about."""
    sentences = [
        _quality(report),
        _size(report),
        _speed(report),
        *_baseline(report, known(report["random_baseline"]), "Random pruning at the same sparsity"),
        *_baseline(
            report, known(report["small_dense_baseline"]), "A small dense network of about the same bytes"
        ),
    ]
    if report["metric"]["checkpoint_chosen_on"] == "evaluate":
        sentences.append(
            "The best checkpoint was chosen on the same examples that are reported, which makes every "
            "trained network look slightly better than it is. Give the task a validate(model) method."
        )
    if wanted_teacher and not taught:
        sentences.append(
            "Distillation was asked for but did not happen: the task's loss did not call the network "
            "itself, or its output is not one floating-point tensor."
        )
    return sentences


def shown(report: Report, value: float) -> str:
    """A metric's value for people: a percentage for proportions."""
    return f"{100 * value:.2f} %" if report["metric"]["kind"] == "proportion" else f"{value:.4g}"


def _quality(report: Report) -> str:
    name, dense, pruned = report["metric"]["name"], report["dense"], report["pruned"]
    control = known(report["dense_control"])
    sentence = (
        f"{100 * pruned['sparsity']:.1f} % of the {report['recipe']['measure']} are gone. {name}: "
        f"{shown(report, dense['value'])} before, {shown(report, pruned['value'])} after"
    )
    if control is not None:
        sentence += f"; the dense network with the same extra steps: {shown(report, control['value'])}"
    return sentence + "."


def _size(report: Report) -> str:
    ratio = report["ratios"]
    if ratio["bytes"] <= 1:
        return (
            f"The file is not smaller: {report['dense']['file_bytes']:,} bytes before, "
            f"{report['pruned']['file_bytes']:,} after. A network this small is mostly graph, or the "
            "sparsity is too low for a mask to pay."
        )
    return (
        f"The file is {ratio['bytes']:.1f}x smaller: {report['dense']['file_bytes']:,} bytes as dense "
        f"safetensors, {report['pruned']['file_bytes']:,} as .sct. Compression alone, without pruning, "
        f"gives {ratio['bytes_without_pruning']:.2f}x."
    )


def _speed(report: Report) -> str:
    before, after = known(report["dense"]["latency_ms"]), known(report["pruned"]["latency_ms"])
    ratio = known(report["ratios"]["latency"])
    if before is None or after is None or ratio is None:
        return "The time of a call could not be measured, so nothing is claimed about it."
    measured = f"{before['median']:.3g} ms before, {after['median']:.3g} ms after, in ONNX Runtime"
    if ratio >= FASTER:
        return f"A call is {ratio:.2f}x faster: {measured}."
    return (
        f"A call is not faster: {measured}. ONNX Runtime multiplies by zeros like by any other number, so "
        "zeros alone save bytes, not time. Time needs a runtime with sparse kernels, or whole channels "
        "removed."
    )


def _baseline(report: Report, entry: Entry | None, words: str) -> list[str]:
    if entry is None:
        return []
    return [f"{words} reaches {shown(report, entry['value'])} ({entry['file_bytes']:,} bytes)."]
