"""How is a chart drawn without a library? Scales, ticks and escaped SVG elements.

Charts are fluid: horizontal positions are percentages of the drawing's width and vertical ones are
pixels. So a chart fills a wide screen and a telephone alike while its text keeps its size. Colours
come from classes in the page's style sheet, so that dark mode needs no second drawing.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from markupsafe import Markup

TICK_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` onto 0 to 1, in a straight or a logarithmic way."""

    low: float
    high: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value; outside [0, 1] where the value is outside the scale."""
        low, high, value = (
            map(math.log, (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        )
        return (value - low) / (high - low) if high > low else 0.5

    def x(self, value: float) -> str:
        """The place from the left, as a percentage."""
        return f"{100 * self(value):.2f}%"

    def y(self, value: float, height: float) -> float:
        """The place from the top of so many pixels."""
        return round(height * (1 - self(value)), 2)


def around(values: Iterable[float], least: float = -math.inf, most: float = math.inf) -> Scale:
    """A scale that holds all values, with some air, but does not go beyond what is possible."""
    low, high = min(values := list(values)), max(values)
    air = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return Scale(max(low - air, least), min(high + air, most))


def ticks(scale: Scale, about: int) -> list[float]:
    """Round numbers inside a straight scale, `about` of them."""
    span = scale.high - scale.low
    power = 10 ** math.floor(math.log10(span / about))
    step = next((s * power for s in TICK_STEPS if span / (s * power) <= about), 10 * power)
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def spread_out(places: Sequence[float], gap: float) -> list[float]:
    """Move labels apart that would overlap: same order, `gap` between neighbours, as near as can be.

    >>> spread_out([50, 10, 52], gap=14)
    [44.0, 10.0, 58.0]
    """
    clusters: list[list[int]] = []  # of labels that touch, each centred on where they belong

    def end(cluster: list[int], side: int) -> float:
        return fmean(places[i] for i in cluster) + side * gap * (len(cluster) - 1) / 2

    for label in sorted(range(len(places)), key=places.__getitem__):
        clusters.append([label])
        while len(clusters) > 1 and end(clusters[-1], -1) - end(clusters[-2], +1) < gap:
            last = clusters.pop()
            clusters[-1] += last
    moved = {label: end(c, -1) + gap * i for c in clusters for i, label in enumerate(c)}
    return [moved[label] for label in range(len(places))]


def element(tag: str, *content: str, **attributes: object) -> Markup:
    """An element with escaped attributes and content: `class_` is class, `font_size` font-size."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    inside = Markup("").join(Markup(' {}="{}"').format(name, value) for name, value in named.items())
    return Markup("<{}{}>{}</{}>").format(Markup(tag), inside, Markup("").join(content), Markup(tag))


def drawing(title: str, description: str, height: float, *content: str) -> Markup:
    """A fluid drawing of so many pixels height; its words are what a screen reader says."""
    words = element("title", title), element("desc", description)
    return element("svg", *words, *content, role="img", width="100%", height=height)


def decoration(height: float, *content: str) -> Markup:
    """A drawing beside a number that says the same; a screen reader passes over it."""
    return element("svg", *content, aria_hidden="true", width="100%", height=height)


def panel(y: float, height: float, *content: str) -> Markup:
    """A part of a drawing with its own zero, `y` pixels from the top."""
    return element("svg", *content, y=y, width="100%", height=height, overflow="visible")


def text(words: str, x: object, y: object, **attributes: object) -> Markup:
    """Text with its middle at `y`."""
    return element("text", words, x=x, y=y, dy="0.35em", **attributes)


def line(x1: object, y1: object, x2: object, y2: object, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def curve(points: Iterable[tuple[float, float]], height: float, class_: str) -> Markup:
    """A line through points whose x are fractions of the width and whose y are pixels.

    Paths take no percentages; so it is drawn 100 wide and stretched, all but the line's thickness.
    """
    steps = " ".join(f"{100 * x:.2f},{y:.2f}" for x, y in points)
    stretched = element("polyline", points=steps, class_=class_, vector_effect="non-scaling-stroke")
    box = f"0 0 100 {height}"
    return element("svg", stretched, viewBox=box, preserveAspectRatio="none", width="100%", height=height)
