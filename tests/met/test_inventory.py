"""``stilt met``: what there is, and whom it covers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from stilt.config.schema import Met
from stilt.met.inventory import take_inventory
from stilt.met.names import name_pattern

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    from tests.met.conftest import Analyses

DAYS = ["1995101600", "1995101612", "1995101700", "1995101712", "1995101800"]


@pytest.fixture
def project(tmp_path: Path, analyses: Analyses) -> Path:
    """Two days of half-daily files, of which one is missing and one is not ARL."""
    folder = tmp_path / "my met"
    analyses.write(folder, "ngm %Y%m%d_%H", DAYS)
    (folder / "ngm 19951016_12").unlink()
    (folder / "ngm 19951018_00").write_bytes(b"an empty download")
    (folder / "notes.txt").write_text("not meteorology")
    (tmp_path / "config.yaml").write_text(
        'mets: {ngm: {directory: my met, file_format: "ngm %Y%m%d_%H", file_tres: 12h}}\n'
        "n_hours: -4\n"
    )
    (tmp_path / "receptors.csv").write_text(
        "time,long,lati,zagl\n"
        "1995-10-16 08:00,-90,40,10\n"
        "1995-10-16 13:00,-90,40,10\n"
        "1995-10-17 03:00,-90,40,10\n"
        "1995-10-17 08:00,-90,40,10\n"
        "1995-10-17 08:00,20,10,10\n"
    )
    return tmp_path


def test_the_screen_names_files_hours_gaps_grid_and_receptors(
    project: Path, stilt: Callable[..., CompletedProcess[str]]
) -> None:
    done = stilt("met", project)
    assert done.returncode == 0, done.stderr
    assert "3 files" in done.stdout
    assert "1995-10-16 00:00 to 1995-10-17 22:00 UTC, every 2 h" in done.stdout
    assert "gaps       1995-10-16 10:00 to 1995-10-17 00:00 UTC" in done.stdout
    assert "NGM, 33 x 28 points of 182.9 km" in done.stdout
    assert "10 of sigma, 0.9823 to" in done.stdout
    assert "UWND VWND WWND SPHU TEMP" in done.stdout
    assert "2 of 5 can run" in done.stdout
    assert "2 MET_MISSING: 199510161300_-90_40_10, 199510170300_-90_40_10" in done.stdout
    assert "1 BAD_RECEPTOR: 199510170800_20_10_10" in done.stdout
    assert "ngm 19951018_00" in done.stdout
    assert "notes.txt" not in done.stdout


def test_every_file_is_listed_with_its_hours(
    project: Path, stilt: Callable[..., CompletedProcess[str]]
) -> None:
    lines = stilt("met", project, "--files").stdout.splitlines()
    assert sum("1995-10-17 12:00 to 1995-10-17 22:00  " in line for line in lines) == 1


def test_json_has_the_same_numbers(
    project: Path, stilt: Callable[..., CompletedProcess[str]]
) -> None:
    facts = json.loads(stilt("met", project, "--json").stdout)["ngm"]
    [collection] = facts["collections"]
    assert len(facts["unread"]) == 1
    assert collection["files"] == 3
    assert collection["gaps"] == [["1995-10-16T10:00:00Z", "1995-10-17T00:00:00Z"]]
    assert (facts["receptors"], facts["covered"]) == (5, 2)
    assert facts["refused"] == {"MET_MISSING": 2, "BAD_RECEPTOR": 1}


@pytest.mark.parametrize("model", ["native", "hysplit"])
def test_who_can_run_is_what_check_says_by_the_engines_own_rules(
    project: Path, stilt: Callable[..., CompletedProcess[str]], model: str
) -> None:
    (project / "config.yaml").write_text(
        f"mets: {{ngm: my met}}\nn_hours: -4\nmodel: {model}\nz_top: 9000\n"
    )
    receptors = project / "receptors.csv"
    receptors.write_text(f"{receptors.read_text()}1995-10-17 08:00,-90,40,9500\n")
    refused = json.loads(stilt("met", project, "--json").stdout)["ngm"]["refused"]
    words = " ".join(stilt("check", project).stdout.split())
    for reason, count in refused.items():
        assert re.search(rf"{count} of 6 simulations cannot run: (\d+ )?{reason}: ", words)
    assert words.count("simulations cannot run") == len(refused)
    assert refused["BAD_RECEPTOR"] == 2


def test_an_empty_folder_is_said_to_be_one(
    project: Path, stilt: Callable[..., CompletedProcess[str]]
) -> None:
    for path in (project / "my met").iterdir():
        path.unlink()
    done = stilt("met", project)
    assert done.returncode == 2
    assert "0 of 5 can run" in done.stdout
    assert stilt("met", project, "--json").returncode == 2
    (project / "receptors.csv").unlink()
    assert stilt("met", project).returncode == 2
    assert "no file reads as ARL, NetCDF, Zarr or GRIB" in done.stdout


def test_two_sources_in_one_folder_are_told_apart(tmp_path: Path, analyses: Analyses) -> None:
    analyses.write(tmp_path, "met_%Y%m%d_%H", DAYS)
    other = tmp_path / "met_19951017_12"
    other.write_bytes(other.read_bytes().replace(b".0000000E+00NGM ", b".0000000E+00NAM "))
    inventory = take_inventory(Met(str(tmp_path), "met_%Y%m%d_%H", "12h"))
    assert [len(each.files) for each in inventory.collections] == [3, 1]
    assert [each.files[0].model for each in inventory.collections] == ["NGM", "NAM"]


@pytest.mark.parametrize(
    ("file_format", "fits", "does_not"),
    [
        ("%Y%m%d_%H", "/met/20151210_06-11_hrrr", "/met/readme"),
        ("%Y%m%d.*hrrr", "/met/20151210_06-11_hrrr", "/met/20151210_06-11_nam"),
        ("gdas1.%b%y.w", "/met/gdas1.dec15.w2", "/met/gdas1.w2"),
        ("%Y/%j/met", "/met/2015/344/met", "/met/2015/met"),
        ("hrrr+(%Y%m%d", "/met/hrrr+(20151210", "/met/hrrr 20151210"),
    ],
)
def test_names_fit_at_any_time(file_format: str, fits: str, does_not: str) -> None:
    pattern = name_pattern(file_format)
    assert pattern.search(fits)
    assert not pattern.search(does_not)
