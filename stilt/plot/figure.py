"""One figure of a simulation: its footprint on a map, its particles in plan and in height against time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.plot.coastline import Kind
from stilt.plot.map_frame import DEGREES, MapFrame, around, degrees

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from stilt.config.schema import FootprintGrid
    from stilt.foundations.simulation import Receptor
    from stilt.plot.map_frame import Span

SIZE_INCHES = (11, 6.2)
DECADES = 4
PANEL_RATIO, PLAN_RATIO = 1.2, 1.5
DOTS = 12_000
WIDTHS = {Kind.COAST: 0.7, Kind.BORDER: 0.5, Kind.STATE: 0.25}
INK, QUIET, ACCENT = "#222222", "#8a8a8a", "#c1121f"
FOOT_LABEL = "ppm per µmol m⁻² s⁻¹"


class Drawable(Protocol):
    """A simulation that can be drawn."""

    @property
    def id(self) -> str:
        """The simulation id."""

    @property
    def receptor(self) -> Receptor:
        """Where and when the air arrives."""

    @property
    def grids(self) -> Mapping[str, FootprintGrid]:
        """The grids of its footprints, by name."""

    def particles(self) -> pd.DataFrame:
        """Return the particles."""

    def footprint(self, name: str | None = None) -> xr.DataArray:
        """Return a footprint."""

    def has_footprint(self, name: str | None = None) -> bool:
        """Return whether there is a footprint."""


def draw(result: Drawable, *, name: str | None = None, figure: Figure | None = None) -> Figure:
    """Draw a simulation and return the figure; saving or showing it is the caller's.

    Parameters
    ----------
    result
        A simulation with particles.
    name
        The footprint; the first of config.yaml unless given. Without any, particles alone are drawn.
    figure
        An empty one to draw into; a new one unless given.

    Raises
    ------
    EnvironmentFailure
        If matplotlib is not installed.
    InputError
        If the simulation has no particles.
    """
    canvas = figure or new_figure()
    particles = result.particles()
    grids = result.grids
    left, right = np.atleast_1d(canvas.subfigures(1, 2, width_ratios=(1.25, 1)))  # type: ignore[arg-type]
    if grids and (name or result.has_footprint()):
        chosen = name or next(iter(grids))
        foot = result.footprint(chosen)
        frame = MapFrame.of(foot, grids[chosen])
        _draw_footprint(left.subplots(), foot, frame, result.receptor, chosen)
    else:
        _say_empty(left.subplots(), "no footprint")
    plan, height = right.subplots(2, 1)
    _draw_plan(plan, particles, result.receptor)
    _draw_heights(height, particles)
    canvas.suptitle(_title(result.receptor, result.id), color=INK, fontsize=11)
    return canvas


def new_figure() -> Figure:
    """Return an empty figure.

    Raises
    ------
    EnvironmentFailure
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure as Canvas
    except ImportError:
        raise EnvironmentFailure(
            "pictures need matplotlib, which is not installed", "pip install 'stilt-hpc[plot]'"
        ) from None
    return Canvas(figsize=SIZE_INCHES, dpi=150, layout="constrained")


def _title(receptor: Receptor, sim: str) -> str:
    ends = dict.fromkeys((min(receptor.heights_m), max(receptor.heights_m)))
    heights = " to ".join(f"{height:g}" for height in ends)
    where = "above ground" if receptor.reference == "agl" else "above sea level"
    return f"{sim}\n{receptor.when:%Y-%m-%d %H:%M} UTC, {heights} m {where}"


def _draw_footprint(
    axes: Axes, foot: xr.DataArray, frame: MapFrame, receptor: Receptor, name: str
) -> None:
    """Draw the sum of all hours on a logarithmic scale of four decades; below that is white."""
    from matplotlib.colors import LogNorm

    frame, total = frame.unrolled(foot.sum("time").to_numpy())
    if not total.any():
        _say_empty(axes, f"footprint {name}: nothing in its grid")
        return
    most = float(total.max())
    shown = np.ma.masked_less(total, most / 10**DECADES)
    mesh = axes.pcolormesh(
        frame.x,
        frame.y,
        shown,
        norm=LogNorm(most / 10**DECADES, most),
        cmap="magma_r",
        shading="nearest",
        rasterized=True,
    )
    bar = axes.figure.colorbar(mesh, ax=axes, orientation="horizontal", shrink=0.8, pad=0.02)
    bar.set_label(f"footprint, all hours: {FOOT_LABEL}", fontsize=9)
    x, y = frame.place(np.asarray(receptor.longitudes), np.asarray(receptor.latitudes))
    axes.plot(x, y, "*", ms=13, mfc="white", mec=INK, mew=1.2, clip_on=False, zorder=5)
    _frame_map(axes, frame, ~np.ma.getmaskarray(shown), (x, y))
    draw_coast(axes, frame)
    axes.set_title(f"{name}: sum {float(total.sum()):.3g} {FOOT_LABEL}", fontsize=9, color=QUIET)


