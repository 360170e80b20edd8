"""Fields of a kind at a time, and files of them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from tests.meteorology.air import GAS, GRAVITY, HEAT_CAPACITY, aloft, ground, standard_height
from tests.meteorology.kinds import HEIGHT, HYBRID, PRESSURE, Kind
from tests.meteorology.records import Heading, LevelRecords, pack, write_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.meteorology.air import Aloft, Field, Ground

START = datetime(2021, 6, 1)  # noqa: DTZ001 - UTC, as all of these files
NONE: frozenset[tuple[str, int]] = frozenset()
WIND_HEIGHT_HPA = 1.15
"""What ten metres of air weigh."""


def write(
    path: Path,
    kind: Kind,
    hours: float,
    start: datetime = START,
    *,
    absent: frozenset[tuple[str, int]] = NONE,
) -> Path:
    """Write a file with an analysis every ``kind.step_h`` from ``start`` over so many hours, both ends included."""
    steps = round(hours / kind.step_h) + 1
    return write_changing(path, [kind] * steps, start, absent=absent)


def write_changing(
    path: Path,
    kinds: Sequence[Kind],
    start: datetime = START,
    *,
    absent: frozenset[tuple[str, int]] = NONE,
) -> Path:
    """Write a file whose analyses are of these kinds, one after the other."""
    with path.open("wb") as file:
        when = start
        for kind in kinds:
            place = (*kind.place, kind.pressure_offset)
            heading = Heading(kind.model, place, kind.nx, kind.ny, kind.level_type)
            write_time(file, heading, when, levels_at(kind, when), bits=kind.bits, absent=absent)
            when += timedelta(hours=kind.step_h)
    return path


def levels_at(kind: Kind, when: datetime) -> list[LevelRecords]:
    """Return the fields of all levels at a time, the surface first."""
    hour = (when - datetime(2021, 6, 1)).total_seconds() / 3600  # noqa: DTZ001
    below = _ground(kind, hour, 0.0, 0.0)
    known = _surface_fields(below)
    found = [LevelRecords(0.0, [(name, known[name]) for name in kind.surface])]
    found[0] = LevelRecords(1.0 if kind.level_type != PRESSURE else 0.0, found[0].fields)
    heights = _Heights(below)
    for number, coordinate in enumerate(kind.levels):
        pressure = level_pressure(kind, below, coordinate)
        fields = _level_fields(kind, hour, below, pressure, coordinate)
        fields["HGTS"] = heights.up_to(pressure, fields["TEMP"], fields["SPHU"])
        names = [name for name in kind.volume if _has(kind, name, number)]
        found.append(LevelRecords(coordinate, [(name, fields[name]) for name in names]))
    return found


def level_pressure(kind: Kind, below: Ground, coordinate: float) -> Field:
    """Pressure of a level, hPa."""
    surface = below.pressure
    if kind.level_type == PRESSURE:
        return coordinate + 0.0 * surface
    if kind.level_type == HYBRID:
        whole = math.floor(coordinate)
        return whole + (coordinate - whole) * surface
    if kind.level_type == HEIGHT:
        height = standard_height(surface) + coordinate * (1 - below.terrain_m / 20000.0)
        return 1013.25 * (1 - height / 44330.8) ** (1 / 0.190263)
    return coordinate * (surface - kind.pressure_offset) + kind.pressure_offset


def _has(kind: Kind, name: str, number: int) -> bool:
    if name in {"WWND", "DZDT", "DIFW"}:
        return number < kind.motion_levels
    return name not in {"SPHU", "RELH"} or number < kind.humidity_levels


def _ground(kind: Kind, hour: float, right: float, up: float) -> Ground:
    """The ground at the grid's points, or so many cells beside them."""
    y, x = np.meshgrid(np.arange(1.0, kind.ny + 1), np.arange(1.0, kind.nx + 1), indexing="ij")
    return ground(kind.air, *kind.grid.to_longlat(x + right, y + up), hour)


