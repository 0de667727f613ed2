"""What does a run mean, in plain sentences that claim nothing which was not measured?"""

from secateur.report import words
from secateur.report.schema import CompiledInfo, Entry, MetricInfo, Report, is_missing

UNSTEADY = 1.3  # times; the same network's median in two timings on a quiet machine is nearer than that
MUCH_SMALLER = 2.0  # times; narrow networks of all widths lie nearer together


def verdict(report: Report, *, taught: bool, wanted_teacher: bool) -> list[str]:
    """Accuracy, bytes, time, baselines, and what to be careful about.

    Args:
        report: complete but for its verdict.
        taught: whether the dense original was heard in recovery.
        wanted_teacher: whether the recipe asked for that.
    """
    sentences = [*_chosen_like_dice(report), _quality(report), *_advice(report), _size(report)]
    sentences += [*_cut(report), *_compression(report), _speed(report), *_native(report)]
    sentences += [*_random(report), *_small_dense(report)]
    if report["metric"]["checkpoint_chosen_on"] == "evaluate":
        sentences.append(
            "The best checkpoint was chosen on the same examples that are reported, which makes every "
            "trained network look slightly better than it is. Give the task a validate(model) method."
        )
    if wanted_teacher and not taught:
        sentences.append(
            "Distillation was asked for but did not happen: the task's loss did not call the network "
            "itself, or the network answers no floating-point tensors, or others when it does not train."
        )
    return sentences


def _chosen_like_dice(report: Report) -> list[str]:
    """Where the criterion chose no better than dice: so, by how much, and what to try."""
    info, recipe, pruned = report["metric"], report["recipe"], report["pruned"]
    random = words.known(report["random_baseline"])
    if random is None or recipe["criterion"]["name"] == "random" or _better(pruned, random, info):
        return []
    shown = [words.metric(entry["value"], info) for entry in (random, pruned)]
    lost = words.points(abs(random["value"] - pruned["value"]), info)
    if shown[0] == shown[1]:
        chose = "no better than chance"
    elif _within(random, pruned):
        chose = f"no better than chance ({lost} worse, within the margin of so few examples)"
    else:
        chose = f"worse than chance, by {lost}"
    hint = "Try another criterion or another allocation."
    if "relative" in recipe["pattern"]:
        other = str(not recipe["pattern"]["relative"]).lower()
        hint = f"Try another criterion, `relative = {other}` in the pattern, or another `measure`."
    return [
        f"The criterion {recipe['criterion']['name']!r} chose {chose}: random pruning at the same sparsity "
        f"reaches {shown[0]}, the pruned network {shown[1]}. {hint}"
    ]


def _within(entry: Entry, other: Entry) -> bool:
    """Whether its value lies in the other's interval."""
    bounds = words.known(other["ci95"])
    return bounds is not None and bounds[0] <= entry["value"] <= bounds[1]


def _better(entry: Entry, other: Entry, info: MetricInfo) -> bool:
    """Whether its value is strictly better."""
    value, than = entry["value"], other["value"]
    return value > than if info["higher_is_better"] else value < than


def _quality(report: Report) -> str:
    info, dense, final = report["metric"], report["dense"], words.final(report)
    control = words.known(report["dense_control"])
    measure = report["recipe"]["measure"].replace("_", "-")
    gone = "are gone" if words.pruned_here(report) else "were gone before"
    removed = f"{words.sparsity(final['sparsity'])} of the {measure} {gone}. "
    sentence = (
        f"{removed if final['sparsity'] else ''}"
        f"{words.heading(info['name'])}: {words.metric(dense['value'], info)} before, "
        f"{words.metric(final['value'], info)} after"
    )
    if control is not None:
        sentence += f"; the dense network with the same extra steps: {words.metric(control['value'], info)}"
        if _control_kept_the_first(report):
            sentence += " (none of them made it better, so it was kept as before them)"
    return f"{sentence}."


def _control_kept_the_first(report: Report) -> bool:
    """Was its best checkpoint the one before its first step?"""
    values = [point["value"] for point in report["history"].get("dense_control", [])]
    best = max if report["metric"]["higher_is_better"] else min
    return len(values) > 1 and values[0] == best(values)


def _advice(report: Report) -> list[str]:
    """What would help where more was lost than chance explains."""
    info, value, bounds = report["metric"], words.final(report)["value"], words.known(report["dense"]["ci95"])
    if bounds is None or (value >= bounds[0] if info["higher_is_better"] else value <= bounds[1]):
        return []
    return [
        "That is more than chance explains. More recovery steps help most, then another learning rate, a "
        "later end of the schedule, or distillation turned on or off; after that, a lower sparsity."
    ]


