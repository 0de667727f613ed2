"""How is a number written for people? The text and the HTML report share these words."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from secateur.report.schema import (
    CompiledInfo,
    CutInfo,
    Entry,
    Latency,
    MetricInfo,
    Missing,
    Report,
    is_missing,
)

T = TypeVar("T")

FASTER = 1.1  # times; a median that is less than that better is within the noise of most machines


class About(NamedTuple):
    """A network for people."""

    name: str
    what: str


NETWORKS = {
    "dense": About("Dense", "as it came"),
    "dense_control": About("Dense control", "as many extra steps"),
    "pruned": About("Pruned", "and recovered"),
    "compressed": About("Compressed", "shared or quantised"),
    "random_baseline": About("Random pruning", "same sparsity, random"),
    "small_dense_baseline": About("Small dense", "about the same bytes"),
}
"""By their keys in the report, in the order of every table."""

HARDLY_TRAINED = (
    "it was trained from scratch in the steps of recovery alone, since the task has no training_steps"
)


def known(value: T | Missing) -> T | None:
    """The value, or None where the report has only a reason."""
    return None if is_missing(value) else value


def reason(value: object) -> str:
    """Why there is no value; empty where there is one."""
    return value["missing"] if is_missing(value) else ""


def networks(report: Report) -> dict[str, Entry | Missing]:
    """The networks by their keys; the compressed one only where compression was asked for."""
    entries = cast(Mapping[str, Entry | Missing], report)
    asked = not is_missing(report["compression"])
    return {key: entries[key] for key in NETWORKS if key != "compressed" or asked}


def about(key: str, report: Report) -> About:
    """A network for people; the one in model.sct is called so, and none pruned that was not."""
    name, what = NETWORKS[key]
    if key == "pruned" and not report["pruned"]["sparsity"]:
        name, what = "Lossless", "nothing removed"
    if key == "small_dense_baseline" and hardly_trained(report):
        what = "hardly trained: no fair baseline"
    return About(name, "what the file holds" if key == final_key(report) else what)


def final_key(report: Report) -> str:
    """Which network model.sct holds."""
    return "pruned" if is_missing(report["compressed"]) else "compressed"


def final(report: Report) -> Entry:
    """The network that model.sct holds."""
    compressed = report["compressed"]
    return report["pruned"] if is_missing(compressed) else compressed


def pruned_here(report: Report) -> bool:
    """Did this run remove anything? `secateur compress` does not, but may be given zeros."""
    return bool(report["recipe"].get("sparsity", True))


def hardly_trained(report: Report) -> bool:
    """Did the small dense network, which starts from scratch, get no more steps than the control?"""
    small, control = known(report["small_dense_baseline"]), known(report["dense_control"])
    return small is not None and control is not None and small["steps"] <= control["steps"]


def compression_alone(report: Report) -> str:
    """What made the file of the network as it came."""
    return "Compression alone, without pruning," if pruned_here(report) else "Compression alone"


def colour(key: str) -> str:
    """The style sheet's class of a network."""
    return key.replace("_", "-")


def number(value: float) -> str:
    """Three significant digits, without an exponent: 0.0412, 4.12, 41.2, 412, 4,120."""
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    decimals = 4 if abs(value) < 0.0995 else 3 if abs(value) < 0.995 else 2 if abs(value) < 9.95 else 1
    return f"{value:.{decimals}f}"


def size(count: int) -> str:
    """Bytes in powers of a thousand, as disks and networks count: 17.3 kB."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{count} B" if unit == "B" else f"{number(value)} {unit}"


def sparsity(fraction: float) -> str:
    """A removed fraction in percent, never rounded up to all."""
    if 0.9999 <= fraction < 1:
        return "> 99.99 %"
    return f"{100 * fraction:.{1 if fraction <= 0.99 else 2}f} %"


def ratio(value: float) -> str:
    """How many times: 12.3x."""
    return f"{value:.2f}x" if value < 9.95 else f"{number(value)}x"


def duration(seconds: float) -> str:
    """Seconds for people: 47.6 s, 12 min 5 s, 3 h 20 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def heading(name: str) -> str:
    """A metric's name at the head of something: `accuracy` with a capital, `mAP` as it is."""
    return name.capitalize() if name.islower() else name


def metric(value: float, info: MetricInfo) -> str:
    """A value of the yardstick: a proportion in percent, a mean as it is."""
    return f"{100 * value:.2f} %" if info["kind"] == "proportion" else f"{value:#.4g}".rstrip(".")


def tick(value: float, info: MetricInfo) -> str:
    """A round value on an axis."""
    return f"{100 * value:g} %" if info["kind"] == "proportion" else f"{value:g}"


