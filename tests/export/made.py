"""Footprints to be written: two sites, of which one is hourly around the turn of a month."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

LAT, LON = np.arange(40.05, 41, 0.1), np.arange(-112.95, -111, 0.1)
X, Y = np.arange(-8e4, 8e4, 1e4), np.arange(0.5e4, 10e4, 1e4)
HOURS = np.arange(-30, 0)
LCC = "+proj=lcc +lat_1=30 +lat_2=60 +lat_0=40 +lon_0=-112"
TIMES = pd.date_range("2016-01-31 21:00", periods=6, freq="1h").to_numpy().astype("datetime64[ns]")


def footprints(projection: str = "") -> xr.DataArray:
    """Seven receptors, the last of another site; the second touches nothing."""
    y, x = (("y", Y), ("x", X)) if projection else (("lat", LAT), ("lon", LON))
    chance = np.random.default_rng(8)
    shape = (len(TIMES) + 1, len(HOURS), len(y[1]), len(x[1]))
    values = (chance.random(shape) * (chance.random(shape) < 0.2)).astype(np.float32)
    values[1] = 0.0
    values[:, 3] = 0.0
    times = [*TIMES, TIMES[0]]
    names = [f"jet_{pd.Timestamp(each):%Y%m%d%H%M}_-112_40.5_30" for each in times]
    names[-1] = names[-1].replace("-112_", "-111.5_")
    return xr.DataArray(
        values,
        dims=("receptor", "hour", y[0], x[0]),
        coords={
            "receptor": names,
            "hour": HOURS,
            y[0]: y[1],
            x[0]: x[1],
            "receptor_time": ("receptor", np.array(times)),
            "receptor_lon": ("receptor", [-112.0] * 6 + [-111.5]),
            "receptor_lat": ("receptor", [40.5] * 7),
            "receptor_height": ("receptor", [30.0] * 7),
            "place": ("receptor", ["WBB"] * 6 + ["HDP"]),
        },
        attrs={"crs": projection or "+proj=longlat"},
    )


def particles(_sim: str) -> pd.DataFrame:
    """Four particles: one leaves to the north, one to the west and then the south, one to the east; one stays."""
    rows = [
        (-1, 1, -112.0, 40.5, 10.0), (-2, 1, -112.0, 41.5, 1500.0), (-3, 1, -110.0, 41.5, 10.0),
        (-1, 2, -112.0, 40.5, 10.0), (-2, 2, -113.5, 40.4, 99.0), (-3, 2, -113.5, 39.0, 10.0),
        (-1, 3, -112.0, 40.5, 10.0), (-2, 3, -112.1, 40.5, 10.0),
        (-1, 4, -112.0, 40.5, 10.0), (-9, 4, -110.5, 40.95, 5e4),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["time", "indx", "long", "lati", "zagl"])