def _size(report: Report) -> str:
    before, after = report["dense"]["file_bytes"], words.final(report)["file_bytes"]
    if before <= after:
        return (
            f"The file is not smaller: {before:,} bytes before, {after:,} after. A network this small is "
            "mostly graph, or the sparsity is too low for a mask to pay."
        )
    return (
        f"The file is {words.size_change(before / after)}: {before:,} bytes as dense safetensors, "
        f"{after:,} as .sct. {words.compression_alone(report)} gives "
        f"{words.ratio(report['ratios']['bytes_without_pruning'])}."
    )


def _cut(report: Report) -> list[str]:
    """What cutting channels off came to, and whether it was proved."""
    cut = words.known(report["cut"])
    if cut is None:
        return []
    if is_missing(cut["max_abs_diff"]):
        why = words.reason(cut["max_abs_diff"])
        return [f"{why[0].upper()}{why[1:]} The file holds the masked network."]
    return [f"{words.widths(cut)}. Proof: {words.cut_check(cut)}."]


def _compression(report: Report) -> list[str]:
    """What sharing or quantising brought, and whether it was kept."""
    info, metric = words.known(report["compression"]), report["metric"]
    if info is None:
        return []
    pruned, last = info["steps"][1], info["steps"][-1]
    where = "validate()" if metric["checkpoint_chosen_on"] == "validate" else "evaluate()"
    drop, allowed = info["drop"], words.points(info["max_drop"], metric)
    verb = "loses" if drop >= 0 else "gains"
    change = f"{verb} {words.points(abs(drop), metric)} on the examples of {where}"
    what = (
        f"The method {info['method']['name']!r} makes {pruned['file_bytes']:,} bytes {last['file_bytes']:,}"
    )
    if not info["kept"]:
        return [
            f"{what}, but {change}, where {allowed} are allowed: it was undone. A finer method or more "
            "recovery steps would help."
        ]
    return [f"{what}. It {change}."]


def _speed(report: Report) -> str:
    before = words.known(report["dense"]["latency_ms"])
    after = words.known(words.final(report)["latency_ms"])
    if before is None or after is None:
        return "The time of a call could not be measured, so nothing is claimed about it."
    measured = (
        f"A call is {words.speed_change(before, after)}: {words.number(before['median'])} ms before, "
        f"{words.number(after['median'])} ms after, in ONNX Runtime."
    )
    if words.faster(before, after):
        return measured
    if not is_missing(report["cut"]):
        counted = "" if report["recipe"]["measure"] == "multiply_adds" else " measure = 'multiply_adds',"
        return (
            f"{measured} A network this small, or layers this narrow, cost ONNX Runtime about the same for "
            f"any width. A higher sparsity,{counted} or fewer layers would help."
        )
    return (
        f"{measured} ONNX Runtime multiplies by zeros like by any other number, so zeros alone save bytes, "
        "not time. Time needs a runtime with sparse kernels, or whole channels removed."
    )


def _native(report: Report) -> list[str]:
    compiled = words.known(report["compiled"])
    if compiled is None:
        return [f"It was not compiled: {words.reason(report['compiled'])}"]
    return [f"{words.native(compiled)}.", *_unsteady(report, compiled)]


def _unsteady(report: Report, compiled: CompiledInfo) -> list[str]:
    """The dense network is timed twice, with other neighbours; where the two disagree, so may all times."""
    first, again = words.known(report["dense"]["latency_ms"]), compiled["dense"]
    if first is None or 1 / UNSTEADY < first["median"] / again["median"] < UNSTEADY:
        return []
    return [
        f"The machine was busy with other things: the dense network took {words.number(first['median'])} ms "
        f"a call beside the other networks, and {words.number(again['median'])} ms beside the compiled one. "
        "Trust the ratios rather than the milliseconds, or time again with secateur bench."
    ]


def _random(report: Report) -> list[str]:
    """What dice come to, where that was not said first of all."""
    random = words.known(report["random_baseline"])
    if random is None or _chosen_like_dice(report):
        return []
    margin = ", within the margin of so few examples" if _within(random, report["pruned"]) else ""
    return [f"Random pruning at the same sparsity {_reaches(report, random)}{margin}."]


def _small_dense(report: Report) -> list[str]:
    small = words.known(report["small_dense_baseline"])
    if small is None:
        return []
    fewer = report["pruned"]["file_bytes"] / small["file_bytes"]
    if fewer > MUCH_SMALLER:
        return [
            f"The small dense network {_reaches(report, small)}. It is no fair baseline: its file is "
            f"{words.ratio(fewer)} smaller than the pruned network's, and narrow(width) makes none nearer."
        ]
    reached = f"A small dense network of about the same bytes {_reaches(report, small)}."
    if words.hardly_trained(report):
        return [f"{reached} It is no fair baseline: {words.HARDLY_TRAINED}."]
    return [f"{reached} It was trained from scratch for {small['steps']:,} steps."]


def _reaches(report: Report, entry: Entry) -> str:
    return f"reaches {words.metric(entry['value'], report['metric'])} ({entry['file_bytes']:,} bytes)"
