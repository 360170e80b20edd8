"""STILT's kernel method written down as it is described: slow, obvious, independent of the compiled one.

It follows the text step by step: data frames, dense grids with a buffer, one kernel after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pyproj import Proj

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.config.schema import FootprintGrid
    from stilt.particles.table import ParticleTable


def obvious_footprint(table: ParticleTable, grid: FootprintGrid) -> NDArray[np.float64]:
    """Return the footprint (layer, y, x) in every hour that the particles span."""
    p = table.to_pandas()[["time", "indx", "long", "lati", "foot"]]
    n = p["indx"].nunique()
    sign = np.sign(p["time"].median())
    projected = "+proj=longlat" not in grid.projection
    west, east, south, north = grid.xmin, grid.xmax, grid.ymin, grid.ymax
    is_global = not projected and (east - west) % 360 == 0
    if is_global:
        west, east = -180, 180
    elif not projected and (east < west or east > 180):
        west, east = west % 360, east % 360
        p["long"] %= 360
    p = _interpolated(p, grid, sign) if not projected else p
    p["rtime"] = (
        p["time"] - sign * p.groupby("indx")["time"].transform(lambda t: t.abs().min())
    ).round(3)
    if projected:
        text = grid.projection
        text += "" if "+ellps" in text or "+datum" in text else " +ellps=sphere"
        p["long"], p["lati"] = Proj(text)(p["long"].to_numpy(), p["lati"].to_numpy())
        corners = Proj(text)([west, east], [south, north])
        (west, east), (south, north) = map(sorted, corners)

    width = _widths(p, grid, projected)
    nx = int(np.floor((east - west) / grid.xres + 1e-10))
    ny = int(np.floor((north - south) / grid.yres + 1e-10))
    # As many more cells on each side as the widest kernel has.
    pad_x = 2 * int(3 * width.max() / grid.xres) + 1
    pad_y = 2 * int(3 * width.max() / grid.yres) + 1
    left = west - pad_x * grid.xres + np.arange(nx + 2 * pad_x + 1) * grid.xres
    below = south - pad_y * grid.yres + np.arange(ny + 2 * pad_y + 1) * grid.yres
    p["i"] = np.searchsorted(left, p["long"], side="right") - 1
    p["j"] = np.searchsorted(below, p["lati"], side="right") - 1
    p["layer"] = 0 if grid.time_integrate else np.floor(p["time"] / 60).astype(int)
    p["layer"] -= p["layer"].min()

    values = np.zeros((p["layer"].max() + 1, ny + 2 * pad_y, nx + 2 * pad_x))
    reaches = p["i"].between(pad_x // 2, nx + 3 * pad_x // 2) & p["j"].between(
        pad_y // 2, ny + 3 * pad_y // 2
    )
    for row in p[(p["foot"] > 0) & reaches].itertuples():
        kernel = _kernel(width.iloc[_nearest(width.index.to_numpy(), row.rtime)], grid)
        j, i = row.j - kernel.shape[0] // 2, row.i - kernel.shape[1] // 2
        around = values[row.layer, j : j + kernel.shape[0], i : i + kernel.shape[1]]
        around += row.foot * kernel
    values = values[:, pad_y : pad_y + ny]
    if not is_global:
        return values[:, :, pad_x : pad_x + nx] / n
    folded = np.zeros((len(values), ny, nx))
    for column in range(values.shape[2]):
        folded[:, :, (column - pad_x) % nx] += values[:, :, column]
    return folded / n


def _widths(p: pd.DataFrame, grid: FootprintGrid, projected: bool) -> pd.Series:
    clouds = p.groupby("rtime")
    clouds = clouds.filter(lambda cloud: len(cloud) > 1).groupby("rtime")
    if not len(clouds):
        return pd.Series([0.0], index=[0.0])
    spread = (clouds["long"].var() + clouds["lati"].var()) ** 0.25
    rtime = np.abs(spread.index.to_numpy())
    width = grid.smooth_factor * 0.06 * spread * np.sqrt(rtime / 1440)
    return width if projected else width / np.cos(np.radians(clouds["lati"].mean()))


def _nearest(rtimes: NDArray[np.float64], rtime: float) -> int:
    return int(np.argmin(np.round(np.abs(rtimes - rtime), 6)))


def _kernel(width: float, grid: FootprintGrid) -> NDArray[np.float64]:
    if width == 0:
        return np.ones((1, 1))
    half_i, half_j = int(3 * width / grid.xres), int(3 * width / grid.yres)
    x = np.arange(-half_i, half_i + 1) * grid.xres
    y = np.arange(-half_j, half_j + 1) * grid.yres
    kernel = np.exp(-(x[None, :] ** 2 + y[:, None] ** 2) / (2 * width**2))
    return np.asarray(kernel / kernel.sum())


def _interpolated(p: pd.DataFrame, grid: FootprintGrid, sign: float) -> pd.DataFrame:
    near = p[p["time"].abs() < 100].groupby("indx")
    step_x = _median(near["long"].apply(_usual_step))
    step_y = _median(near["lati"].apply(_usual_step))
    if not (step_x > grid.xres or step_y > grid.yres):
        return p
    added = np.concatenate(
        [np.arange(0, 101) / 10, 10 + np.arange(1, 51) * 0.2, 20 + np.arange(1, 161) * 0.5]
    ).round(1)
    parts = []
    for indx, rows in p.groupby("indx"):
        rows = rows.sort_values("time", key=np.abs)  # noqa: PLW2901
        age = rows["time"].abs().to_numpy()
        times = np.union1d(age, added[(added >= age.min()) & (added <= age.max())])
        part = {name: np.interp(times, age, rows[name]) for name in ("long", "lati", "foot")}
        parts.append(pd.DataFrame({"time": sign * times.round(1), "indx": indx, **part}))
    filled = pd.concat(parts, ignore_index=True)
    for low, high in ((-1, 10), (10, 20), (20, 100)):
        before = p["foot"][(p["time"].abs() > low) & (p["time"].abs() <= high)].sum()
        window = (filled["time"].abs() > low) & (filled["time"].abs() <= high)
        after = filled.loc[window, "foot"].sum()
        filled.loc[window, "foot"] *= before / after if after else 1
    return filled


def _usual_step(along: pd.Series) -> float:
    """The median step of one particle, NaN of a single row."""
    return _median(along.diff().abs())


def _median(values: pd.Series) -> float:
    """The median; of nothing, of which older pandas warn, NaN."""
    return float(values.median()) if values.notna().any() else float("nan")
