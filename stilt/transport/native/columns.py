"""Everything a particle needs of one analysis, computed column by column on a rectangle of the grid.

Layouts, all float32, columns contiguous so that a particle's levels share cache lines:

- ``flow[row, column, level]``: wind (cells/min, twice), sigma motion (1/min), dry density (kg m-3)
- ``mass[row, column, level]``: mass of the layers below the level's own over the model depth and dry density,
  then both thinned by humidity
- ``state[row, column, level]``: pressure (hPa), temperature (K), relative humidity (fraction), variance of
  the vertical turbulent velocity (m2 s-2)
- ``turbulence[row, column, level]``: sigma_w (m/s), Lagrangian time scale (s)
- ``surface[row, column]``: see ``SURFACE_FIELDS``
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.kernels.compiled import fast
from stilt.transport.native.boundary_layer import (
    Fluxes,
    MixedLayer,
    energy_height,
    friction_velocity,
    profile_fluxes,
    richardson_height,
    stability,
    temperature_height,
    temperature_scale,
    turbulence_profile,
)
from stilt.transport.native.remap import (
    DATA_ROWS,
    EAST,
    HEIGHT,
    HUMIDITY,
    INTERNAL_ROWS,
    LOG_P,
    NO_MOTION,
    NORTH,
    RELATIVE,
    RH,
    RHO,
    SPECIFIC,
    TEMP,
    THETA,
    VERTICAL,
    P,
    Remap,
    T,
    U,
    V,
    W,
    Z,
    ground_pressure,
    heights_by_thickness,
    interpolate_column,
    interpolate_motion_between,
    relative_humidity,
    set_ground_wind,
)
from stilt.transport.native.thermodynamics import (
    KAPPA,
    dry_density,
    humidity_of_column_mass,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float32 = NDArray[np.float32]
    Float64 = NDArray[np.float64]

VALUES, TURBULENCE = 4, 2
SURFACE_FIELDS = (
    "zi",
    "terrain",
    "dx",
    "dy",
    "shtf",
    "whtf",
    "dswf",
    "rain",
    "crai",
    "tcld",
    "lcld",
)
ZI, TERRAIN, DX, DY, SHTF, WHTF, DSWF, RAIN, CRAI, TCLD, LCLD = range(len(SURFACE_FIELDS))

SIGMA_KIND, PRESSURE_KIND, HYBRID_KIND, HEIGHT_KIND = range(4)

HEIGHT_LEVELS_TOP_M = 20_000.0
"""Where levels of constant height are flat: over terrain they are compressed towards it."""


class RawFields(NamedTuple):
    """Fields of a met file on a rectangle, shape ([level,] row, column); NaN where a file has none.

    ``surface`` holds, in this order: surface pressure, terrain, surface temperature, 10 m wind (two), momentum
    flux (two), heat flux, mixed-layer height, roughness length, grid distances (two), and the fields that are
    only passed through (heat flux, latent heat flux, radiation, rain, convective rain, total and low cloud).
    ``pressure`` is hPa at the data levels of a sigma file; ``altitude`` metres over the sea of pressure data;
    ``energy`` turbulent energy, m2 s-2, where the mixed layer is told by it. ``motion`` is sigma motion (1/s) on the
    model's levels, of files that have none of their own.
    """

    east: Float32
    north: Float32
    vertical: Float32
    humidity: Float32
    temperature: Float32
    pressure: Float32
    altitude: Float32
    energy: Float32
    surface: Float32
    motion: Float32


RAW_SURFACE = 12
(PRSS, SHGT, TSFC, U10, V10, MOMENTUM, MOMENTUM2, HEAT, PBLH, ROUGHNESS, RAW_DX, RAW_DY) = range(
    RAW_SURFACE
)


class ColumnSettings(NamedTuple):
    """What the computation of columns depends on beside the fields."""

    sigma_levels: Float64
    file_levels: Float64
    hybrid_hpa: Float64
    hybrid_share: Float64
    pressure_offset: float
    kind: int
    humidity: Float64
    motion: int
    motion_between: int
    momentum: int
    heat: int
    top_m: float
    surface_layer: int
    uses_profile_fluxes: int
    kmixd: int
    kmix0: float
    zi_factor: float


class ColumnSpace(NamedTuple):
    """Working space of one column: as read, on the model's levels, and its turbulence."""

    data: Float64
    column: Float64
    turbulence: Float64


def column_space(data_levels: int, levels: int) -> ColumnSpace:
    """Return working space for columns of so many levels."""
    return ColumnSpace(
        np.zeros((DATA_ROWS, data_levels + 1)),
        np.zeros((INTERNAL_ROWS, levels)),
        np.zeros((TURBULENCE, levels)),
    )


