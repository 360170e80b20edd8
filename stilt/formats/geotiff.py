"""GeoTIFF: a file for each receptor, a band for each hour that has a value, north up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stilt.footprint.grid import edges_of, named_crs, wkt_of
from stilt.footprint.labels import LONG_NAME, UNITS
from stilt.formats.export import crs_of, needed

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.formats.export import Source

_HOUR = np.timedelta64(3600, "s")
_LABELS = ("receptor_lon", "receptor_lat", "receptor_height")


def write(source: Source, folder: Path) -> None:
    """Write the files, each under the id of its simulation."""
    rasterio = needed("rasterio", "geotiff", "GeoTIFF")
    footprints = source.footprints
    (south, north), (west, east) = (edges_of(footprints[name]) for name in footprints.dims[2:])
    ny, nx = footprints.shape[2:]
    form = {
        "driver": "GTiff",
        "dtype": "float32",
        "height": ny,
        "width": nx,
        "crs": rasterio.crs.CRS.from_wkt(wkt_of(named_crs(crs_of(footprints)))),
        "transform": rasterio.Affine(
            (east - west) / nx, 0.0, west, 0.0, (south - north) / ny, north
        ),
        "compress": "deflate",
        "predictor": 3,
    }
    hours = footprints["hour"].to_numpy()
    for place, foot in enumerate(footprints):
        values = foot.to_numpy().astype(np.float32)
        layers = np.flatnonzero(values.any(axis=(1, 2)))
        layers = layers if len(layers) else np.zeros(1, np.intp)
        path = folder / f"{foot['receptor'].item()}.tif"
        with rasterio.open(path, "w", count=len(layers), **form) as file:
            file.update_tags(
                units=UNITS,
                long_name=LONG_NAME,
                receptor_time=f"{foot['receptor_time'].to_numpy().astype('datetime64[s]')}Z",
                **{name: foot[name].item() for name in _LABELS if name in foot.coords},
            )
            for band, layer in enumerate(layers, start=1):
                start = foot["receptor_time"].to_numpy() + hours[layer] * _HOUR
                file.write(values[layer, ::-1], band)
                file.set_band_description(band, f"{start.astype('datetime64[s]')}Z")
        source.done(place + 1)
