"""How do the networks compare? Charts with one row for each network or layer."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from secateur.report import svg, words
from secateur.report.schema import Entry, MetricInfo, Report
from secateur.report.svg import Scale

ROW = 32  # pixels
CROWD = 4.0  # how much wider than its most important part a scale may be


def metric_scale(report: Report) -> Scale:
    """A scale for the values and intervals of all networks.

    One that is far off (random pruning at the level of guessing) would squeeze the others into one
    spot. Then the scale is theirs, and `whisker` draws an arrow in its place.
    """
    main = [words.known(report["dense"]), words.known(report["dense_control"]), words.final(report)]
    near = _ends(main)
    far = _ends([words.known(entry) for entry in words.networks(report).values()])
    crowded = max(far) - min(far) > CROWD * (max(near) - min(near))
    return bounded(near if crowded else far, report["metric"])


def bounded(values: Sequence[float], info: MetricInfo) -> Scale:
    """A scale around values of the yardstick; a proportion ends at 0 and 100 %."""
    limits = (0.0, 1.0) if info["kind"] == "proportion" else ()
    return svg.around(values, *limits)


def fits(entry: Entry, scale: Scale) -> bool:
    """Whether a network's value is on the scale."""
    return 0 <= scale(entry["value"]) <= 1


def whisker(entry: Entry, scale: Scale, reference: float, colour: str) -> Markup:
    """A value as a dot on its 95 % interval; a dashed line marks the reference."""
    marks = [svg.line(scale.x(reference), 0, scale.x(reference), "100%", "reference")]
    if fits(entry, scale):
        bounds = words.known(entry["ci95"])
        if bounds is not None:
            low, high = (Scale(0, 1).x(min(max(scale(end), 0), 1)) for end in bounds)
            marks.append(svg.line(low, "50%", high, "50%", f"range {colour}"))
        x = scale.x(entry["value"])
        marks.append(svg.element("circle", cx=x, cy="50%", r=5, class_=f"dot {colour}"))
    else:
        left = scale(entry["value"]) < 0
        arrow, x, anchor = ("\u25c2", "0%", "start") if left else ("\u25b8", "100%", "end")
        marks.append(svg.text(arrow, x, "50%", text_anchor=anchor, class_=f"arrow {colour}"))
    return svg.decoration(2 * ROW, *marks)


def axis(scale: Scale, info: MetricInfo) -> Markup:
    """The numbers above the whiskers."""
    labels = [
        svg.text(words.tick(tick, info), scale.x(tick), "50%", text_anchor="middle", class_="tick")
        for tick in svg.ticks(scale, about=4)
    ]
    return svg.decoration(16, *labels)


def bar(part: float, whole: float, colour: str) -> Markup:
    """A filled share of a pale bar, both as fractions of the width."""
    shares = ((whole, "whole"), (part, f"part {colour}"))
    return svg.decoration(
        6,
        *(
            svg.element("rect", width=f"{100 * share:.2f}%", height=6, rx=1.5, class_=class_)
            for share, class_ in shares
        ),
    )


def latency(report: Report) -> Markup:
    """Median and 10th to 90th percentile of each network, on a scale that begins at zero."""
    rows = [
        (key, words.about(key, report).name, timing)
        for key, entry in words.networks(report).items()
        if (found := words.known(entry)) and (timing := words.known(found["latency_ms"]))
    ]
    if native := words.known(report["compiled"]):
        rows.append(("native", "Compiled", native["pruned"]))
    scale = Scale(0, 1.04 * max(timing["p90"] for _, _, timing in rows))
    height = ROW * len(rows)
    marks = list(_millisecond_ticks(scale, height))
    for i, (key, name, timing) in enumerate(rows):
        y, colour = ROW * (i + 0.5), words.colour(key)
        spread = svg.element("tspan", f" ({words.spread(timing)})", class_="wide")
        label = words.number(timing["median"]) + spread
        low, high = scale.x(timing["p10"]), scale.x(timing["p90"])
        marks += [
            svg.text(name, 0, y, dx=-12, text_anchor="end"),
            svg.line(low, y, high, y, f"range {colour}"),
            svg.element("circle", cx=scale.x(timing["median"]), cy=y, r=5, class_=f"dot {colour}"),
            svg.text(label, "100%", y, dx=12),
        ]
    said = (f"{name} {words.number(t['median'])} ({words.spread(t)})" for _, name, t in rows)
    return svg.drawing("Milliseconds of one call", "; ".join(said), height + 28, *marks)


def _millisecond_ticks(scale: Scale, height: float) -> Iterator[Markup]:
    """Lines with their numbers; a telephone has room for every second."""
    for i, tick in enumerate(svg.ticks(scale, about=5)):
        x, wide = scale.x(tick), "wide" if i % 2 else ""
        yield svg.line(x, 0, x, height, f"grid {wide}")
        yield svg.text(f"{tick:g} ms", x, height + 16, text_anchor="middle", class_=f"tick {wide}")


def _ends(entries: Sequence[Entry | None]) -> list[float]:
    """Values and ends of intervals."""
    there = [entry for entry in entries if entry is not None]
    bounds = [end for entry in there for end in words.known(entry["ci95"]) or ()]
    return [entry["value"] for entry in there] + bounds