def _frame_map(
    axes: Axes, frame: MapFrame, touched: NDArray[np.bool_], receptor: tuple[Any, Any]
) -> None:
    """Show what has something in it, the receptor and a margin; beyond the grid the map is grey."""
    across = _span(frame.x, np.atleast_1d(touched.any(axis=0)), receptor[0])
    along = _span(frame.y, np.atleast_1d(touched.any(axis=1)), receptor[1])
    _show(axes, frame, across, along, PANEL_RATIO)
    axes.tick_params(labelsize=8)
    if frame.plane:
        axes.set_xlabel(f"x, {frame.unit}")
        axes.set_ylabel(f"y, {frame.unit}")
    else:
        label_degrees(axes)
    axes.grid(color=QUIET, alpha=0.25, lw=0.5)
    _whiten_grid(axes, frame)


def _show(axes: Axes, frame: MapFrame, across: Span, along: Span, ratio: float) -> None:
    """Show at least these spans in true proportions, and nothing beyond the poles."""
    across, along, stretch = frame.fitted(across, along, ratio)
    if frame.plane is None:
        along = max(along[0], -90.0), min(along[1], 90.0)
    axes.set_xlim(*across)
    axes.set_ylim(*along)
    axes.set_aspect(1 / stretch)


def label_degrees(axes: Axes) -> None:
    """Say longitudes and latitudes as maps do."""
    from matplotlib.ticker import MaxNLocator

    for axis, words in ((axes.xaxis, "WE"), (axes.yaxis, "SN")):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(partial(degrees, words))


def _span(
    centres: NDArray[np.float64], touched: NDArray[np.bool_], receptor: NDArray[np.float64]
) -> tuple[float, float]:
    shown = np.append(centres[touched], receptor)
    margin = max(0.1 * float(np.ptp(shown)), 4 * _cell(centres))
    return float(shown.min()) - margin, float(shown.max()) + margin


def _cell(centres: NDArray[np.float64]) -> float:
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


def _say_empty(axes: Axes, what: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, what, ha="center", va="center", color=QUIET)


def _draw_plan(axes: Axes, particles: pd.DataFrame, receptor: Receptor) -> None:
    """Draw where particles are, coloured by the hours between them and the receptor."""
    # a fixed choice, but not every n-th row: rows are in the order of particles, and n may divide their number
    chosen = np.random.default_rng(0).permutation(len(particles))[:DOTS]
    some = particles.iloc[np.sort(chosen)]
    hours = some["time"].to_numpy() / 60
    longitude = around(some["long"].to_numpy(), receptor.longitudes[0])
    dots = axes.scatter(
        longitude,
        some["lati"],
        c=hours,
        s=1.5,
        lw=0,
        cmap="viridis" if hours.min(initial=0) < 0 else "viridis_r",
        rasterized=True,
    )
    axes.plot(
        receptor.longitudes, receptor.latitudes, "*", ms=11, mfc="white", mec=INK, mew=1.1, zorder=5
    )
    _show_plan(axes, longitude, some["lati"].to_numpy())
    axes.tick_params(labelsize=8)
    label_degrees(axes)
    draw_coast(axes, DEGREES)
    axes.set_title("particles", fontsize=9, color=QUIET)
    bar = axes.figure.colorbar(dots, ax=axes, pad=0.01)
    bar.set_label("hours from the receptor's time", fontsize=8)
    bar.ax.tick_params(labelsize=8)


def _show_plan(axes: Axes, longitudes: NDArray[np.float64], latitudes: NDArray[np.float64]) -> None:
    """Show all particles, a kilometre as long along as across."""
    (west, east), (south, north) = (
        (float(each.min()), float(each.max())) for each in (longitudes, latitudes)
    )
    middle, half = 0.5 * (south + north), 0.55 * max(north - south, 0.05)
    margin = 0.05 * (east - west)
    across, along = (west - margin, east + margin), (middle - half, middle + half)
    _show(axes, DEGREES, across, along, PLAN_RATIO)


def _draw_heights(axes: Axes, particles: pd.DataFrame) -> None:
    """Draw the spread of heights at each moment: median, half and nine tenths of the particles."""
    if "zagl" not in particles:
        raise InputError(
            "the particles have no zagl, so heights can't be drawn", "add it to varsiwant"
        )
    groups = particles.groupby("time")
    spread = groups["zagl"].quantile(np.array([0.05, 0.25, 0.5, 0.75, 0.95])).unstack() / 1000  # noqa: PD010 - a level of the index, no table to reshape
    hours = spread.index.to_numpy() / 60
    fill: dict[str, Any] = {"color": "#457b9d", "lw": 0}
    axes.fill_between(
        hours, spread[0.05], spread[0.95], alpha=0.2, label="90% of particles", **fill
    )
    axes.fill_between(hours, spread[0.25], spread[0.75], alpha=0.35, label="50%", **fill)
    axes.plot(hours, spread[0.5], color="#1d3557", lw=1.4, label="median")
    if "mlht" in particles:
        mixed = groups["mlht"].median() / 1000
        axes.plot(hours, mixed, color=ACCENT, lw=1.1, ls="--", label="mixed layer")
    axes.set_ylim(0, 1.25 * float(spread[0.95].max()))
    axes.set_xlim(hours.min(), hours.max())
    axes.set_xlabel("hours from the receptor's time", fontsize=9)
    axes.set_ylabel("height, km above ground", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=7, frameon=False, ncols=4, loc="upper center", columnspacing=1.2)
