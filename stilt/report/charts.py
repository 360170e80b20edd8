"""Charts as SVG text: few elements however many points there are, so that the page stays fluid."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.foundations.text import as_html

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WIDTH, HEIGHT = 640, 280
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 12, 36
FEW = 200  # so few places that each can be a large dot


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: from data to pixels, and its ticks."""

    low: float
    high: float
    start: float
    end: float
    label: str = ""

    def at(self, value: float) -> float:
        """Return the pixel of a value."""
        span = self.high - self.low or 1.0
        return self.start + (self.end - self.start) * (value - self.low) / span

    def ticks(self, wanted: int = 5) -> list[float]:
        """Return round numbers within the axis, about as many as wanted."""
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        rough = span / wanted
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def frame(x: Axis, y: Axis, say_x: Callable[[float], str], say_y: Callable[[float], str]) -> str:
    """Return grid lines, tick labels and axis labels."""
    parts = []
    for value in y.ticks():
        level = y.at(value)
        parts.append(f'<path class="grid" d="M{LEFT} {level:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{level + 4:.1f}" class="end">{as_html(say_y(value))}</text>'
        )
    for value in x.ticks():
        place = x.at(value)
        parts.append(f'<path class="grid" d="M{place:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        parts.append(
            f'<text x="{place:.1f}" y="{HEIGHT - BOTTOM + 16}" class="mid">{as_html(say_x(value))}</text>'
        )
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" class="end quiet">{as_html(x.label)}</text>'
        f'<text x="{LEFT}" y="{TOP - 1}" class="quiet">{as_html(y.label)}</text>'
    )
    return "".join(parts)


def axes(
    x_range: tuple[float, float], y_range: tuple[float, float], labels: tuple[str, str]
) -> tuple[Axis, Axis]:
    """Return both axes of a chart of the usual size."""
    return (
        Axis(*x_range, LEFT, WIDTH - RIGHT, labels[0]),
        Axis(*y_range, HEIGHT - BOTTOM, TOP, labels[1]),
    )


def svg(body: str, title: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    """Return a picture that scales with the page, with a title for who can't see it."""
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{as_html(title)}">'
        f"<title>{as_html(title)}</title>{body}</svg>"
    )


def steps(
    series: Mapping[str, Sequence[tuple[float, float]]],
    labels: tuple[str, str],
    say_x: Callable[[float], str],
    title: str,
) -> str:
    """Return curves of (x, y) points; the keys of ``series`` are CSS classes."""
    points = [point for curve in series.values() for point in curve]
    x, y = axes(
        (min(p[0] for p in points), max(p[0] for p in points)),
        (0.0, max(p[1] for p in points) or 1.0),
        labels,
    )
    curves = "".join(
        f'<polyline class="line {name}" points="'
        + " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in curve)
        + '"/>'
        for name, curve in series.items()
        if curve
    )
    return svg(frame(x, y, say_x, lambda value: f"{value:,.0f}") + curves, title)


def histogram(
    counts: Sequence[int],
    edges: Sequence[float],
    label: str,
    say_x: Callable[[float], str],
    title: str,
) -> str:
    """Return bars of counts between edges."""
    x, y = axes(
        (edges[0], edges[-1]), (0.0, float(max(counts, default=1) or 1)), (label, "simulations")
    )
    bars = "".join(
        f"M{x.at(low) + 0.5:.1f} {y.at(0):.1f}V{y.at(count):.1f}H{x.at(high) - 0.5:.1f}V{y.at(0):.1f}Z"
        for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True)
        if count
    )
    drawn = f'<path class="bar" d="{bars}"/>'
    return svg(frame(x, y, say_x, lambda value: f"{value:,.0f}") + drawn, title)


def dots(
    groups: Mapping[str, Sequence[tuple[float, float]]],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    title: str,
) -> str:
    """Return a map of places, one path for each group; places that share a pixel are drawn once."""
    x, y = axes(x_range, y_range, ("longitude, °E", "latitude, °N"))
    parts = []
    size = "few" if sum(map(len, groups.values())) <= FEW else "many"
    for name, places in groups.items():
        pixels = {(round(x.at(a), 0), round(y.at(b), 0)) for a, b in places}
        path = "".join(f"M{px:.0f} {py:.0f}h0" for px, py in sorted(pixels))
        parts.append(f'<path class="dot {name}" d="{path}"/>')
    drawn = f'<g class="{size}">{"".join(parts)}</g>'
    return svg(frame(x, y, _degrees, _degrees) + drawn, title)


def picture(
    png: bytes,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    labels: tuple[str, str],
    title: str,
) -> str:
    """Return an image in axes."""
    x, y = axes(x_range, y_range, labels)
    data = base64.b64encode(png).decode("ascii")
    image = (
        f'<image x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}" '
        f'preserveAspectRatio="none" class="pixels" href="data:image/png;base64,{data}"/>'
    )
    return svg(image + frame(x, y, _degrees, _degrees), title)


def _degrees(value: float) -> str:
    return f"{value:,.6g}"
