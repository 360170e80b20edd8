"""How far particles are apart in the same air, read from ARL's records and from other kinds of files.

A table: for each kind of file, back and on, how many metres apart a particle is after 24 h without turbulence, by how
much its mixed layer differs; and with turbulence, 200 particles, by what part the first minute's footprint differs, and
the largest difference of an hour's footprint over six hours as a part of all. Lines of ``hycs_std`` say the same of
files that `stilt met --convert` makes, read by hycs_std, beside the original ones.

    python tools/same_air.py [--hysplit] [--only TEXT]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from stilt.foundations.simulation import Receptor  # noqa: E402
from stilt.met.convert import convert  # noqa: E402
from stilt.met.header import read_header  # noqa: E402
from stilt.transport.hysplit.locate import locate  # noqa: E402
from tests.dataset.conftest import run  # noqa: E402
from tests.dataset.test_convert import run_hysplit  # noqa: E402
from tests.dataset.test_models import HYBRID_KIND, WRF_KIND  # noqa: E402
from tests.meteorology import KINDS, write  # noqa: E402
from tests.meteorology.grib import Packing, write_grib  # noqa: E402
from tests.meteorology.kinds import degrees  # noqa: E402
from tests.meteorology.layouts import GEOS_MODEL, GEOS_PRESSURE, write_layout  # noqa: E402
from tests.meteorology.netcdf import Style, write_era5  # noqa: E402
from tests.meteorology.wrf import write_wrf  # noqa: E402
from tests.meteorology.zarr import write_zarr  # noqa: E402
from tests.shared_data import shared_folder  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.met.dataset.naming import Table
    from stilt.particles.table import ParticleTable

    Runs = Callable[..., ParticleTable]

PLACE = degrees(-20.0, 32.0, 0.5, 61, 45)
AIRS = {
    "pressure": replace(KINDS["era5"], nx=61, ny=45, place=PLACE),
    "model": replace(HYBRID_KIND, nx=61, ny=45, place=PLACE),
    "WRF": replace(WRF_KIND, nx=90, ny=80),
}
REAL = "NGM"
"""NOAA's forecast on polar stereographic sigma levels, which the shared folder has."""

TABLES: dict[str, Table] = {REAL: (("EXCO", "exchange"),)}
TIMES = {REAL: ("199510180000", "199510170000")}
USUAL_TIMES = "202106021200", "202106011200"
HOURS, TURBULENT_HOURS, EARTH_M = 24, 6, 6371200.0
COMPLEX = "grid_complex_spatial_differencing"
LINE = "{:24}{:10}{:6}{:>6}{:>11}{:>11}{:>11}{:>11}"


def nc(folder: Path, arl: Path, **says: Any) -> list[Path]:
    """Write NetCDF as ERA5 comes."""
    return write_era5(folder, arl, Style(**says))


def zarr(folder: Path, arl: Path, version: int) -> list[Path]:
    """Write Zarr of eight bytes a number."""
    return write_zarr(folder / "zarr", nc(folder, arl, is_double=True), version)


def grib(folder: Path, arl: Path, **says: Any) -> list[Path]:
    """Write GRIB as the ECMWF does."""
    return [write_grib(folder / "x.grib", arl, Packing(**says))]


def one(writer: Callable[..., Path], *more: Any) -> Callable[[Path, Path], list[Path]]:
    """Return what writes one file."""
    return lambda folder, arl: [writer(folder / "wrfout_d01", arl, *more)]


SOURCES: dict[str, tuple[str, Callable[[Path, Path], list[Path]]]] = {
    "NetCDF, 8 bytes": ("pressure", partial(nc, is_double=True)),
    "NetCDF, 4 bytes": ("pressure", nc),
    "NetCDF, 2 bytes": ("pressure", partial(nc, is_new=False, is_packed=True)),
    "Zarr 2": ("pressure", partial(zarr, version=2)),
    "Zarr 3": ("pressure", partial(zarr, version=3)),
    "GRIB2 simple, 24 bits": ("pressure", grib),
    "GRIB2 CCSDS, 24 bits": ("pressure", partial(grib, name="grid_ccsds")),
    "GRIB2 complex, 24 bits": ("pressure", partial(grib, name=COMPLEX)),
    "GRIB2 CCSDS, 16 bits": ("pressure", partial(grib, name="grid_ccsds", bits=16)),
    "GEOS, pressure": ("pressure", one(write_layout, GEOS_PRESSURE)),
    "NetCDF, model levels": ("model", partial(nc, is_double=True)),
    "Zarr 3, model levels": ("model", partial(zarr, version=3)),
    "GRIB2, model levels": ("model", grib),
    "GEOS, model levels": ("model", one(write_layout, GEOS_MODEL)),
    "WRF": ("WRF", one(write_wrf)),
    "NGM: NetCDF, 8 bytes": (REAL, partial(nc, is_double=True)),
    "NGM: NetCDF, 4 bytes": (REAL, nc),
    "NGM: NetCDF, 2 bytes": (REAL, partial(nc, is_new=False, is_packed=True)),
    "NGM: Zarr 3": (REAL, partial(zarr, version=3)),
}


