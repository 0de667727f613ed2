"""How did it go along the way? Charts with an axis: the schedule, and the trade-off curve."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from secateur.report import svg, words
from secateur.report.rows import bounded
from secateur.report.schema import CurvePoint, HistoryPoint, MetricInfo, Report
from secateur.report.svg import Scale

HEIGHT = 240  # pixels of the metric
LOWER = 72  # pixels of the sparsity below it
GAP = 28
LABEL = 16  # least distance of two labels
SHOWN = ("dense_control", "pruned")  # the later one is drawn on top


def history(report: Report) -> Markup:
    """The metric over the steps, and below it the sparsity, on the same axis."""
    series = {key: report["history"][key] for key in SHOWN if report["history"].get(key)}
    steps = Scale(0, max(1, *(points[-1]["step"] for points in series.values())))
    said = (_said(words.about(key, report).name, points, report["metric"]) for key, points in series.items())
    return svg.drawing(
        f"{report['metric']['name']} and sparsity over the optimizer steps",
        "; ".join(said),
        HEIGHT + GAP + LOWER + 28,
        _metric_panel(report, series, steps),
        svg.panel(HEIGHT + GAP, LOWER, _sparsity_panel(series.get("pruned", []), steps)),
        svg.panel(HEIGHT + GAP + LOWER, 28, _step_ticks(steps)),
    )


def curve(report: Report, points: Sequence[CurvePoint]) -> Markup:
    """The metric with its interval over how many times fewer weights, on a logarithmic axis."""
    points = sorted(points, key=lambda point: point["factor"])
    info, dense = report["metric"], report["dense"]["value"]
    factors = Scale(points[0]["factor"] / 1.2, points[-1]["factor"] * 1.2, log=True)
    ends = [end for point in points for end in words.known(point["ci95"]) or ()]
    metric = bounded([dense, *(point["value"] for point in points), *ends], info)
    y = metric.y(dense, HEIGHT)
    marks = [
        _metric_grid(metric, info),
        svg.line("0%", y, "100%", y, "reference"),
        svg.text("Dense", "100%", y, dx=10, class_="label dense wide"),
        svg.curve([(factors(p["factor"]), metric.y(p["value"], HEIGHT)) for p in points], HEIGHT, "pruned"),
        *(_point(p, factors, metric) for p in points),
        *_costs(points, factors),
    ]
    said = "; ".join(
        f"{words.ratio(p['factor'])} fewer weights: {words.metric(p['value'], info)}, "
        f"{words.size(p['file_bytes'])}"
        for p in points
    )
    return svg.drawing(f"{info['name']} over fewer weights", said, HEIGHT + 48, *marks)


def _point(point: CurvePoint, factors: Scale, metric: Scale) -> Markup:
    x, bounds = factors.x(point["factor"]), words.known(point["ci95"])
    dot = svg.element("circle", cx=x, cy=metric.y(point["value"], HEIGHT), r=5, class_="dot pruned")
    if bounds is None:
        return dot
    low, high = (metric.y(end, HEIGHT) for end in bounds)
    return svg.line(x, low, x, high, "range pruned") + dot


def _costs(points: Sequence[CurvePoint], factors: Scale) -> Iterator[Markup]:
    """Below the points: how many times fewer weights, and the bytes of the file.

    No more than ten labels have room, and five on a telephone.
    """
    most, few = -(-len(points) // 10), -(-len(points) // 5)
    for i, point in enumerate(points):
        if i % most == 0:
            x, wide = factors.x(point["factor"]), "wide" if i % few else ""
            factor, size = f"{point['factor']:.3g}x", words.size(point["file_bytes"])
            yield svg.text(factor, x, HEIGHT + 18, text_anchor="middle", class_=wide)
            yield svg.text(size, x, HEIGHT + 36, text_anchor="middle", class_=f"tick {wide}")


def _grid(labels: Sequence[tuple[float, str]], scale: Scale, height: float) -> Markup:
    """Horizontal lines with their numbers on the left."""
    lines = (
        svg.line("0%", scale.y(value, height), "100%", scale.y(value, height), "grid")
        + svg.text(label, 0, scale.y(value, height), dx=-10, text_anchor="end", class_="tick")
        for value, label in labels
    )
    return Markup("").join(lines)


def _metric_panel(report: Report, series: dict[str, list[HistoryPoint]], steps: Scale) -> Markup:
    info = report["metric"]
    scale = bounded([point["value"] for points in series.values() for point in points], info)
    marks = [_metric_grid(scale, info)]
    last = [scale.y(points[-1]["value"], HEIGHT) for points in series.values()]
    for (key, points), y, label_y in zip(series.items(), last, svg.spread_out(last, LABEL), strict=True):
        colour = words.colour(key)
        end = svg.element("tspan", f" {words.metric(points[-1]['value'], info)}", class_="wide")
        marks += [
            svg.curve([(steps(p["step"]), scale.y(p["value"], HEIGHT)) for p in points], HEIGHT, colour),
            svg.element("circle", cx=steps.x(points[-1]["step"]), cy=y, r=3.5, class_=f"dot {colour}"),
            svg.text(words.about(key, report).name + end, "100%", label_y, dx=10, class_=f"label {colour}"),
        ]
    return Markup("").join(marks)


def _sparsity_panel(points: Sequence[HistoryPoint], steps: Scale) -> Markup:
    scale = Scale(0, 1)
    way = [(steps(point["step"]), scale.y(point["sparsity"], LOWER)) for point in points]
    grid = _grid([(0, "0 %"), (0.5, "50 %"), (1, "100 %")], scale, LOWER)
    if not way:
        return grid
    end = svg.element("tspan", f" {words.sparsity(points[-1]['sparsity'])}", class_="wide")
    label = svg.text("Sparsity" + end, "100%", way[-1][1], dx=10, class_="label pruned")
    return grid + svg.curve(way, LOWER, "pruned") + label


def _step_ticks(steps: Scale) -> Markup:
    places = svg.ticks(steps, about=5)
    labels = [f"{tick:,.0f}" for tick in places]
    labels[-1] += " steps"
    return Markup("").join(
        svg.text(label, steps.x(place), 18, text_anchor="middle", class_="tick")
        for place, label in zip(places, labels, strict=True)
    )


def _said(name: str, points: Sequence[HistoryPoint], info: MetricInfo) -> str:
    """A training in words."""
    values = [point["value"] for point in points]
    worst = min(values) if info["higher_is_better"] else max(values)
    first, low, last = (words.metric(value, info) for value in (values[0], worst, values[-1]))
    return f"{name}: from {first} to {last} in {points[-1]['step']:,} steps, at worst {low}"


def _metric_grid(scale: Scale, info: MetricInfo) -> Markup:
    return _grid([(tick, words.tick(tick, info)) for tick in svg.ticks(scale, about=5)], scale, HEIGHT)
