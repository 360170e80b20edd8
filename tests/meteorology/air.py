"""An atmosphere in formulas, at any place, hour and pressure: terrain, coasts, day and night, a jet and waves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Field = NDArray[np.float64]

GRAVITY, GAS, HEAT_CAPACITY, EPSILON = 9.80616, 287.04, 1005.0, 0.622
EARTH_RADIUS_M = 6371200.0


@dataclass(frozen=True)
class Air:
    """What differs from the usual air.

    Attributes
    ----------
    wind, motion
        Factors on the wind and on the vertical motion.
    updrafts
        Strength of narrow updrafts and downdrafts, hPa/s; they make packing lose much of the rest.
    always_night
        Strong stability everywhere and at all hours.
    adiabatic
        An even wind over the sea, and waves in which air keeps its potential temperature: vertical motion is that of
        its surfaces.
    """

    wind: float = 1.0
    motion: float = 1.0
    updrafts: float = 0.0
    always_night: bool = False
    adiabatic: bool = False


USUAL = Air()


@dataclass(frozen=True)
class Ground:
    """Everything at the ground, at places (degrees) and an hour (UTC, counted on over days)."""

    air: Air
    longitude: Field
    latitude: Field
    hour: float
    land: Field
    terrain_m: Field
    sun: Field
    night: Field
    pressure: Field
    sea_level: Field
    temperature: Field
    base_temperature: Field
    heat: Field
    roughness_m: Field


def ground(air: Air, longitude: Field, latitude: Field, hour: float) -> Ground:
    """Work out the ground."""
    lon, lat = np.radians(longitude), np.radians(latitude)
    land = 0.5 * (1 + np.tanh(2.5 * (np.sin(5 * lon + 1.0) + 0.5 * np.cos(7 * lat) + 0.3)))
    land = land * (not air.adiabatic)
    terrain = 1100 * (1 + np.sin(23 * lon) * np.cos(19 * lat))
    terrain = land * (terrain + 350 * (1 + np.sin(61 * lon + 2) * np.sin(53 * lat)))
    terrain = np.where(land < 0.03, 0.0, terrain)
    local = hour + longitude / 15.0
    sun = np.maximum(0.0, np.cos((local - 12) / 12 * np.pi)) * np.cos(lat) * (not air.always_night)
    night = np.clip(1 - 6 * sun, 0, 1)
    sea_level = 1013 + 9 * (not air.adiabatic) * np.sin(4 * lon - 0.1 * hour) * np.cos(3 * lat)
    base = 303.0 - 40 * np.sin(lat) ** 2
    by_day = land * (8 * sun - 7 * night) + (1 - land) * 0.5 * np.sin(6 * lon)
    on_land = 330 * sun - 45 * night * (0.3 + 0.7 * np.cos(9 * lon) ** 2)
    return Ground(
        air=air,
        longitude=longitude,
        latitude=latitude,
        hour=hour,
        land=land,
        terrain_m=terrain,
        sun=sun,
        night=night,
        pressure=sea_level * (1 - 0.0065 * terrain / 293.0) ** 5.256,
        sea_level=sea_level,
        temperature=base - 0.0065 * terrain + by_day,
        base_temperature=base,
        heat=land * on_land + (1 - land) * (12 + 15 * np.sin(6 * lon)),
        roughness_m=0.0002 + 0.25 * land,
    )


@dataclass(frozen=True)
class Aloft:
    """The air at a pressure: K, m/s, hPa/s, kg/kg, m above ground."""

    pressure: Field
    temperature: Field
    east: Field
    north: Field
    motion: Field
    humidity: Field
    height_m: Field

    @property
    def relative(self) -> Field:
        """Relative humidity, %."""
        return 100 * self.humidity * self.pressure / (EPSILON * saturation(self.temperature))

    @property
    def density(self) -> Field:
        return 100 * self.pressure / (GAS * self.temperature)


def saturation(temperature: Field) -> Field:
    """Vapour pressure, hPa."""
    return np.exp(21.4 - 5351 / temperature)


def standard_height(pressure: Field) -> Field:
    """Height of a pressure in the standard atmosphere, m."""
    return 44330.8 * (1 - (pressure / 1013.25) ** 0.190263)


def aloft(below: Ground, pressure: Field | float) -> Aloft:
    """Work out the air over the ground at a pressure, hPa."""
    if below.air.adiabatic:
        return _adiabatic(below, pressure)
    lon, lat, hour = np.radians(below.longitude), np.radians(below.latitude), below.hour
    pressure = np.asarray(pressure, np.float64) + 0.0 * lon
    altitude = standard_height(pressure)
    height = np.maximum(altitude - standard_height(below.pressure), 0.0)
    warm = 6 * below.sun * np.exp(-height / 1200) - 7 * below.night * np.exp(-height / 250)
    temperature = below.base_temperature - 0.0065 * np.minimum(altitude, 11500)
    temperature = temperature + 0.001 * np.maximum(altitude - 14000, 0) + below.land * warm
    speed, angle = _wind(below, lon, lat, height)
    column = np.sin(np.clip(height / 9000, 0, 1) * np.pi)
    motion = 2.5e-3 * below.air.motion * column * np.sin(11 * lon + 0.3 * hour) * np.cos(13 * lat)
    motion = motion + below.air.updrafts * column * _updrafts(lon.shape)
    moist = (0.004 + 0.009 * np.cos(lat) ** 4) * np.exp(-altitude / 2300)
    moist = moist * (0.8 + 0.2 * np.sin(17 * lon))
    most = 0.93 * EPSILON * saturation(temperature) / pressure
    east, north = speed * np.cos(angle), speed * np.sin(angle)
    return Aloft(pressure, temperature, east, north, motion, np.minimum(moist, most), height)


def _adiabatic(below: Ground, pressure: Field | float) -> Aloft:
    """Waves 10 degrees long run west in a day through a wind of 10 m/s from there, and shift all air by 30 hPa."""
    lon, lat = np.radians(below.longitude), np.radians(below.latitude)
    pressure = np.asarray(pressure, np.float64) + 0.0 * lon
    east = np.full_like(lon, 10.0)
    phase = 36.0 * lon + 2 * np.pi / 24.0 * below.hour
    per_second = 36.0 * east / (EARTH_RADIUS_M * np.cos(lat)) + 2 * np.pi / 86400.0
    shift = 30.0 * np.sin(phase)
    potential = 300.0 + 0.05 * (1000.0 - pressure + shift)
    temperature = potential * (pressure / 1000.0) ** (GAS / HEAT_CAPACITY)
    height = np.maximum(standard_height(pressure) - standard_height(below.pressure), 0.0)
    motion = below.air.motion * 30.0 * np.cos(phase) * per_second
    none = np.zeros_like(lon)
    return Aloft(pressure, temperature, east, none, motion, none + 1e-6, height)


def _wind(below: Ground, lon: Field, lat: Field, height: Field) -> tuple[Field, Field]:
    """Speed and direction: logarithmic below 800 m, sheared above, a jet by night."""
    rough, hour = below.roughness_m, below.hour
    low = np.minimum(1.0, np.log1p(height / rough) / np.log1p(800 / rough))
    high = np.clip(height - 800, 0, 9000) / 1000
    speed = low * (5 + 3 * np.cos(3 * lat + 0.02 * hour)) + 2.6 * high * np.cos(lat) ** 2
    speed = speed + 2 * below.night * np.exp(-(((height - 350) / 250.0) ** 2))
    turn = 0.35 * below.night * np.exp(-height / 400) + 0.1 * np.sin(3 * lon)
    angle = 0.25 + 0.9 * np.sin(6 * lon - 0.15 * hour + 0.05 * high) * np.cos(lat) + turn
    return below.air.wind * speed, angle


def _updrafts(shape: tuple[int, ...]) -> Field:
    """Place twenty-five narrow ones, at the same points of the grid for ever."""
    chance = np.random.default_rng(5)
    field = np.zeros(shape)
    for _ in range(25):
        row, column = (chance.integers(2, size - 2) for size in shape)
        field[row, column] = chance.uniform(-1.0, 0.4)
    return field
