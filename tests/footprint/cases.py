"""R-STILT's reference cases: what went in and what came out."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from stilt.config.schema import FootprintGrid
from stilt.foundations.simulation import Receptor
from stilt.particles.table import ParticleTable
from tests.shared_data import shared, shared_folder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.footprint.calc import Footprint


@dataclass(frozen=True)
class Written:
    """A footprint file of R-STILT's."""

    values: NDArray[np.float32]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    times: NDArray[np.datetime64]
    attributes: dict[str, dict[str, Any]]


def names_with(filename: str) -> list[Any]:
    """Name the cases that have a file; where there is no shared folder, one that will be skipped."""
    folder = shared_folder()
    if folder is None:
        return [pytest.param("none", marks=pytest.mark.skip("no shared folder"))]
    return sorted(path.parent.name for path in (folder / "reference").glob(f"*_*/{filename}"))


def settings(name: str) -> dict[str, Any]:
    return dict(_case(name)["settings"])


def grid(name: str) -> FootprintGrid:
    given = settings(name)
    return FootprintGrid(
        xmin=given["xmn"],
        xmax=given["xmx"],
        ymin=given["ymn"],
        ymax=given["ymx"],
        xres=given["xres"],
        yres=given["yres"],
        projection=given["projection"],
        smooth_factor=given["smooth_factor"],
        time_integrate=given["time_integrate"],
    )


def receptor(name: str) -> Receptor:
    case = _case(name)
    at = case.get("receptor", {"r_run_time": case.get("r_run_time")})
    heights, lons, lats = (
        np.atleast_1d(at.get(key, default)).astype(float)
        for key, default in (("r_zagl", 10), ("r_long", -90), ("r_lati", 40))
    )
    count = max(len(heights), len(lons))
    return Receptor(
        time="".join(c for c in at["r_run_time"] if c.isdigit())[:12],
        longitudes=tuple(np.broadcast_to(lons, count).tolist()),
        latitudes=tuple(np.broadcast_to(lats, count).tolist()),
        heights_m=tuple(np.broadcast_to(heights, count).tolist()),
    )


def particles(name: str) -> ParticleTable:
    return _table(_particle_file(shared("reference", name)))


def bench_particles() -> ParticleTable:
    return _table(shared("reference", "bench", "particle_n1000_24h.parquet"))


def footprint(*parts: str) -> Written:
    """Read a footprint that R-STILT wrote."""
    data = gzip.decompress(shared("reference", *parts).read_bytes())
    with netCDF4.Dataset("memory", memory=data) as file:
        file.set_auto_mask(False)
        x, y = (
            next(n for n in names if n in file.variables) for names in (("lon", "x"), ("lat", "y"))
        )
        return Written(
            values=file["foot"][:],
            x=file[x][:],
            y=file[y][:],
            times=file["time"][:].astype("datetime64[s]"),
            attributes={name: variable.__dict__ for name, variable in file.variables.items()}
            | {"": file.__dict__},
        )


def in_layers_of(ours: Footprint, theirs: Written) -> NDArray[np.float32]:
    """Return our values in the layers that R-STILT has, which must be among ours; the others must be zero."""
    places = np.searchsorted(ours.times, theirs.times)
    np.testing.assert_array_equal(ours.times[places], theirs.times)
    assert not np.delete(ours.values, places, axis=0).any()
    return ours.values[places]


def _particle_file(folder: Path) -> Path:
    named = folder / "particle.from"
    if named.exists():
        folder = folder.parent / named.read_text().strip()
    table = folder / "particle.csv.gz"
    return table if table.exists() else folder / "particle.parquet"


@cache
def _case(name: str) -> dict[str, Any]:
    return dict(json.loads(shared("reference", name, "case.json").read_text()))


# pandas reads numbers to the last bit by itself since 3.1, and warns of whoever asks for it
EXACTLY: dict[str, Any] = (
    {}
    if tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1)
    else {"float_precision": "round_trip"}
)


@cache
def _table(path: Path) -> ParticleTable:
    frame = (
        pd.read_csv(path, **EXACTLY) if path.suffix == ".gz" else pq.read_table(path).to_pandas()
    )
    return ParticleTable({str(name): frame[name].to_numpy(np.float64) for name in frame})
