"""Real files of centres: each opens, and ``stilt met`` tells what it holds, or is refused for a reason that is true."""

from __future__ import annotations

import numpy as np
import pytest

from stilt.met.dataset.analyses import analyses_of
from stilt.met.header import read_header
from tests.projects import Project
from tests.shared_data import shared

HOLD = {
    "nam_awp211.grib2": (
        "GRIB, 93 x 65 points of 81.2",
        "levels     19 of pressure, 1000 to 100",
        "at the ground PRSS SHGT T02M U10M V10M",
        "terrain          orog",
        "heat flux        none: from the profiles of wind and temperature",
    ),
    "wrfout_mercator.nc": (
        "AWRF, 48 x 48 points of 10.0019 km",
        "hours      2005-08-28 12:00 to 2005-08-28 21:00 UTC, every 3 h",
        "levels     14 of sigma",
        "variables  UWND VWND DZDT TEMP PRES SPHU; at the ground PRSS SHGT T02M U10M V10M",
        "terrain          HGT",
    ),
    "hrrr_wrfsfcf01_UGRD.grib2": (
        "GRIB, 1799 x 1059 points of",
        "at the ground U10M",
        "no file has levels, only surface fields",
    ),
    "alternate_scanning.grib": ("GRIB, 291 x 171 points", "at the ground T02M"),
    "era5_levels_members.grib": (
        "it has 10 members (0 to 9), of which one is to be picked: put `member: 0`, say, beside directory",
    ),
    "gfs_0p25_PV_TMP.grib2": ("it has no field that is known: t at potentialVorticity",),
    "hrrr_wrfprsf00.grib2": ("it has no field that is known: SBT123 at nominalTop",),
    "lambert_grid.grib": ("it has no field that is known: nlwrs at heightAboveGround",),
    "pystilt_footprint.nc": ("it has no field that is known",),
    "pystilt_trajectories.parquet": ("no index record at byte 0",),
}
CONFIG = "mets: {{{}}}\nn_hours: -3\nnumpar: 10\nmodel: native\nroughness: 0.2\n"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What ``stilt met`` says of each sample, in a folder of its own."""
    folder = tmp_path_factory.mktemp("samples")
    mets = []
    for number, name in enumerate(HOLD):
        (folder / f"m{number}").mkdir()
        (folder / f"m{number}" / name).symlink_to(shared("data", "samples", name))
        mets.append(f"m{number}: {folder}/m{number}")
    made = Project(folder / "project")
    made.path.mkdir()
    (made.path / "config.yaml").write_text(CONFIG.format(", ".join(mets)))
    (made.path / "receptors.csv").write_text("time,long,lati,zagl\n2005-08-28 18:00:00,-89,24,50\n")
    done = made.stilt("met")
    assert done.code == 2, done.err  # none serves the receptor
    parts = [part.split("\n", 1)[1] for part in f"\n{done.out}".split("\nm")[1:]]
    return dict(zip(HOLD, parts, strict=True))


def test_each_real_file_is_in_the_table() -> None:
    there = {path.name for path in shared("data", "samples").iterdir()} - {"README.md"}
    assert there == set(HOLD)


@pytest.mark.parametrize("name", HOLD)
def test_met_tells_what_a_real_file_holds_or_why_it_is_left_out(
    said: dict[str, str], name: str
) -> None:
    for words in HOLD[name]:
        assert words in said[name]
    assert name in said[name] or "surface    " in said[name]


def test_winds_of_wrf_blow_and_pressure_falls() -> None:
    """Katrina over the Gulf of Mexico: deep pressure, strong winds, the tropics' temperatures."""
    (analyses,) = analyses_of([read_header(shared("data", "samples", "wrfout_mercator.nc"))])
    reader, area = analyses[-1].reader(), ((0, 48), (0, 48))
    assert reader.field("PRSS", 0, *area).min() < 960
    assert np.hypot(*(reader.field(n, 3, *area) for n in ("UWND", "VWND"))).max() > 40
    assert 290 < reader.field("TEMP", 1, *area).mean() < 303
    falling = [reader.field("PRES", level, *area).mean() for level in range(1, 15)]
    assert np.all(np.diff(falling) < 0)
    assert 0.01 < reader.field("SPHU", 1, *area).mean() < 0.025
