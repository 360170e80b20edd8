"""ARL files of the kinds that the sample meteorology is not: pressure data, longitude-latitude, other fluxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import arlmet
import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

LONGITUDE = np.arange(55) * 0.5 - 104.0
LATITUDE = np.arange(43) * 0.5 + 27.0
PRESSURE = (1000.0, 975.0, 950.0, 925.0, 900.0, 850.0, 800.0, 750.0, 700.0, 600.0, 500.0, 450.0)
SIGMA = (0.9823, 0.9432, 0.8967, 0.8437, 0.7848, 0.7210, 0.6531, 0.5820, 0.5086, 0.4341)
TIMES = pd.date_range("2001-06-10 00:00", periods=6, freq="3h")
_GAS, _GRAVITY = 287.04, 9.80616
_FLAG_PLACE = 50 + 102


@dataclass(frozen=True)
class Kind:
    """What a file holds: its levels, its fluxes, humidity and vertical motion."""

    levels: str = "pressure"
    fluxes: str = "stress"
    humidity: str = "RELH"
    motion: str = "WWND"


def write(path: Path, kind: Kind) -> None:
    """Write a smooth made-up atmosphere with terrain, jets, waves and a daily cycle."""
    pole = (float(LATITUDE[-1]), float(LONGITUDE[-1]) % 360)
    corner = (float(LATITUDE[0]), float(LONGITUDE[0]) % 360)
    projection = arlmet.Projection(*pole, 0.5, 0.5, 0.0, 0.0, 0.0, 1.0, 1.0, *corner)
    grid = arlmet.Grid(projection, LONGITUDE.size, LATITUDE.size)
    axis = (
        arlmet.PressureAxis(levels=[0.0, *PRESSURE])
        if kind.levels == "pressure"
        else arlmet.SigmaAxis(levels=[1.0, *SIGMA])
    )
    with arlmet.File(path, mode="w", source="MADE", grid=grid, vertical_axis=axis) as file:
        for time in TIMES:
            records = file.create_recordset(time, forecast=0)
            for level, fields in enumerate(atmosphere(time, kind)):
                for name, values in fields.items():
                    records.create_datarecord(
                        name, level=level, forecast=0, data=np.asarray(values, np.float32)
                    )
            file.flush()
    if kind.levels == "hybrid":
        _flag_as_hybrid(path)


def _flag_as_hybrid(path: Path) -> None:
    data = bytearray(path.read_bytes())
    record = 50 + LONGITUDE.size * LATITUDE.size
    for start in range(0, len(data), record):
        if data[start + 14 : start + 18] == b"INDX":
            data[start + _FLAG_PLACE : start + _FLAG_PLACE + 2] = b" 4"
    path.write_bytes(bytes(data))


def atmosphere(time: pd.Timestamp, kind: Kind) -> list[dict[str, np.ndarray]]:
    """Return the fields of one time, the surface first."""
    x, y = np.meshgrid(LONGITUDE, LATITUDE)
    hours = time.day * 24.0 + time.hour
    sun = np.cos(2.0 * np.pi * (hours - 20.0) / 24.0)
    terrain = 250.0 + 200.0 * np.sin(0.3 * x) * np.cos(0.25 * y)
    wave = np.sin(0.25 * (x + 0.4 * hours)) * np.cos(0.2 * y)
    surface_t = 292.0 - 0.4 * (y - 37.0) + 5.0 * sun + 2.0 * wave
    surface_p = (1012.0 + 4.0 * wave) * np.exp(-terrain / 8600.0)
    surface = {"PRSS": surface_p, "SHGT": terrain}
    surface |= {"T02M": surface_t, "U10M": 3.0 + 2.0 * wave, "V10M": 2.0 * np.cos(0.3 * x)}
    if kind.fluxes in {"stress", "friction velocity"}:
        surface["SHTF"] = 60.0 + 160.0 * sun + 20.0 * wave
    if kind.fluxes == "stress":
        surface |= {"UMOF": 0.08 + 0.05 * wave, "VMOF": -0.05 + 0.03 * wave}
    if kind.fluxes == "friction velocity":
        surface |= {"USTR": 0.35 + 0.1 * wave, "PBLH": 900.0 + 500.0 * sun + 0.0 * x}
    found = [surface]
    heights, levels = _levels(kind, surface_p, surface_t, terrain)
    for number, pressure in enumerate(levels):
        above = np.maximum(heights[number] - terrain, 0.0)
        temperature = surface_t - 0.0065 * above - 2.0 * sun * np.exp(-above / 300.0)
        turned = above / 3000.0
        relative = np.clip(55.0 + 20.0 * wave - 30.0 * np.sin(above / 2000.0), 5.0, 95.0)
        motion = 2e-3 * wave * np.sin(np.minimum(above, 8000.0) / 2500.0)
        fields = {
            "TEMP": temperature,
            "UWND": 4.0 + 9.0 * turned + 3.0 * wave,
            "VWND": 3.0 * np.cos(0.3 * x + turned) + 2.0 * np.sin(2.0 * turned),
            kind.motion: motion if kind.motion == "WWND" else -12.0 * motion,
        }
        if kind.levels == "pressure":
            fields = {"HGTS": heights[number], **fields}
        if kind.levels == "sigma with pressures":
            fields["PRES"] = pressure * 1.004
        saturated = np.exp(21.4 - 5351.0 / temperature)
        if kind.humidity == "SPHU":
            fields["SPHU"] = 0.01 * relative * 0.622 * saturated / pressure
        elif number < len(levels) - 2:  # the highest levels have none, as in real files
            fields["RELH"] = relative
        found.append(fields)
    return found


def _levels(kind: Kind, surface_p, surface_t, terrain) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Heights over the sea (m) and pressures (hPa) of the levels, by a constant lapse rate."""
    given = PRESSURE if kind.levels == "pressure" else SIGMA
    pressures = [
        level + 0.0 * surface_p if kind.levels == "pressure" else level * surface_p
        for level in given
    ]
    exponent = _GAS * 0.0065 / _GRAVITY
    heights = [
        terrain + surface_t / 0.0065 * (1.0 - (p / surface_p) ** exponent) for p in pressures
    ]
    return heights, pressures