def _surface_fields(below: Ground) -> dict[str, Field]:
    near = aloft(below, below.pressure - WIND_HEIGHT_HPA)
    speed = np.hypot(near.east, near.north)
    friction = np.maximum(0.02, 0.4 * speed / np.log(10 / below.roughness_m))
    density = 100 * below.pressure / (GAS * below.temperature)
    stress = density * friction**2 / np.maximum(speed, 0.1)
    depth = 120 + 1700 * below.land * below.sun + 350 * (1 - below.land)
    none = np.zeros_like(depth)
    skin = below.temperature + below.land * (3 * below.sun - 2 * below.night)
    return {
        **dict.fromkeys(("SHGT", "TERR"), below.terrain_m),
        **dict.fromkeys(("PBLH", "HPBL", "MXHT"), depth),
        **dict.fromkeys(("SHTF", "HFLX"), below.heat),
        **dict.fromkeys(("LHTF", "WFLX"), 0.6 * below.heat),
        **dict.fromkeys(("TPP3", "TPP6"), 3e-4 * below.land),
        **dict.fromkeys(("TPP1", "TPPT"), 1e-4 * below.land),
        **dict.fromkeys(("CPP3", "CPP6", "CINH", "LISD"), none),
        "PRSS": below.pressure,
        "MSLP": below.sea_level,
        "T02M": below.temperature,
        "TMPS": skin,
        "RH2M": np.clip(near.relative, 0, 100),
        "U10M": near.east,
        "V10M": near.north,
        "USTR": friction,
        "UMOF": stress * np.abs(near.east),
        "VMOF": stress * np.abs(near.north),
        "EXCO": density * friction**2 / np.maximum(speed, 0.5),
        "TSTR": -below.heat / (density * HEAT_CAPACITY * friction),
        "DSWF": 900 * below.sun,
        "TCLD": 50 + 40 * np.sin(3 * np.radians(below.longitude)),
        "LCLD": 20 + 10 * np.sin(5 * np.radians(below.longitude)),
        "CAPE": 200 * below.sun,
        "RGHS": np.where(below.land > 0.5, 1.5, 0.01),
    }


def _level_fields(
    kind: Kind, hour: float, below: Ground, pressure: Field, coordinate: float
) -> dict[str, Field]:
    air = aloft(below, pressure)
    east, north = air.east, air.north
    if kind.staggered:
        east = _beside(kind, hour, coordinate, right=-0.5).east
        north = _beside(kind, hour, coordinate, up=-0.5).north
    lost = air.motion - pack(air.motion).restored if "DIFW" in kind.volume else 0.0 * air.motion
    return {
        "UWND": east,
        "VWND": north,
        "TEMP": air.temperature,
        "WWND": air.motion,
        "DIFW": lost + kind.residual,
        "DZDT": -100 * air.motion / (air.density * GRAVITY),
        "SPHU": air.humidity,
        "RELH": np.clip(air.relative, 0, 100),
        "PRES": pressure * kind.pressure_factor,
        "TKEN": 0.1 + 0.5 * np.exp(-air.height_m / 500),
    }


def _beside(
    kind: Kind, hour: float, coordinate: float, right: float = 0.0, up: float = 0.0
) -> Aloft:
    below = _ground(kind, hour, right, up)
    return aloft(below, level_pressure(kind, below, coordinate))


class _Heights:
    """Heights over the sea by the thickness of layers, from the ground upward."""

    def __init__(self, below: Ground) -> None:
        self._pressure, self._virtual = below.pressure, below.temperature
        self._height = below.terrain_m.copy()

    def up_to(self, pressure: Field, temperature: Field, humidity: Field) -> Field:
        virtual = temperature * (1 + 0.61 * humidity)
        mean = 0.5 * (self._virtual + virtual)
        self._height = self._height + GAS / GRAVITY * mean * np.log(self._pressure / pressure)
        self._pressure, self._virtual = pressure, virtual
        return self._height
