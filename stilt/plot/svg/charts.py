"""Charts as SVG text: few elements however many points there are, so that the page stays fluid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from stilt.foundations.text import as_html

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

Number = TypeVar("Number", float, "NDArray[np.float64]")

WIDTH, HEIGHT = 640, 280
LEFT, RIGHT, TOP, BOTTOM = 104, 48, 20, 50
"""Room for labels of 25 units: on a phone a chart is half as wide, and its text is to be readable."""
FEW = 200  # so few places that each can be a large dot
MILLION, TEN_THOUSAND = 1_000_000, 10_000


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: from data to pixels, and its ticks, none of them beyond ``most`` on either side of zero."""

    low: float
    high: float
    start: float
    end: float
    most: float = math.inf

    def at(self, value: Number) -> Number:
        """Return the pixel of a value, or of many."""
        span = self.high - self.low or 1.0
        return self.start + (self.end - self.start) * (value - self.low) / span

    def ticks(self, wanted: int = 5, least: float = 0.0) -> list[float]:
        """Return round numbers within the axis, about as many as wanted and at least so far apart."""
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        rough = max(span / wanted, least)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        found = [number * step for number in range(first, last + 1)]
        return [value for value in found if abs(value) <= self.most]


def frame(
    x: Axis,
    y: Axis,
    say_x: Callable[[float], str],
    say_y: Callable[[float], str],
    *,
    least: float = 0.0,
) -> str:
    """Return grid lines and tick labels; those of y are at least so far apart."""
    parts, floor = [], y.start
    for value in y.ticks(least=least):
        level = y.at(value)
        parts.append(f'<path class="grid" d="M{LEFT} {level:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{level:.1f}" class="end tick">{as_html(say_y(value))}</text>'
        )
    for value in x.ticks(wanted=3):
        place = x.at(value)
        parts.append(f'<path class="grid" d="M{place:.1f} {TOP}V{floor:g}"/>')
        parts.append(
            f'<text x="{place:.1f}" y="{floor:g}" dy="1.6em" class="mid">{as_html(say_x(value))}</text>'
        )
    return "".join(parts)


def axes(x_range: tuple[float, float], y_range: tuple[float, float]) -> tuple[Axis, Axis]:
    """Return both axes of a chart of the usual size."""
    return (
        Axis(*x_range, LEFT, WIDTH - RIGHT),
        Axis(*y_range, HEIGHT - BOTTOM, TOP),
    )


def svg(body: str, title: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    """Return a picture that scales with the page, with a title for who can't see it."""
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{as_html(title)}">'
        f"<title>{as_html(title)}</title>{body}</svg>"
    )


def steps(
    series: Mapping[str, Sequence[tuple[float, float]]],
    say_x: Callable[[float], str],
    title: str,
) -> str:
    """Return curves of (x, y) points; the keys of ``series`` are CSS classes."""
    points = [point for curve in series.values() for point in curve]
    x, y = axes(
        (min(p[0] for p in points), max(p[0] for p in points)),
        (0.0, max(p[1] for p in points) or 1.0),
    )
    curves = "".join(
        f'<polyline class="line {name}" points="'
        + " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in curve)
        + '"/>'
        for name, curve in series.items()
        if curve
    )
    return svg(frame(x, y, say_x, _count, least=1.0) + curves, title)


def histogram(
    counts: Sequence[int],
    edges: Sequence[float],
    say_x: Callable[[float], str],
    title: str,
) -> str:
    """Return bars of counts between edges."""
    x, y = axes((edges[0], edges[-1]), (0.0, float(max(counts, default=1) or 1)))
    bars = "".join(
        f"M{x.at(low) + 0.5:.1f} {y.at(0):.1f}V{y.at(count):.1f}H{x.at(high) - 0.5:.1f}V{y.at(0):.1f}Z"
        for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True)
        if count
    )
    drawn = f'<path class="bar" d="{bars}"/>'
    return svg(frame(x, y, say_x, _count, least=1.0) + drawn, title)


def _count(value: float) -> str:
    if value >= MILLION:
        return f"{value / MILLION:g} M"
    return f"{value / 1000:g} k" if value >= TEN_THOUSAND else f"{value:,.0f}"
