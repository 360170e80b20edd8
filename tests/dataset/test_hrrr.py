"""HRRR's and RAP's native levels: from below, without coefficients, their pressure a field; some of pressure beside."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stilt.foundations.simulation import Receptor
from stilt.met.dataset.content import content_of
from stilt.met.dataset.levels import DatasetError
from stilt.met.header import read_header
from tests.dataset.conftest import run
from tests.dataset.test_other_grids import messages_of
from tests.meteorology import KINDS, write
from tests.meteorology.grib import write_hrrr

if TYPE_CHECKING:
    from pathlib import Path

NOON = dt.datetime(2021, 6, 1, 12)  # noqa: DTZ001 - as all ARL files
KIND = replace(KINDS["hrrr36"], nx=40, ny=36)
CLOSE = {"long": 1e-5, "lati": 1e-5, "zagl": 0.02, "mlht": 0.1, "dens": 1e-5}
"""What 24 bits a number, and places in millionths of a degree, lose in two hours without turbulence."""


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """Two hours in an ARL file, and as HRRR's files of an hour each."""
    folder = tmp_path_factory.mktemp("hrrr")
    whole = write(folder / "x.arl", KIND, 2, NOON)
    return whole, [
        write_hrrr(
            folder / f"hrrr.t{12 + hour}z.wrfnatf00.grib2",
            write(folder / f"{hour}.arl", KIND, hour, NOON),
        )
        for hour in range(3)
    ]


def test_the_same_air_gives_the_same_particles(hours: tuple[Path, list[Path]]) -> None:
    arl, paths = hours
    lon, lat = KIND.at(0.5, 0.5)
    for n_hours, hour in ((-2, 14), (2, 12)):
        where = Receptor(f"20210601{hour}00", (lon,), (lat,), (50.0,))
        theirs, ours = (
            run(files, n_hours, where=where, is_turbulent=False, particles=1)
            for files in ([arl], paths)
        )
        assert len(ours) == len(theirs) == 120
        for name, most in CLOSE.items():
            assert np.abs(theirs[name] - ours[name]).max() <= most, name
    theirs, ours = (run(files, 1, where=where, particles=50) for files in ([arl], paths))
    assert theirs["foot"].sum() > 0
    assert ours["foot"].sum() == pytest.approx(theirs["foot"].sum(), rel=0.03)


def test_what_it_holds_is_known_by_ncep_s_names(hours: tuple[Path, list[Path]]) -> None:
    content = content_of(hours[1][0])
    header = content.header
    assert (header.level_type, len(header.levels)) == (1, 37)
    assert set(header.levels[0].variables) == {
        *("PRSS", "T02M", "U10M", "V10M", "PBLH", "SHGT", "USTR", "SHTF", "LHTF", "DSWF")
    }
    assert np.all(np.diff([level.height for level in header.levels[1:]]) < 0)
    assert {one.variable: one.why_not for one in content.unused} == dict.fromkeys(
        ("t", "gh"), "is on levels of pressure, too, of which there are fewer"
    )


def test_a_level_without_its_pressure_is_refused_by_name(
    hours: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    path = tmp_path / "x.grib2"
    path.write_bytes(
        b"".join(
            message
            for keys, message in messages_of(hours[1][0], "shortName", "typeOfLevel", "level")
            if keys != ["pres", "hybrid", 7]
        )
    )
    with pytest.raises(DatasetError, match="its levels of the model have no pressure at 7"):
        read_header(path)
