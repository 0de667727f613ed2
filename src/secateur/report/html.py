"""What did the run come to? The report as one page that needs nothing else."""

import re
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from secateur.report import lines, rows, words
from secateur.report.schema import Entry, Layer, Report, is_missing

DRAWN = 40  # layers; the rest is folded away


class Change(NamedTuple):
    """One of the three figures at the top."""

    what: str
    before: str
    after: str
    means: str


def render(report: Report) -> str:
    """The page as HTML. Every string of the report is escaped, nothing is fetched, no script runs."""
    latency = words.known(words.final(report)["latency_ms"])
    scale = rows.metric_scale(report)
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            report=report,
            changes=headline(report),
            footnotes=footnotes(report),
            scale=scale,
            all_fit=all(rows.fits(entry, scale) for entry in _there(report)),
            layers=largest(report["layers"]),
            setting=latency and words.setting(latency),
            recipe=list(words.flat(report["recipe"])),
        )
    )


def headline(report: Report) -> list[Change]:
    """How good, how large, how fast: before and after."""
    info, dense, final, ratios = report["metric"], report["dense"], words.final(report), report["ratios"]
    return [
        Change(
            words.heading(info["name"]),
            words.metric(dense["value"], info),
            words.metric(final["value"], info),
            words.metric_change(dense["value"], final["value"], info),
        ),
        Change(
            "File",
            words.size(dense["file_bytes"]),
            words.size(final["file_bytes"]),
            words.size_change(ratios["bytes"]),
        ),
        _time(report),
    ]


def _time(report: Report) -> Change:
    before, after = (words.known(entry["latency_ms"]) for entry in (report["dense"], words.final(report)))
    if before is None or after is None:
        return Change("One call", "", "not measured", words.reason(report["ratios"]["latency"]))
    first, last = (f"{words.number(latency['median'])} ms" for latency in (before, after))
    return Change("One call", first, last, words.speed_change(before, after))


def footnotes(report: Report) -> list[str]:
    """Why cells of the networks' table are empty, each reason once."""
    cells = [cell for entry in _there(report) for cell in (entry["ci95"], entry["latency_ms"])]
    return list(dict.fromkeys(words.reason(cell) for cell in cells if is_missing(cell)))


def _there(report: Report) -> list[Entry]:
    return [entry for entry in map(words.known, words.networks(report).values()) if entry]


def largest(layers: list[Layer]) -> tuple[list[Layer], list[Layer]]:
    """The layers to draw and those to fold away, both in the network's order."""
    first = sorted(layers, key=lambda layer: layer["dense_bytes"], reverse=True)[:DRAWN]
    drawn = {layer["name"] for layer in first}
    return (
        [layer for layer in layers if layer["name"] in drawn],
        [layer for layer in layers if layer["name"] not in drawn],
    )


def _code(text: str) -> Markup:
    """What stands between two backticks as code, all else as text."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("secateur", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    environment.tests["missing"] = is_missing
    environment.globals.update(words=words, rows=rows, lines=lines)
    return environment