class Columns(NamedTuple):
    """The arrays of one analysis; see the module's text."""

    flow: Float32
    mass: Float32
    state: Float32
    turbulence: Float32
    surface: Float32


class Destination(NamedTuple):
    """The arrays of a whole grid, and where in them a rectangle begins."""

    columns: Columns
    row: int
    column: int


class Point(NamedTuple):
    """One point of the rectangle that is read."""

    raw: RawFields
    settings: ColumnSettings
    j: int
    i: int


@fast.kernel()
def fill_columns(
    raw: RawFields, settings: ColumnSettings, out: Destination, space: ColumnSpace
) -> None:
    """Compute the columns of a rectangle and put them at their place in the arrays of the whole grid."""
    data, column = space.data, space.column
    is_pressure, is_height = settings.kind == PRESSURE_KIND, settings.kind == HEIGHT_KIND
    for j in range(raw.east.shape[1]):
        for i in range(raw.east.shape[2]):
            point = Point(raw, settings, j, i)
            load_column(point, data, column)
            depth = settings.top_m - raw.surface[SHGT, j, i]
            remap = Remap(data.shape[1] - 1, is_pressure, is_height, settings.motion, depth)
            interpolate_column(data, remap, column)
            if settings.motion == NO_MOTION:
                for k in range(column.shape[1]):
                    column[W, k] = raw.motion[k, j, i]
            if settings.motion_between:
                interpolate_motion_between(data, remap, column)
            _store(point, _boundary_layer(point, space), space, out)


@fast.inline
def load_column(point: Point, data: Float64, column: Float64) -> None:
    """Fill a data column and the heights of the internal one."""
    raw, settings, j, i = point
    count = raw.east.shape[0]
    terrain = float(raw.surface[SHGT, j, i])
    level_p = settings.file_levels[0]
    ground = ground_pressure(
        float(raw.surface[PRSS, j, i]),
        terrain,
        float(raw.temperature[0, j, i]),
        level_p,
        float(raw.altitude[0, j, i]) if settings.kind == PRESSURE_KIND else math.nan,
    )
    for k in range(count):
        pressure = settings.file_levels[k]
        if settings.kind != PRESSURE_KIND:
            pressure = _sigma_pressure(point, k, ground)
        temperature = float(raw.temperature[k, j, i])
        data[LOG_P, k + 1] = math.log(pressure)
        data[TEMP, k + 1] = temperature
        data[HUMIDITY, k + 1] = relative_humidity(
            int(settings.humidity[k]), float(raw.humidity[k, j, i]), temperature, pressure
        )
        data[EAST, k + 1], data[NORTH, k + 1] = raw.east[k, j, i], raw.north[k, j, i]
        data[VERTICAL, k + 1] = raw.vertical[k, j, i]
    _load_ground(point, ground, data)
    if settings.kind == PRESSURE_KIND:
        data[HEIGHT, 0] = 0.0
        for k in range(count):
            data[HEIGHT, k + 1] = raw.altitude[k, j, i] - terrain
    elif settings.kind == HEIGHT_KIND:
        data[HEIGHT, 0] = 0.0
        for k in range(count):
            data[HEIGHT, k + 1] = settings.file_levels[k] * (1.0 - terrain / HEIGHT_LEVELS_TOP_M)
    else:
        heights_by_thickness(data, count)
    depth = settings.top_m - terrain
    for k in range(column.shape[1]):
        column[Z, k] = (1.0 - settings.sigma_levels[k]) * depth
    set_ground_wind(
        data,
        float(raw.surface[U10, j, i]),
        float(raw.surface[V10, j, i]),
        column[Z, 0],
        float(raw.surface[ROUGHNESS, j, i]),
    )


@fast.inline
def _sigma_pressure(point: Point, k: int, ground: float) -> float:
    """Pressure of a data level: the file's own, or from its sigma or hybrid coordinate (T10)."""
    raw, settings, j, i = point
    if raw.pressure.shape[0] > 0:
        return float(raw.pressure[k, j, i])
    if settings.kind == HYBRID_KIND:
        return float(settings.hybrid_hpa[k] + settings.hybrid_share[k] * ground)
    level = settings.file_levels[k]
    return float(level * (ground - settings.pressure_offset) + settings.pressure_offset)


@fast.inline
def _load_ground(point: Point, ground: float, data: Float64) -> None:
    raw, settings, j, i = point
    data[LOG_P, 0] = math.log(ground)
    lowest = data[TEMP, 1]
    surface = float(raw.surface[TSFC, j, i])
    if math.isnan(surface):
        surface = lowest * (math.exp(data[LOG_P, 1]) / ground) ** (-KAPPA)
    data[TEMP, 0] = surface
    if int(settings.humidity[0]) == SPECIFIC:
        data[HUMIDITY, 0] = relative_humidity(
            SPECIFIC, float(raw.humidity[0, j, i]), lowest, ground
        )
    else:
        data[HUMIDITY, 0] = relative_humidity(
            RELATIVE, float(raw.humidity[0, j, i]), lowest, ground
        )
    data[VERTICAL, 0] = 0.0


