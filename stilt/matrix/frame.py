"""Hours and cells of a footprint product: what the footprints of all receptors have alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from stilt.config.variants import longest_hours
from stilt.footprint.grid import RESOLUTION, geometry_of
from stilt.footprint.labels import attributes_of, axes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.config.schema import Config, FootprintGrid
    from stilt.footprint.grid import Geometry


def hours_of(config: Config, grid: FootprintGrid) -> NDArray[np.int64]:
    """Return where layers begin, in hours from a receptor's time, in the longest runs; 0 for the one of all hours."""
    if grid.time_integrate:
        return np.zeros(1, np.int64)
    n_hours = longest_hours(config)
    if n_hours < 0:
        return np.arange(n_hours, 0)
    return np.arange(n_hours + 1)  # forward, the last minute of a run begins an hour of its own


def layers_and_cells(hours: NDArray[np.int64], geometry: Geometry) -> dict[str, Any]:
    """Return the coordinates ``hour``, and ``lat`` and ``lon`` or ``y`` and ``x``."""
    y, x = axes(is_longlat=geometry.is_longlat)
    about = {} if geometry.is_longlat else {"crs": geometry.projection}
    hour = {"units": "h", "long_name": "start of the layer, from the receptor's time"}
    return {
        "hour": ("hour", hours, hour),
        y: (y, geometry.y, about | {RESOLUTION: geometry.yres}),
        x: (x, geometry.x, about | {RESOLUTION: geometry.xres}),
    }


def frame_of(config: Config, name: str) -> xr.DataArray:
    """Return the footprints of a product as (receptor, hour, lat, lon) or (receptor, hour, y, x), of no receptor."""
    grid = config.footprints[name]
    geometry, hours = geometry_of(grid), hours_of(config, grid)
    return xr.DataArray(
        np.empty((0, len(hours), geometry.ny, geometry.nx), np.float32),
        dims=("receptor", "hour", *axes(is_longlat=geometry.is_longlat)),
        coords=layers_and_cells(hours, geometry),
        attrs=attributes_of(geometry.projection),
    )
