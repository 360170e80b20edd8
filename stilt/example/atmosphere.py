"""An idealised atmosphere, written as ARL files: a westerly jet with a wave in it over a diurnal boundary layer.

It is smooth, cheap and free of anybody's data, and has what makes footprints interesting: wind that turns with
place and time, shear, convection by day and a shallow stable layer by night.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import arlmet
    from numpy.typing import NDArray

    Field = NDArray[np.float64]

GRAVITY = 9.80616
GAS_CONSTANT = 287.04
KAPPA = 0.286
HEAT_CAPACITY = GAS_CONSTANT / KAPPA
VON_KARMAN = 0.4

WEST, SOUTH, SPACING = -127.0, 34.0, 0.5
COLUMNS, ROWS = 51, 29
GROUND_M = 1300.0
GROUND_HPA = 865.0
ROUGHNESS_M = 0.1
JET_LATITUDE, JET_WIDTH, JET_HEIGHT_M = 42.0, 7.0, 10_000.0
WAVE_LENGTH_DEGREES, WAVE_SPEED_DEGREES_PER_HOUR = 9.0, 0.1
SIGMA = np.array(
    [
        *(0.998, 0.994, 0.987, 0.978, 0.965, 0.948, 0.927, 0.9, 0.868),
        *(0.83, 0.785, 0.73, 0.66, 0.58, 0.48, 0.37, 0.26, 0.16),
    ]
)
FIRST_DAY = datetime(2026, 6, 15, tzinfo=UTC)
DAYS = 2
FILE_FORMAT = "jet_%Y%m%d.arl"

LONGITUDE = WEST + SPACING * np.arange(COLUMNS)
LATITUDE = SOUTH + SPACING * np.arange(ROWS)
_FINE_M = np.arange(0.0, 16_000.0, 20.0)  # heights at which columns are integrated


@dataclass(frozen=True, slots=True)
class Surface:
    """What the ground does, one value for each longitude of the grid.

    Attributes
    ----------
    heat_flux
        Sensible heat, W m-2, positive upward.
    mixed_layer_m
        Depth of the mixed layer, m above ground.
    """

    heat_flux: Field
    mixed_layer_m: Field


def surface(when: datetime) -> Surface:
    """Return heating and mixed layer by local solar time: it grows from seven, and collapses at dusk."""
    hour = (when.hour + when.minute / 60 + LONGITUDE / 15) % 24
    heating = np.clip(np.sin(np.pi * (hour - 6) / 12), 0, None)
    growth = np.clip((hour - 7) / 8, 0, 1)
    decay = np.clip((20 - hour) / 2, 0, 1)
    depth = 180 + 1700 * growth**2 * (3 - 2 * growth) * decay
    return Surface(heat_flux=340 * heating - 30 * (heating == 0), mixed_layer_m=depth)


def potential_temperature(height_m: Field, ground: Surface) -> Field:
    """Return theta (K) at heights above ground, as (longitude, height).

    Mixed up to the top of the mixed layer, an inversion there, 4.5 K km-1 above; at night a cold layer below.
    """
    depth = ground.mixed_layer_m[:, None]
    free = 302 + 4.5e-3 * height_m
    mixed = 302 + 4.5e-3 * depth - 1.5
    inversion = np.clip((height_m - depth) / 200, 0, 1)
    theta = np.where(height_m < depth, mixed, mixed + (free - mixed) * inversion)
    night = (ground.heat_flux < 0)[:, None]
    return np.asarray(theta - 6 * night * np.exp(-height_m / 120))


def column(ground: Surface) -> tuple[Field, Field]:
    """Return height (m above ground) and temperature (K) at the sigma levels, as (level, longitude).

    The Exner function falls by g / (c_p theta) a metre, which makes hydrostatic balance an integral.
    """
    theta = potential_temperature(_FINE_M, ground)
    step = GRAVITY / (HEAT_CAPACITY * theta) * np.gradient(_FINE_M)
    exner = (GROUND_HPA / 1000) ** KAPPA - (np.cumsum(step, axis=1) - step)
    levels = (SIGMA * GROUND_HPA / 1000) ** KAPPA
    height = np.stack([np.interp(-levels, -row, _FINE_M) for row in exner], axis=1)
    at_levels = np.stack(
        [np.interp(height[:, i], _FINE_M, theta[i]) for i in range(COLUMNS)], axis=1
    )
    return height, at_levels * levels[:, None]


def wind(height_m: Field, when: datetime) -> tuple[Field, Field]:
    """Return eastward and northward wind (m s-1) at heights that broadcast against (latitude, longitude).

    Logarithmic in the lowest kilometre, sheared above; the wave moves east with time.
    """
    low = np.log1p(np.minimum(height_m, 1000.0) / ROUGHNESS_M) / np.log1p(1000.0 / ROUGHNESS_M)
    jet = np.exp(-(((LATITUDE[:, None] - JET_LATITUDE) / JET_WIDTH) ** 2))
    aloft = np.clip(height_m - 1000.0, 0, JET_HEIGHT_M - 1000.0) / 1000.0
    eastward = low * (4.5 + 2.5 * jet) + 3.0 * aloft * jet
    hours = (when - FIRST_DAY).total_seconds() / 3600
    phase = (LONGITUDE - WAVE_SPEED_DEGREES_PER_HOUR * hours) * 2 * np.pi / WAVE_LENGTH_DEGREES
    northward = (6.0 * low + 0.8 * aloft) * np.sin(phase) * np.ones_like(jet)
    return eastward * np.ones_like(phase), northward


def grid() -> arlmet.Grid:
    """Return the latitude-longitude grid as ARL headers describe it.

    Longitudes are counted from 0 to 360: hycs_std looks for a receptor at 112 W at 248 E.
    """
    import arlmet

    return arlmet.Grid(
        projection=arlmet.Projection(
            pole_lat=float(LATITUDE[-1]),
            pole_lon=float(LONGITUDE[-1]) % 360,
            tangent_lat=SPACING,
            tangent_lon=SPACING,
            grid_size=0.0,
            orientation=0.0,
            cone_angle=0.0,
            sync_x=1.0,
            sync_y=1.0,
            sync_lat=SOUTH,
            sync_lon=WEST % 360,
        ),
        nx=COLUMNS,
        ny=ROWS,
    )


def surface_fields(when: datetime) -> dict[str, Field]:
    """Return the two-dimensional fields of one hour by their ARL names."""
    ground = surface(when)
    everywhere = np.ones((ROWS, COLUMNS))
    eastward, northward = wind(np.array(10.0), when)
    speed = np.hypot(eastward, northward)
    exner = (GROUND_HPA / 1000) ** KAPPA
    theta_2m = potential_temperature(np.array([2.0]), ground)[:, 0]
    return {
        "PRSS": GROUND_HPA * everywhere,
        "SHGT": GROUND_M * everywhere,
        "T02M": (theta_2m + 1.5 * (ground.heat_flux > 0)) * exner * everywhere,
        "U10M": eastward,
        "V10M": northward,
        "USTR": VON_KARMAN * speed / np.log(10.0 / ROUGHNESS_M),
        "SHTF": ground.heat_flux * everywhere,
        "PBLH": ground.mixed_layer_m * everywhere,
    }


def level_fields(when: datetime) -> list[dict[str, Field]]:
    """Return the fields of each sigma level of one hour, lowest first, by their ARL names."""
    height, temperature = column(surface(when))
    everywhere = np.ones((ROWS, COLUMNS))
    levels = []
    for z, t, pressure in zip(height, temperature, SIGMA * GROUND_HPA, strict=True):
        eastward, northward = wind(z, when)
        saturated = 0.622 * np.exp(21.4 - 5351 / t) / pressure
        levels.append(
            {
                "UWND": eastward,
                "VWND": northward,
                "WWND": 0.0 * everywhere,
                "TEMP": t * everywhere,
                "SPHU": np.minimum(0.006 * np.exp(-z / 2500.0), 0.5 * saturated) * everywhere,
            }
        )
    return levels


def write_day(path: Path, day: datetime) -> None:
    """Write the 24 hourly analyses of one day as an ARL file."""
    import arlmet
    import pandas as pd

    axis = arlmet.SigmaAxis(levels=[1.0, *SIGMA])
    with arlmet.File(path, mode="w", source="IDEA", grid=grid(), vertical_axis=axis) as file:
        for hour in range(24):
            when = day + timedelta(hours=hour)
            records = file.create_recordset(pd.Timestamp(when.replace(tzinfo=None)), forecast=0)
            for level, fields in enumerate([surface_fields(when), *level_fields(when)]):
                for name, values in fields.items():
                    records.create_datarecord(
                        name, level=level, forecast=0, data=values.astype(np.float32)
                    )
            file.flush()


def write_atmosphere(folder: Path) -> list[Path]:
    """Write one ARL file a day into a folder, which is made, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        path = folder / day.strftime(FILE_FORMAT)
        write_day(path, day)
        written.append(path)
    return written