@fast.inline
def _boundary_layer(point: Point, space: ColumnSpace) -> float:
    """Fill the turbulence profiles and return the mixed-layer height."""
    raw, settings, j, i = point
    column, lowest = space.column, space.data[HEIGHT, 1]
    surface = settings.surface_layer - 1
    near = max(1, surface)
    if math.isnan(raw.surface[TSFC, j, i]):
        while column[Z, near] < lowest and near < column.shape[1] - 1:
            near += 1
    roughness = float(raw.surface[ROUGHNESS, j, i])
    if settings.uses_profile_fluxes:
        fluxes = profile_fluxes(column, surface, near, roughness)
    else:
        friction = friction_velocity(
            settings.momentum,
            float(raw.surface[MOMENTUM, j, i]),
            float(raw.surface[MOMENTUM2, j, i]),
            column,
            near,
        )
        scale = temperature_scale(
            settings.heat, float(raw.surface[HEAT, j, i]), friction, column[RHO, surface]
        )
        zeta = stability(column[Z, surface], friction, scale, column[THETA, surface])
        fluxes = Fluxes(friction, scale, zeta)
    mixed = _mixed_layer(point, space, fluxes)
    depth = settings.top_m - float(raw.surface[SHGT, j, i])
    layer = MixedLayer(mixed, surface, roughness, depth)
    turbulence_profile(column, layer, fluxes, settings.sigma_levels, space.turbulence)
    return mixed


@fast.inline
def _mixed_layer(point: Point, space: ColumnSpace, fluxes: Fluxes) -> float:
    settings, column = point.settings, space.column
    given = float(point.raw.surface[PBLH, point.j, point.i])
    if settings.kmixd >= 10:  # noqa: PLR2004 - from here on the number is a height in metres
        mixed = float(settings.kmixd)
    elif settings.kmixd == 0 and not math.isnan(given):
        mixed = given
    elif settings.kmixd == 3:  # noqa: PLR2004 - the method's number
        mixed = richardson_height(column, settings.surface_layer - 1, fluxes)
    elif settings.kmixd == 2 and point.raw.energy.shape[0] > 0:  # noqa: PLR2004 - the same
        mixed = energy_height(column, space.data, point.raw.energy[:, point.j, point.i])
    else:
        mixed = temperature_height(column)
    mixed *= settings.zi_factor
    lowest = column[Z, 0] + (column[Z, 1] - column[Z, 0]) / 1000.0
    return float(max(mixed, abs(settings.kmix0), lowest))


@fast.inline
def _store(point: Point, mixed: float, space: ColumnSpace, destination: Destination) -> None:
    raw, settings, j, i = point
    column, turbulence, out = space.column, space.turbulence, destination.columns
    row, place = destination.row + j, destination.column + i
    dx, dy = float(raw.surface[RAW_DX, j, i]), float(raw.surface[RAW_DY, j, i])
    dry_mass, thin_mass, above = 0.0, 0.0, 1.0
    for k in range(column.shape[1]):
        density = dry_density(column[P, k], column[T, k], column[RH, k])
        mixing = humidity_of_column_mass(density, column[T, k], column[RH, k])
        thin = density * (1.0 - mixing)
        flow = out.flow[row, place, k]
        flow[0], flow[1] = column[U, k] * 60.0 / dx, column[V, k] * 60.0 / dy
        flow[2], flow[3] = column[W, k] * 60.0, density
        mass = out.mass[row, place, k]
        mass[0], mass[1], mass[2], mass[3] = dry_mass, density, thin_mass, thin
        state = out.state[row, place, k]
        state[0], state[1], state[2] = column[P, k], column[T, k], column[RH, k]
        state[3] = turbulence[0, k] ** 2
        step = above - settings.sigma_levels[k]
        above = settings.sigma_levels[k]
        dry_mass += density * step
        thin_mass += thin * step
        sigma_w, time_scale = turbulence[0, k], turbulence[1, k]
        out.turbulence[row, place, k, 0] = sigma_w if sigma_w > 0.0 else 0.001
        out.turbulence[row, place, k, 1] = time_scale if time_scale > 0.0 else 100.0
    surface = out.surface[row, place]
    surface[0], surface[1], surface[2], surface[3] = mixed, raw.surface[SHGT, j, i], dx, dy
    for n in range(len(SURFACE_FIELDS) - 4):
        surface[4 + n] = raw.surface[RAW_SURFACE + n, j, i]
