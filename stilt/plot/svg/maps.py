"""Maps as SVG text: true proportions, coastlines and borders, and nothing far away that squeezes the rest."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from stilt.footprint.grid import outer_edges
from stilt.plot.coastline import Kind
from stilt.plot.map_frame import DEGREES, degrees, unwrapped
from stilt.plot.svg.charts import BOTTOM, FEW, LEFT, RIGHT, TOP, WIDTH, Axis, frame, svg
from stilt.plot.svg.png import encode_field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stilt.plot.map_frame import MapFrame, Span

    Place = tuple[float, float]
    Layer = tuple[MapFrame, NDArray[np.float64]]

HEIGHT = 420
MARGIN = 0.06
FAR_SHARE, FAR_SPANS = 0.01, 3.0
"""So small a share of the places is left out where it lies so many times the others' extent away from them."""
LINES = {Kind.COAST: "coast", Kind.BORDER: "border", Kind.STATE: "state", Kind.LAKE: "coast"}


def receptors(groups: Mapping[str, Sequence[Place]], title: str) -> tuple[str, int]:
    """Return a map of places, one path for each group, and how many lie too far away to be on it."""
    everything = np.array([place for places in groups.values() for place in places])
    everything[:, 0] = unwrapped(everything[:, 0])
    parts = np.cumsum([len(places) for places in groups.values()])[:-1]
    placed = dict(zip(groups, np.split(everything, parts), strict=True))
    near = _near(everything[:, 0]) & _near(everything[:, 1])
    shown = everything[near]
    x, y = _fitted(_padded(shown[:, 0]), _padded(shown[:, 1]), DEGREES)
    dots = "".join(_dots(places, (x, y), f"dot {name}") for name, places in placed.items())
    size = "few" if len(everything) <= FEW else "many"
    body = f'{_coast((x, y), DEGREES)}<g class="{size}">{dots}</g>'
    return _map(body, (x, y), DEGREES, title), int(len(everything) - near.sum())


def field(layer: Layer, places: Sequence[Place], decades: float, title: str) -> str:
    """Return a map of a footprint on a logarithmic scale, with the receptors on it: of more than ``FEW`` so many."""
    frame, values = layer
    base, values = frame.unrolled(values)
    most = float(values.max())
    spans = outer_edges(base.x), outer_edges(base.y)
    x, y = _fitted(*spans, base)
    png = base64.b64encode(encode_field(values, most, decades)).decode("ascii")
    (left, right), (top, bottom) = map(x.at, spans[0]), map(y.at, spans[1][::-1])
    corner = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
    image = (
        f'<rect class="plate" {corner}/><image {corner} preserveAspectRatio="none" class="pixels" '
        f'href="data:image/png;base64,{png}"/>'
    )
    where = np.unique(np.array(places).reshape(-1, 2), axis=0)
    if len(where) > FEW:  # more would hide it
        where = where[np.linspace(0, len(where) - 1, FEW).astype(int)]
    stars = np.column_stack(base.place(*where.T))
    marks = "".join(_dots(stars, (x, y), f"dot {name}") for name in ("halo", "receptor"))
    body = (
        f'{_plate("rect")} class="paper"/>{image}{_coast((x, y), base)}<g class="few">{marks}</g>'
    )
    return _map(body, (x, y), base, title)


def _map(body: str, axes: tuple[Axis, Axis], base: MapFrame, title: str) -> str:
    plane = partial(_plane, base.unit)
    says = [plane, plane] if base.plane else [_east, _north]
    return svg(body + frame(*axes, *says), title, height=HEIGHT)


def _plane(unit: str, value: float) -> str:
    return f"{value:,.6g} {unit}"


def _east(value: float) -> str:
    return degrees("WE", value)


def _north(value: float) -> str:
    return degrees("SN", value)


def _near(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell what is not far from nearly all others."""
    low, high = np.quantile(values, (2 * FAR_SHARE, 1 - 2 * FAR_SHARE))
    reach = FAR_SPANS * max(high - low, 0.5)
    near = (values >= low - reach) & (values <= high + reach)
    return near if np.mean(~near) <= FAR_SHARE else np.ones_like(near)


def _padded(values: NDArray[np.float64]) -> Span:
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * (high - low) or 0.5
    return low - margin, high + margin


def _fitted(across: Span, along: Span, base: MapFrame) -> tuple[Axis, Axis]:
    """Widen one of both so that a kilometre is as long along as across."""
    plate = (WIDTH - LEFT - RIGHT) / (HEIGHT - TOP - BOTTOM)
    across, along, _ = base.fitted(across, along, plate)
    return (
        Axis(*across, LEFT, WIDTH - RIGHT),
        Axis(*along, HEIGHT - BOTTOM, TOP, most=np.inf if base.plane else 90.0),
    )


def _dots(places: NDArray[np.float64], axes: tuple[Axis, Axis], name: str) -> str:
    """Return places as one path; those that share a pixel are drawn once, those outside not at all."""
    (x, y), (a, b) = axes, places.T
    inside = (x.low <= a) & (a <= x.high) & (y.low <= b) & (b <= y.high)
    pixels = np.unique(np.rint([x.at(a[inside]), y.at(b[inside])]).astype(int), axis=1)
    path = "".join(f"M{px} {py}h0" for px, py in pixels.T)
    return f'<path class="{name}" d="{path}"/>'


def _coast(axes: tuple[Axis, Axis], base: MapFrame) -> str:
    x, y = axes
    drawn = []
    for kind, name in LINES.items():
        lines = base.coast((x.low, x.high), (y.low, y.high), kind)
        path = "".join(_path(line, axes) for line in lines)
        drawn.append(f'<path class="{name}" d="{path}"/>')
    corner = f"{LEFT} {TOP} {WIDTH - LEFT - RIGHT} {HEIGHT - TOP - BOTTOM}"
    return f'{_plate("svg")} viewBox="{corner}">{"".join(drawn)}</svg>'


def _plate(tag: str) -> str:
    """Return the begin of an element that covers the map."""
    return f'<{tag} x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}"'


def _path(line: NDArray[np.float64], axes: tuple[Axis, Axis]) -> str:
    """Return a line in half pixels, without the points that repeat; far outside it is cut."""
    x, y = axes
    pixels = np.column_stack([x.at(line[:, 0]), y.at(line[:, 1])])
    pixels = np.round(2 * np.clip(pixels, -WIDTH, 2 * WIDTH)) / 2
    kept = pixels[np.r_[True, np.any(np.diff(pixels, axis=0) != 0, axis=1)]]
    return "M" + "L".join(f"{a:g} {b:g}" for a, b in kept)
