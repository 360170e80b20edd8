"""From particles to a footprint: STILT's kernel method.

Lin et al. (2003), JGR 108, 4493; Fasoli et al. (2018), GMD 11, 2813, section 2.2. Values are equal to
R-STILT's on the same particles, but for what R-STILT gets wrong:

- Kernels are right for cells that are not square.
- A cloud that lies across the antimeridian is one cloud, and on a grid round the whole globe kernels go on
  at the other side of 180 degrees.
- A single particle is not smoothed (its cloud has no width), rather than an error.
- On a projected grid too, rows are filled in near the receptor where particles step over cells.
- Hours in which nothing reached the grid are zero, not absent: every hour that the particles span is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from stilt.footprint import kernels, near_receptor
from stilt.footprint.grid import Geometry, geometry_of
from stilt.footprint.rows import Rows, fill_in_near_receptor, rows_of
from stilt.kernels.compiled import compile_ahead

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.config.schema import FootprintGrid
    from stilt.foundations.simulation import Receptor
    from stilt.particles.table import ParticleTable

BANDWIDTH_FACTOR = 0.06
"""Fasoli et al. (2018), equation 8."""

MAX_BANDWIDTH_DEGREES = 180.0
"""The cosine in the bandwidth vanishes at a pole; nothing is spread further than over the globe."""

KERNEL_REACH = 3.0
"""Standard deviations at which kernels end."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """The influence of surface fluxes on a receptor.

    Attributes
    ----------
    values
        ppm per (umol m-2 s-1), float32, (layer, y, x) with y ascending.
    geometry
        The grid.
    times
        The start of each layer, datetime64[s] in UTC, ascending: hours counted from the receptor's time, or
        that time itself for the one layer of a time-integrated footprint.
    is_integrated
        Whether the one layer is the sum over all hours.
    facts
        ``share_outside_grid``: how much of the particles' influence lies outside of the grid, where any does; not
        where weights make some of it negative, as parts would cancel.
    """

    values: NDArray[np.float32]
    geometry: Geometry
    times: NDArray[np.datetime64]
    is_integrated: bool = False
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def x(self) -> NDArray[np.float64]:
        """Cell centres, degrees east or units of the projection."""
        return self.geometry.x

    @property
    def y(self) -> NDArray[np.float64]:
        """Cell centres, degrees north or units of the projection."""
        return self.geometry.y

    @property
    def is_empty(self) -> bool:
        """Whether nothing touched the surface within the grid."""
        return not bool(self.values.any())


def warm() -> None:
    """Compile the kernels, unless they are kept already, so that processes started later need not."""
    compile_ahead(kernels, near_receptor)


def calc_footprint(table: ParticleTable, grid: FootprintGrid, receptor: Receptor) -> Footprint:
    """Return the footprint of a receptor's particles on a grid.

    Parameters
    ----------
    table
        The columns time, indx, long, lati and foot; each particle's rows in order of time.
    grid
        Cells, projection and smoothing.
    receptor
        Gives the time from which hours are counted.

    Raises
    ------
    InputError
        If a column is missing or the grid has no cell.
    """
    geometry = geometry_of(grid)
    if not len(table):
        nothing = np.zeros((0, geometry.ny, geometry.nx), np.float32)
        return Footprint(nothing, geometry, _starts(receptor, 0, 0))
    rows = fill_in_near_receptor(rows_of(table), geometry)
    times = rows.times
    first_hour, n_layers = (0, 1) if grid.time_integrate else (times.first_hour, times.n_hours)
    values = np.zeros((n_layers, geometry.ny, geometry.nx), np.float32)
    _spread(rows, values, grid, geometry)
    starts = _starts(receptor, first_hour, n_layers)
    return Footprint(values, geometry, starts, grid.time_integrate, _facts(rows, values))


def _facts(rows: Rows, values: NDArray[np.float32]) -> dict[str, float]:
    influence = float(np.sum(rows.foot, where=rows.foot > 0.0)) / rows.n_particles
    if (rows.foot < 0.0).any():
        return {}
    inside = float(values.sum(dtype=np.float64))
    share = round(1.0 - inside / influence, 4) if influence > 0.0 else 0.0
    return {"share_outside_grid": share} if share > 0.0 else {}


def _starts(receptor: Receptor, first_hour: int, n_layers: int) -> NDArray[np.datetime64]:
    start = receptor.when.replace(tzinfo=None) + timedelta(hours=first_hour)
    return np.datetime64(start, "s") + np.arange(n_layers) * np.timedelta64(3600, "s")


def _spread(
    rows: Rows,
    values: NDArray[np.float32],
    grid: FootprintGrid,
    geometry: Geometry,
) -> None:
    """Add up the kernels of all rows in ``values``."""
    x, y = geometry.project(rows.long, rows.lati)
    ages, minutes = rows.ages()
    clouds = kernels.Clouds(
        np.empty((len(minutes), kernels.CLOUD_VALUES)), *np.empty((2, len(minutes)))
    )
    kernels.cloud_sizes(ages, x, y, geometry.period, clouds)
    ties: Literal["left", "right"] = "left" if rows.times.is_forward else "right"
    bandwidth = _bandwidth(minutes, clouds, grid, geometry)
    smoothing = _smoothing(_of_nearest_age(bandwidth, minutes, ties), geometry)
    reach_x = 2 * int(smoothing.halves_x.max()) + 1
    reach_y = 2 * int(smoothing.halves_y.max()) + 1
    order, bounds = _order(rows, ages, len(minutes), len(values))
    share = 1.0 / rows.n_particles
    space = kernels.Space(
        np.empty((2, max(reach_x, reach_y) + kernels.LANES)),
        np.zeros((geometry.ny, geometry.nx + kernels.LANES)),
    )
    points = kernels.Points(order, bounds, ages, x, y, rows.foot, share)
    kernels.spread(points, smoothing, _cells(geometry, reach_x, reach_y), space, values)


def _smoothing(bandwidth: NDArray[np.float64], geometry: Geometry) -> kernels.Smoothing:
    halves_x = np.floor(KERNEL_REACH * bandwidth / geometry.xres).astype(np.int64)
    halves_y = np.floor(KERNEL_REACH * bandwidth / geometry.yres).astype(np.int64)
    return kernels.Smoothing(bandwidth, halves_x, halves_y)


def _cells(geometry: Geometry, reach_x: int, reach_y: int) -> kernels.Cells:
    return kernels.Cells(
        _edges(geometry.xmin, geometry.xres, geometry.nx, reach_x),
        _edges(geometry.ymin, geometry.yres, geometry.ny, reach_y),
        geometry.xres,
        geometry.yres,
        geometry.middle,
        geometry.period,
        int(geometry.is_global),
    )


def _bandwidth(
    minutes: NDArray[np.float64],
    clouds: kernels.Clouds,
    grid: FootprintGrid,
    geometry: Geometry,
) -> NDArray[np.float64]:
    """Return the kernels' standard deviations in units of the grid; NaN for an age with one particle.

    On a projected grid the factor is the same although the unit is not, as in R-STILT: kernels are some
    metres wide, so that ``smooth_factor`` has to be large to do anything.
    """
    width: NDArray[np.float64] = (
        grid.smooth_factor * BANDWIDTH_FACTOR * clouds.variance**0.25 * np.sqrt(minutes / 1440.0)
    )
    if geometry.is_longlat:
        width = np.minimum(width / np.cos(np.radians(clouds.mean_y)), MAX_BANDWIDTH_DEGREES)
    return width


def _of_nearest_age(
    width: NDArray[np.float64], minutes: NDArray[np.float64], ties: Literal["left", "right"]
) -> NDArray[np.float64]:
    """Return the widths, with unknown ones taken from the nearest age; of two, the one that ``ties`` names."""
    known = np.flatnonzero(np.isfinite(width))
    if not len(known):
        return np.zeros_like(width)
    # In whole milliseconds: tenths of minutes are not exact in binary, and there are ties.
    times = np.rint(minutes * 60_000.0)
    middles = (times[known][1:] + times[known][:-1]) / 2
    nearest: NDArray[np.float64] = width[known[np.searchsorted(middles, times, side=ties)]]
    return nearest


def _order(
    rows: Rows, ages: NDArray[np.int32], n_ages: int, n_layers: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the rows with foot by layer, then by age, and where each layer's part begins and ends."""
    kept = np.empty(len(rows), np.int32)
    kept = kept[: kernels.rows_with_foot(rows.foot, kept)]
    order = kernels.grouped_by(ages, kept, np.zeros(n_ages + 1, np.int64))
    if n_layers == 1:
        return order, np.array([0, len(order)])
    layers = np.empty(len(rows), np.int32)
    kernels.layers_of(order, rows.time, rows.times.first_hour, layers)
    bounds = np.zeros(n_layers + 1, np.int64)
    return kernels.grouped_by(layers, order, bounds), bounds


def _edges(start: float, size: float, count: int, buffer: int) -> NDArray[np.float64]:
    """Return the edges of the cells and of ``buffer`` more on each side.

    Added up as R-STILT does: many particles lie on an edge, as longitudes have four decimals, and
    rounding decides on which side of it.
    """
    steps = np.arange(count + 2 * buffer + 1, dtype=np.float64)
    return (start - buffer * size) + steps * size
