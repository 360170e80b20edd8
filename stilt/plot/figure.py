"""One figure of a simulation: its footprint on a map, its particles in plan and in height against time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import numpy as np

from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.plot.field_map import (
    ACCENT,
    FOOT_LABEL,
    INK,
    QUIET,
    Look,
    draw_coast,
    draw_field,
    label_degrees,
    mark_places,
    say_empty,
    show_spans,
)
from stilt.plot.fields import field_of
from stilt.plot.map_frame import DEGREES, around

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from stilt.config.schema import FootprintGrid
    from stilt.foundations.simulation import Receptor

SIZE_INCHES = (11, 6.2)
MAP_INCHES = (7, 6.2)
PLAN_RATIO = 1.5
DOTS = 12_000


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


class DrawOptions(TypedDict, total=False):
    """What ``draw`` takes besides a simulation and a figure."""

    name: str | None
    look: Look | None
    hour: int | None
    particles: bool


def draw(
    result: Drawable,
    *,
    name: str | None = None,
    figure: Figure | None = None,
    look: Look | None = None,
    hour: int | None = None,
    particles: bool = True,
) -> Figure:
    """Draw a simulation and return the figure; saving or showing it is the caller's.

    Parameters
    ----------
    result
        A simulation with particles.
    name
        The footprint; the first of config.yaml unless given. Without any, particles alone are drawn.
    figure
        An empty one to draw into; a new one unless given.
    look
        Of the footprint's map.
    hour
        The footprint of one hour alone: -6 begins six hours before the receptor's time.
    particles
        Whether to draw them beside the footprint.

    Raises
    ------
    EnvironmentFailure
        If matplotlib is not installed.
    InputError
        If the simulation has no particles, or no such hour.
    """
    rows = _particles_of(result) if particles else None
    canvas = figure or new_figure(MAP_INCHES if rows is None else SIZE_INCHES)
    columns = 1 if rows is None else 2
    parts: Any = canvas.subfigures(1, columns, width_ratios=(1.25, 1)[:columns])
    left, *right = np.atleast_1d(parts)
    _draw_footprint(left.subplots(), result, name, look or Look(), hour)
    if rows is not None:
        plan, height = right[0].subplots(2, 1)
        _draw_plan(plan, rows, result.receptor)
        _draw_heights(height, rows)
    canvas.suptitle(_title(result.receptor, result.id), color=INK, fontsize=11)
    return canvas


def _particles_of(result: Drawable) -> Any:
    """Return the particles; None where only their ends were kept and there is a footprint to draw."""
    try:
        return result.particles()
    except InputError as error:
        if error.code != "PARTICLES_NOT_KEPT" or not result.has_footprint():
            raise
        return None


def _draw_footprint(
    axes: Axes, result: Drawable, name: str | None, look: Look, hour: int | None
) -> None:
    if not result.grids or not (name or result.has_footprint()):
        say_empty(axes, "no footprint")
        return
    chosen = name or next(iter(result.grids))
    receptor = result.receptor
    places = np.column_stack([receptor.longitudes, receptor.latitudes])
    field = field_of(result.footprint(chosen), hour=hour, places=places)
    total = field.total
    if not total:
        say_empty(axes, f"footprint {chosen}: nothing in its grid")
        return
    words = f"{chosen}: sum {total:.3g} {FOOT_LABEL}"
    draw_field(axes, field, replace(look, title=look.title or words))


def new_figure(size: tuple[float, float] = SIZE_INCHES) -> Figure:
    """Return an empty figure of a size in inches.

    Raises
    ------
    EnvironmentFailure
        If matplotlib is not installed.
    """
    try:
        from stilt.plot.canvas import Picture
    except ImportError:
        raise EnvironmentFailure(
            "pictures need matplotlib, which is not installed",
            "pip install 'stilt-hpc[plot]'",
            code="PACKAGE_MISSING",
        ) from None
    return Picture(figsize=size, dpi=150, layout="constrained")


def _title(receptor: Receptor, sim: str) -> str:
    ends = dict.fromkeys((min(receptor.heights_m), max(receptor.heights_m)))
    heights = " to ".join(f"{height:g}" for height in ends)
    where = "above ground" if receptor.reference == "agl" else "above sea level"
    return f"{sim}\n{receptor.when:%Y-%m-%d %H:%M} UTC, {heights} m {where}"


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
    mark_places(axes, np.asarray(receptor.longitudes), np.asarray(receptor.latitudes))
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
    show_spans(axes, DEGREES, across, along, PLAN_RATIO)


def _draw_heights(axes: Axes, particles: pd.DataFrame) -> None:
    """Draw the spread of heights at each moment: median, half and nine tenths of the particles."""
    if "zagl" not in particles:
        raise InputError(
            "the particles have no zagl, so heights can't be drawn",
            "add it to varsiwant",
            code="PARTICLE_COLUMN_LACKING",
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
