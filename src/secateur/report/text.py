"""What did the run come to? The report as a table for a terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from secateur.report import words
from secateur.report.schema import CompiledInfo, CompressionInfo, Entry, MetricInfo, Report


class Notes:
    """Numbers the reasons of missing values, equal reasons once."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def mark(self, absent: object) -> str:
        """`- [2]`, with reason 2 among the footnotes."""
        return f"- {self.number(words.reason(absent))}"

    def number(self, why: str) -> str:
        """`[2]`, with that text among the footnotes."""
        if why not in self.reasons:
            self.reasons.append(why)
        return f"[{1 + self.reasons.index(why)}]"

    def render(self) -> list[Text]:
        """The footnotes."""
        return [Text(f"[{i}] {why}", "dim") for i, why in enumerate(self.reasons, start=1)]


def render(report: Report) -> RenderableType:
    """The networks, what they come to, what was checked, the verdict; fits 80 columns.

    Everything from the report is wrapped in `Text`, so that its square brackets are not markup.
    """
    notes = Notes()
    table = _networks(report, notes)
    gains = _facts(_gains(report, notes))
    checks = _facts(_checks(report))
    title = Text(report["task"], "bold")
    verdict = [Text(sentence) for sentence in report["verdict"]]
    steps = words.known(report["compression"])
    way: list[RenderableType] = [Text(), _way(steps, report["metric"])] if steps else []
    return Group(
        title, Text(), table, *notes.render(), *way, Text(), gains, Text(), checks, *_bullets(verdict)
    )


def _networks(report: Report, notes: Notes) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("")
    headings = [f"{report['metric']['name']}\n95 % interval", "non-zero\nweights", "removed"]
    for heading in [*headings, "file", "latency, ms\np10 to p90"]:
        table.add_column(Text(heading), justify="right", vertical="top")
    for key, found in words.networks(report).items():
        entry = words.known(found)
        cells = [notes.mark(found)] if entry is None else _cells(entry, report["metric"], notes)
        style = "bold" if key == words.final_key(report) else ""
        name = words.about(key, report).name
        if key == "small_dense_baseline" and words.hardly_trained(report):
            name = f"{name} {notes.number(f'no fair baseline: {words.HARDLY_TRAINED}')}"
        table.add_row(Text(name), *map(_quiet_below, cells), style=style)
    return table


def _way(info: CompressionInfo, metric: MetricInfo) -> Table:
    """What each step to the file cost and gained."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("step by step")
    for heading in (metric["name"], "bytes", "smaller"):
        table.add_column(Text(heading), justify="right")
    first = info["steps"][0]["file_bytes"]
    for step in info["steps"]:
        size = step["file_bytes"]
        cells = [
            words.metric(step["value"], metric),
            f"{size:,} .{step['file_format']}",
            words.ratio(first / size),
        ]
        table.add_row(Text(words.heading(step["name"])), *map(Text, cells))
    return table


def _quiet_below(cell: str) -> Text:
    """A cell whose second line, the spread of the first, stands back."""
    first, newline, second = cell.partition("\n")
    return Text.assemble(first, newline, (second, "dim not bold"))


def _cells(entry: Entry, info: MetricInfo, notes: Notes) -> list[str]:
    bounds, latency = words.known(entry["ci95"]), words.known(entry["latency_ms"])
    interval = notes.mark(entry["ci95"]) if bounds is None else words.interval(bounds, info)
    return [
        f"{words.metric(entry['value'], info)}\n{interval}",
        f"{entry['nonzero']:,}",
        words.sparsity(entry["sparsity"]),
        words.size(entry["file_bytes"]),
        notes.mark(entry["latency_ms"])
        if latency is None
        else f"{words.number(latency['median'])}\n{words.spread(latency)}",
    ]


def _gains(report: Report, notes: Notes) -> dict[str, str]:
    ratios, cut = report["ratios"], words.known(report["cut"])
    compiled = words.known(report["compiled"])
    before, after = (words.known(entry["latency_ms"]) for entry in (report["dense"], words.final(report)))
    if before is None or after is None:
        time = notes.mark(ratios["latency"])
    else:
        time = f"{words.speed_change(before, after)} ({words.from_to(before, after)}; {words.setting(after)})"
    return {
        "file": f"{words.size_change(ratios['bytes'])} than the dense safetensors file "
        f"(the same compression without pruning: {words.size_change(ratios['bytes_without_pruning'])})",
        "weights": f"{words.ratio(ratios['parameters'])} fewer that are not zero",
        **({"widths": words.widths(cut)} if cut else {}),
        "time": time,
        "compiled": notes.mark(report["compiled"]) if compiled is None else _compiled(compiled),
    }


def _compiled(compiled: CompiledInfo) -> str:
    before, after = compiled["dense"], compiled["pruned"]
    return (
        f"{words.speed_change(before, after)} as native code than the dense network in ONNX Runtime "
        f"({words.from_to(before, after)}, both timed anew, in turn)"
    )


def _checks(report: Report) -> dict[str, str]:
    checks, cut = report["certificates"], words.known(report["cut"])
    why = words.rounding(checks["rounded"])
    return {
        **({"cut": words.cut_check(cut)} if cut else {"zeros": words.zeros(checks["zeros_exact"])}),
        "ONNX": f"differs from PyTorch by at most {checks['onnx_max_abs_diff']:.1e}{why}",
        "reloaded": f"differs from PyTorch by at most {checks['reloaded_max_abs_diff']:.1e}{why}",
    }


def _facts(facts: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, fact in facts.items():
        table.add_row(Text(name, "dim"), Text(fact))
    return table


def _bullets(sentences: Sequence[Text]) -> list[RenderableType]:
    table = Table.grid(padding=(0, 1, 0, 0))
    for sentence in sentences:
        table.add_row("*", sentence)
    return [Text(), table] if sentences else []