def interval(bounds: Sequence[float], info: MetricInfo) -> str:
    """A 95 % interval of the yardstick."""
    low, high = (metric(bound, info) for bound in bounds)
    return f"{low.removesuffix(' %')} to {high}"


def metric_change(before: float, after: float, info: MetricInfo) -> str:
    """How far the yardstick went, as the rounded values beside it tell: `0.28 points lower`."""
    if metric(before, info) == metric(after, info):
        return "unchanged"
    points = abs(round(100 * after, 2) - round(100 * before, 2))
    far = f"{points:.2f} points" if info["kind"] == "proportion" else f"{abs(after - before):.3g}"
    way = "higher" if after > before else "lower"
    if info["higher_is_better"]:
        return f"{far} {way}"
    return f"{far} {way}, which is {'worse' if after > before else 'better'}"


def points(value: float, info: MetricInfo) -> str:
    """A difference in the yardstick's own unit."""
    return f"{100 * value:.2f} points" if info["kind"] == "proportion" else f"{value:.3g}"


def size_change(times: float) -> str:
    """What dense bytes / pruned bytes means: `12.3x smaller`."""
    if ratio(times) == "1.00x":
        return "the same size"
    return f"{ratio(times)} smaller" if times > 1 else f"{ratio(1 / times)} larger"


def faster(before: Latency, after: Latency) -> bool:
    """Whether there is a gain: at least FASTER, and neither median is one that the other network has, too."""
    apart = after["median"] < before["p10"] and after["p90"] < before["median"]
    return apart and before["median"] / after["median"] >= FASTER


def speed_change(before: Latency, after: Latency) -> str:
    """What the milliseconds of two networks mean."""
    times = before["median"] / after["median"]
    if faster(before, after):
        return f"{ratio(times)} faster"
    return f"{ratio(1 / times)} slower" if faster(after, before) else "no faster"


def spread(latency: Latency) -> str:
    """From the 10th to the 90th percentile."""
    return f"{number(latency['p10'])} to {number(latency['p90'])}"


def from_to(before: Latency, after: Latency) -> str:
    """Two medians: `0.239 to 0.144 ms`."""
    return f"{number(before['median'])} to {number(after['median'])} ms"


def setting(latency: Latency) -> str:
    """Under which conditions a latency was measured."""
    threads = latency["threads"]
    return f"{latency['runtime']}, {threads} thread{'s'[: threads != 1]}, batch {latency['batch']}"


def zeros(exact: bool) -> str:
    """The first certificate."""
    if exact:
        return "every removed weight is exactly zero in the saved file"
    return "NOT every removed weight is exactly zero in the saved file"


def widths(cut: CutInfo) -> str:
    """How many channels are left, and how much arithmetic; the latter is a count, not a time."""
    kinds = dict.fromkeys(group["kind"] for group in cut["groups"])
    left_of = {
        kind: [sum(g[when] for g in cut["groups"] if g["kind"] == kind) for when in ("after", "before")]
        for kind in kinds
    }
    parts = [f"{after:,} of {before:,} {kind}" for kind, (after, before) in left_of.items()]
    dense, left = cut["multiply_adds"]
    return (
        f"{' and '.join(parts)} are left, "
        f"{ratio(dense / max(1, left))} fewer multiply-adds ({dense:,} to {left:,})"
    )


def native(compiled: CompiledInfo) -> str:
    """How fast the compiled network is, and against what."""
    before, after = compiled["dense"], compiled["pruned"]
    change = speed_change(before, after)
    how = "as fast as" if change == "no faster" else f"{change} than"
    return (
        f"Compiled to C (`secateur compile`), a call is {how} the dense network in ONNX Runtime: "
        f"{number(before['median'])} ms before, {number(after['median'])} ms after, both timed anew, in turn"
    )


def cut_check(cut: CutInfo) -> str:
    """The certificate of the cut."""
    largest, relative = known(cut["max_abs_diff"]), known(cut["relative_diff"])
    if largest is None or relative is None:
        return reason(cut["max_abs_diff"])
    if largest == 0:
        return f"the cut network answers exactly as the masked one on {cut['inputs']} inputs"
    return (
        f"the cut network differs from the masked one by at most {largest:.1e} ({relative:.1e} of the "
        f"largest output) on {cut['inputs']} inputs"
    )


def flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """A recipe as dotted keys and their values, as in TOML."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, json.dumps(value, ensure_ascii=False)


def rounding(rounded: bool) -> str:
    """Why a difference is larger than that of two runtimes."""
    return ", the rounding that compression asked for included" if rounded else ""