def metres_apart(one: ParticleTable, other: ParticleTable) -> float:
    """Return how far the last rows are apart."""
    north, east = (one[name][-1] - other[name][-1] for name in ("lati", "long"))
    east = east * np.cos(np.radians(one["lati"][-1]))
    return float(np.radians(np.hypot(north, east)) * EARTH_M)


def footprints_apart(one: ParticleTable, other: ParticleTable) -> tuple[float, float]:
    """Return by what part the first minute's footprint differs, and the most that an hour's does, of all."""
    minute, hours = [], []
    for table in (one, other):
        times, foot = np.abs(table["time"]), table["foot"]
        minute.append(foot[times <= 1.0].sum())
        hours.append(np.bincount(np.ceil(times / 60.0).astype(int), foot, TURBULENT_HOURS + 1))
    most = np.abs(hours[0] - hours[1]).max() / hours[0].sum()
    return abs(minute[1] / minute[0] - 1.0), float(most)


def differences(runs: Runs, air: str, *, is_back: bool) -> list[str]:
    """Run both sources, and say how far they are apart."""
    sign, time = -1 if is_back else 1, TIMES.get(air, USUAL_TIMES)[not is_back]
    at = AIRS[air].at(0.5, 0.5) if air in AIRS else (-90.0, 40.0)
    where = Receptor(time, (at[0],), (at[1],), (50.0,))
    calm = [runs(source, sign * HOURS, where, is_turbulent=False) for source in (0, 1)]
    wild = [runs(source, sign * TURBULENT_HOURS, where, is_turbulent=True) for source in (0, 1)]
    minute, hour = footprints_apart(*wild)
    hours = min(abs(each["time"][-1]) for each in calm) / 60.0
    mixed = np.abs(calm[0]["mlht"] - calm[1]["mlht"]).max()
    apart = metres_apart(*calm)
    shares = (f"{100.0 * share:.2g} %" for share in (minute, hour))
    return [f"{hours:.0f} h", f"{apart:.2g} m", f"{mixed:.2g} m", *shares]


def native(files: list[list[Path]], table: Table) -> Runs:
    """Return what runs the native engine with either source."""

    def runs(source: int, hours: int, where: Receptor, *, is_turbulent: bool) -> ParticleTable:
        particles = 200 if is_turbulent else 1
        paths = files[source]
        says = {"is_turbulent": is_turbulent, "particles": particles, "table": table}
        return run(paths, hours, where=where, **says)

    return runs


def hysplit(files: list[list[Path]], folder: Path) -> Runs:
    """Return what runs hycs_std with either of two sources of ARL files."""
    program, number = locate(), count()

    def runs(source: int, hours: int, where: Receptor, *, is_turbulent: bool) -> ParticleTable:
        here = folder / f"run{next(number)}"
        (here / "met").mkdir(parents=True)
        for path in files[source]:
            (here / "met" / path.name).symlink_to(path)
        met, scratch = here / "met", here / "scratch"
        return run_hysplit(program, met, where, hours, scratch, is_turbulent=is_turbulent)

    return runs


def arl_of(air: str, folder: Path) -> Path | None:
    """Return the ARL file of an air, which is written if it is a made-up one; None where there is none."""
    if air in AIRS:
        start = datetime(2021, 6, 1, 12)  # noqa: DTZ001 - as all ARL files
        made = folder / f"{air}.arl"
        return made if made.exists() else write(made, AIRS[air], HOURS, start)
    shared = shared_folder()
    return None if shared is None else shared / "data" / "oct1618.BIN"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hysplit", action="store_true", help="convert, and run hycs_std too")
    parser.add_argument("--only", default="", help="part of a kind's name")
    options = parser.parse_args()
    print(LINE.format("", "", "", "for", "apart", "mixed l.", "1st min.", "an hour"))
    with tempfile.TemporaryDirectory() as name:
        for number, (source, (air, writer)) in enumerate(SOURCES.items()):
            arl = arl_of(air, Path(name)) if options.only in source else None
            if arl is None:
                continue
            folder = Path(name) / str(number)
            folder.mkdir()
            paths, table = writer(folder, arl), TABLES.get(air, ())
            engines = {"native": native([[arl], paths], table)}
            if options.hysplit:
                headers = [read_header(path, table) for path in paths]
                made = list(convert("x", headers, folder / "made"))
                engines["hycs_std"] = hysplit([[arl], made], folder)
            for engine, runs in engines.items():
                for way, is_back in (("back", True), ("on", False)):
                    found = differences(runs, air, is_back=is_back)
                    print(LINE.format(source, engine, way, *found), flush=True)


if __name__ == "__main__":
    main()
