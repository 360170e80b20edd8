"""A field on a map: true proportions, coastlines, degrees, a scale that survives colour blindness and grey print."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from stilt.foundations.errors import InputError
from stilt.plot.coastline import Kind
from stilt.plot.map_frame import around

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from numpy.typing import NDArray

    from stilt.plot.map_frame import MapFrame, Span

    Values = NDArray[np.float64]

DECADES = 4
PANEL_RATIO = 1.2
WIDTHS = {Kind.COAST: 0.7, Kind.BORDER: 0.5, Kind.STATE: 0.25, Kind.LAKE: 0.4}
INK, QUIET, ACCENT = "#222222", "#8a8a8a", "#c1121f"
FOOT_LABEL = "ppm per µmol m⁻² s⁻¹"
POLE = 90.0
LINES = ("--", "-", ":", "-.")
STARS = 300
"""So many places are drawn as stars, more as dots."""


class LookOptions(TypedDict, total=False):
    """What ``Look`` takes, as keywords."""

    extent: tuple[float, float, float, float] | None
    vmin: float | None
    vmax: float | None
    title: str | None
    percent: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """How a map is to look; what is None follows from the field.

    Attributes
    ----------
    extent
        West, east, south, north in degrees.
    vmin, vmax
        Ends of the colour scale, ppm per (umol m-2 s-1).
    title
        Above the map.
    percent
        Shares of the influence, in percent: a contour encloses the smallest area that holds each; of influence above
        0, where weights make some of it negative.
    both_signs
        Whether the scale has decades on both sides of zero.
    """

    extent: tuple[float, float, float, float] | None = None
    vmin: float | None = None
    vmax: float | None = None
    title: str | None = None
    percent: tuple[float, ...] = ()
    both_signs: bool = False

    def __post_init__(self) -> None:
        """Refuse what can't be drawn.

        Raises
        ------
        InputError
            If the box, the scale or a share is none.
        """
        if self.extent is not None:
            west, east, south, north = self.extent
            if not (west < east and -POLE <= south < north <= POLE):
                raise InputError(
                    f"the extent {west:g} {east:g} {south:g} {north:g} is no box",
                    "give west east south north, in degrees",
                    code="PICTURE_OPTION",
                )
        for name, value in (("vmin", self.vmin), ("vmax", self.vmax)):
            if value is not None and not (np.isfinite(value) and value > 0):
                raise InputError(
                    f"{name} is {value:g}",
                    "the scale is logarithmic: above 0",
                    code="PICTURE_OPTION",
                )
        if self.vmin and self.vmax and self.vmin >= self.vmax:
            raise InputError(
                f"vmin {self.vmin:g} is not below vmax {self.vmax:g}",
                "change one",
                code="PICTURE_OPTION",
            )
        if wrong := [share for share in self.percent if not 0 < share < 100]:  # noqa: PLR2004
            raise InputError(
                f"{wrong[0]:g} percent can't be enclosed",
                "give 1 to 99, such as 50",
                code="PICTURE_OPTION",
            )

    def scaled(self, values: Values) -> Look:
        """Return the same with both ends of the scale: four decades below the greatest value.

        Where averaging kernels make some negative, it has three decades on both sides of zero.
        """
        both = self.both_signs or float(np.nanmin(values, initial=0.0)) < 0.0
        most = self.vmax or float(np.nanmax(np.abs(values), initial=0.0))
        if not most:
            return self
        least = self.vmin or most / 10 ** (DECADES - both)
        return replace(self, vmin=least, vmax=most, both_signs=both)


@dataclass(frozen=True, slots=True)
class Field:
    """Values on a map, and whose they are.

    Attributes
    ----------
    values
        Of each cell, (y, x); ppm per (umol m-2 s-1).
    frame
        Where the cells are.
    places
        Longitude and latitude of receptors, shape (receptors, 2); of a column or several points each of them.
    label
        What the values are, for the scale.
    """

    values: Values
    frame: MapFrame
    places: Values
    label: str = f"footprint, {FOOT_LABEL}"

    @property
    def total(self) -> float:
        """The sum of all cells."""
        return float(self.values.sum())


def extremes(fields: Iterable[Field]) -> Values:
    """Return the least and the greatest value of several fields that are to have one scale."""
    return np.array([[field.values.min(), field.values.max()] for field in fields])


def draw_field(
    axes: Axes,
    field: Field,
    look: Look | None = None,
    *,
    bar: bool = True,
    shown: Field | None = None,
) -> QuadMesh:
    """Draw a field on a logarithmic scale; below it is white. ``shown`` is one that the map has to have room for.

    One that is negative anywhere is drawn as a difference is.
    """
    from matplotlib.colors import LogNorm

    chosen = (look or Look()).scaled(field.values)
    if not chosen.vmax:
        raise InputError(
            "the footprint has nothing in its grid",
            "draw another, or another hour",
            code="PICTURE_EMPTY",
        )
    if chosen.both_signs:
        return draw_difference(axes, field, chosen, bar=bar, shown=shown)
    least = float(chosen.vmin or 0.0)
    field = replace(field, values=np.where(field.values < least, 0.0, field.values))
    norm = LogNorm(least, chosen.vmax)
    colours = {"norm": norm, "cmap": "magma_r"}
    return _draw(axes, field, shown or field, chosen, colours, bar=bar)


def draw_difference(
    axes: Axes,
    field: Field,
    look: Look | None = None,
    *,
    bar: bool = True,
    shown: Field | None = None,
) -> QuadMesh:
    """Draw a difference: blue where it is negative, red where positive, in decades on both sides of zero."""
    from matplotlib.colors import SymLogNorm

    chosen = look or Look()
    most = chosen.vmax or float(np.abs(field.values).max()) or 1.0
    least = chosen.vmin or most / 10 ** (DECADES - 1)
    norm = SymLogNorm(least, linscale=0.3, vmin=-most, vmax=most, base=10)
    field = replace(field, values=np.where(np.abs(field.values) < 0.1 * least, 0.0, field.values))
    colours = {"norm": norm, "cmap": "RdBu_r"}
    return _draw(axes, field, shown or field, chosen, colours, bar=bar)


def _draw(
    axes: Axes, field: Field, shown: Field, look: Look, colours: dict[str, Any], *, bar: bool
) -> QuadMesh:
    frame, extent = field.frame.unrolled(shown.values)
    values = _as_in(frame, field)
    mesh = axes.pcolormesh(
        *(frame.x, frame.y, np.ma.masked_equal(values, 0.0)),
        shading="nearest",
        rasterized=True,
        **colours,
    )
    place = frame.place(*field.places.T)
    room = frame.place(*shown.places.T)
    _frame_map(axes, frame, extent != 0, room, look)
    mark_places(axes, *place)
    draw_coast(axes, frame)
    if look.percent and (values > 0).any():
        _enclose(axes, frame, values, look.percent)
    if look.title:
        axes.set_title(look.title, fontsize=9, color=QUIET)
    if bar:
        draw_bar(axes, mesh, field.label)
    return mesh


def _as_in(frame: MapFrame, field: Field) -> Values:
    """Return the values of a field in a frame that may begin at another column."""
    if frame.x[0] == field.frame.x[0]:
        return field.values
    apart = np.abs(around(field.frame.x, float(frame.x[0])) - frame.x[0])
    return np.roll(field.values, -int(apart.argmin()), axis=1)


def draw_bar(axes: Any, mesh: QuadMesh, label: str) -> None:
    """Draw the scale below a map, or below several."""
    first = np.atleast_1d(axes).flat[0]
    norm: Any = mesh.norm
    drawn: Any = mesh.get_array()
    is_beyond = bool(np.abs(np.ma.filled(drawn, 0.0)).max() > norm.vmax)
    ends = "both" if norm.vmin < 0.0 else "max"
    bar = first.figure.colorbar(
        *(mesh, None, axes),
        orientation="horizontal",
        shrink=0.8,
        pad=0.03,
        aspect=35,
        extend=ends if is_beyond else "neither",
    )
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    _thin_decades(bar.ax.xaxis, mesh.norm)


def _thin_decades(axis: Any, norm: Any) -> None:
    """On both sides of zero, label whole decades only: others run into each other."""
    from matplotlib.colors import SymLogNorm
    from matplotlib.ticker import FixedLocator, LogFormatterSciNotation, NullLocator

    if not isinstance(norm, SymLogNorm):
        return
    most, least = float(norm.vmax or 1.0), float(norm.linthresh)
    powers = np.arange(np.ceil(np.log10(least)), np.floor(np.log10(most)) + 1)
    decades = 10.0**powers
    axis.set_major_locator(FixedLocator(np.r_[-decades[::-1], 0.0, decades].tolist()))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(LogFormatterSciNotation(linthresh=least))


def mark_places(axes: Axes, x: Values, y: Values) -> None:
    """Draw receptors: each place once, a column's or multipoint's too."""
    spots = np.unique(np.column_stack([x, y]), axis=0)
    mark, size, edge = ("*", 13, 1.1) if len(spots) == 1 else ("*", 8, 0.8)
    if len(spots) > STARS:
        mark, size, edge = ".", 2, 0.5
    axes.plot(*spots.T, mark, ms=size, mfc="white", mec=INK, mew=edge, zorder=5)


def _enclose(axes: Axes, frame: MapFrame, values: Values, percent: tuple[float, ...]) -> None:
    """Draw the smallest areas that hold these shares of all influence."""
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.6, foreground="white")]
    keys, whole = [], "what is above 0" if values.min() < 0 else "all"
    for share, line in zip(sorted(percent, reverse=True), cycle(LINES), strict=False):
        look: dict[str, Any] = {"linewidths": 1.1, "linestyles": line, "zorder": 4.5}
        axes.contour(
            frame.x, frame.y, values, levels=[enclosing(values, share)], colors=[INK], **look
        ).set(path_effects=halo)
        keys.append(Line2D([], [], color=INK, lw=1.1, ls=line, label=f"{share:g}% of {whole}"))
    axes.legend(handles=keys, fontsize=7, loc="best", framealpha=0.9, handlelength=3)


def enclosing(values: Values, percent: float) -> float:
    """Return the value above which cells hold a share of the sum of all that are above 0."""
    ranked = np.sort(values[values > 0])[::-1]
    reached = np.cumsum(ranked)
    return float(ranked[np.searchsorted(reached, percent / 100 * reached[-1])])


def _frame_map(
    axes: Axes,
    frame: MapFrame,
    touched: NDArray[np.bool_],
    place: tuple[Values, Values],
    look: Look,
) -> None:
    """Show the box that is asked for; else what has something in it, the receptors and a margin.

    Beyond the grid the map is grey.
    """
    if look.extent is not None:
        across, along = _box(frame, look.extent)
    else:
        across = _span(frame.x, np.atleast_1d(touched.any(axis=0)), place[0])
        along = _span(frame.y, np.atleast_1d(touched.any(axis=1)), place[1])
    show_spans(axes, frame, across, along, PANEL_RATIO)
    axes.tick_params(labelsize=8)
    if frame.plane:
        axes.set_xlabel(f"x, {frame.unit}", fontsize=8)
        axes.set_ylabel(f"y, {frame.unit}", fontsize=8)
        axes.locator_params(nbins=6)
    else:
        label_degrees(axes)
    axes.grid(color=QUIET, alpha=0.25, lw=0.5)
    _whiten_grid(axes, frame)


def _box(frame: MapFrame, extent: tuple[float, float, float, float]) -> tuple[Span, Span]:
    """Return the spans of x and y that a box of degrees has in the frame."""
    west, east, south, north = extent
    edge = np.linspace(0, 1, 21)
    longitudes = np.concatenate([west + (east - west) * edge] * 2)
    latitudes = np.repeat([south, north], len(edge))
    x, y = frame.place(longitudes, latitudes)
    if frame.plane is None:
        middle = 0.5 * (west + east)
        shift = float(around(np.array([middle]), 0.5 * (frame.x[0] + frame.x[-1]))[0]) - middle
        return (west + shift, east + shift), (south, north)
    return (float(x.min()), float(x.max())), (float(y.min()), float(y.max()))


def show_spans(axes: Axes, frame: MapFrame, across: Span, along: Span, ratio: float) -> None:
    """Show at least these spans in true proportions, and nothing beyond the poles."""
    across, along, stretch = frame.fitted(across, along, ratio)
    if frame.plane is None:
        along = max(along[0], -POLE), min(along[1], POLE)
    axes.set_xlim(*across)
    axes.set_ylim(*along)
    axes.set_aspect(1 / stretch)


def label_degrees(axes: Axes, most: tuple[int, int] = (5, 5)) -> None:
    """Say longitudes and latitudes as maps do, at most so many of each that they don't run into each other."""
    from matplotlib.ticker import MaxNLocator

    from stilt.plot.map_frame import degrees

    for axis, words, count in ((axes.xaxis, "WE", most[0]), (axes.yaxis, "SN", most[1])):
        axis.set_major_locator(MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(partial(degrees, words))


def _span(centres: Values, touched: NDArray[np.bool_], places: Values) -> Span:
    shown = np.append(centres[touched], places)
    if not len(shown):
        return float(centres[0]), float(centres[-1])
    margin = max(0.1 * float(np.ptp(shown)), 4 * _cell(centres))
    return float(shown.min()) - margin, float(shown.max()) + margin


def _cell(centres: Values) -> float:
    return abs(float(centres[1] - centres[0])) if len(centres) > 1 else 1.0


def _whiten_grid(axes: Axes, frame: MapFrame) -> None:
    from matplotlib.patches import Rectangle

    axes.set_facecolor("#ececec")
    dx, dy = _cell(frame.x), _cell(frame.y)
    corner = frame.x.min() - 0.5 * dx, frame.y.min() - 0.5 * dy
    size = len(frame.x) * dx, len(frame.y) * dy
    axes.add_patch(Rectangle(corner, *size, facecolor="white", edgecolor=QUIET, lw=0.6, zorder=0))


def draw_coast(axes: Axes, frame: MapFrame) -> None:
    """Draw coastlines and borders where the axes are."""
    from matplotlib.collections import LineCollection

    limits = axes.get_xlim(), axes.get_ylim()
    for kind, width in WIDTHS.items():
        lines = frame.coast(*limits, kind)
        drawn = LineCollection(lines, colors=INK, linewidths=width, alpha=0.8, zorder=4)
        axes.add_collection(drawn, autolim=False)


def say_empty(axes: Axes, what: str) -> None:
    """Say in place of a map why there is none."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, what, ha="center", va="center", color=QUIET)
