"""The met files of a run: those it needs, and a failure that names what is missing."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from stilt.config.schema import Met
from stilt.foundations.failures import Reason, TransportError
from stilt.foundations.simulation import Receptor
from stilt.met import listing as listing_module
from stilt.met.files import Span
from stilt.met.listing import listing
from tests.meteorology.needed import find_met_files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.met.conftest import Analyses

SIX_HOURS = ["1995101600", "1995101606", "1995101612", "1995101618", "1995101700", "1995101706"]
SIX_HOURS += ["1995101712", "1995101718", "1995101800"]


@pytest.fixture(autouse=True)
def fresh_listings() -> None:
    listing.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, analyses: Analyses) -> Path:
    """Two days of six-hourly files; each ends two hours before the next begins."""
    analyses.write(tmp_path / "met", "ngm_%Y%m%d_%H", SIX_HOURS)
    return tmp_path / "met"


def met(
    folder: Path, file_format: str = "ngm_%Y%m%d_%H", tres: str = "6h", n_met_min: int = 1
) -> Met:
    return Met(str(folder), file_format, tres, n_met_min)


def receptor(time: str) -> Receptor:
    return Receptor(time, (-90.0,), (40.0,), (10.0,))


def names(met: Met, time: str, n_hours: int) -> list[str]:
    return [path.name for path in find_met_files(met, receptor(time), n_hours)]


def six_hourly(*hours: str) -> list[str]:
    return [f"ngm_199510{hour}" for hour in hours]


CASES = {
    "backward within a file": ("199510171000", -3, ["17_06"]),
    "backward over files": ("199510171200", -24, ["16_12", "16_18", "17_00", "17_06", "17_12"]),
    "backward to a file's first analysis": ("199510171000", -4, ["17_06"]),
    "backward from the last hour of a file (#115)": ("199510171100", -3, ["17_06", "17_12"]),
    "backward from after a file's last analysis (#115)": ("199510172200", -1, ["17_18"]),
    "backward from 23:00, between two days": ("199510162300", -2, ["16_18", "17_00"]),
    "forward to the last hour of a file (#99)": ("199510171000", 1, ["17_06", "17_12"]),
    "forward over a boundary (#99)": ("199510171000", 4, ["17_06", "17_12"]),
    "forward from a boundary (#99)": ("199510171200", 4, ["17_12"]),
    "forward to a boundary (#99)": ("199510170900", 3, ["17_06", "17_12"]),
    "forward from the last hour (#99)": ("199510171130", 8, ["17_06", "17_12", "17_18"]),
    "a minute that is no hour": ("199510171030", -3, ["17_06", "17_12"]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_run_gets_the_files_whose_analyses_enclose_it(
    folder: Path, case: tuple[str, int, list[str]]
) -> None:
    time, n_hours, expected = case
    assert names(met(folder), time, n_hours) == six_hourly(*expected)


def test_a_file_that_begins_late_is_preceded_by_the_one_before(
    tmp_path: Path, analyses: Analyses
) -> None:
    for start, end in pairwise(["1995101602", "1995101702", "1995101802"]):
        path = tmp_path / f"day_{start[:8]}"
        path.write_bytes(analyses.between(start, end))
    assert names(met(tmp_path, "day_%Y%m%d", "1d"), "199510170400", -3) == [
        "day_19951016",
        "day_19951017",
    ]


@pytest.mark.parametrize(
    ("missing", "time", "n_hours"),
    [("17_06", "199510171700", -12), ("17_12", "199510171100", -3), ("17_12", "199510171100", 3)],
)
def test_missing_files_are_named(folder: Path, missing: str, time: str, n_hours: int) -> None:
    (folder / f"ngm_199510{missing}").unlink()
    with pytest.raises(TransportError) as caught:
        find_met_files(met(folder), receptor(time), n_hours)
    assert caught.value.reason is Reason.MET_MISSING
    assert f"ngm_199510{missing}" in caught.value.message
    assert str(folder) in caught.value.message


def test_many_missing_files_are_counted(folder: Path) -> None:
    with pytest.raises(TransportError, match=r"ngm_19960101_00.* and 12 more") as caught:
        find_met_files(met(folder), receptor("199601050000"), -96)
    assert caught.value.reason is Reason.MET_MISSING


def test_a_name_that_is_not_needed_is_not_missed(tmp_path: Path, analyses: Analyses) -> None:
    """Every second file is longer than file_tres says, so the others are no loss."""
    for start, end in pairwise(["1995101600", "1995101612", "1995101700", "1995101712"]):
        (tmp_path / f"ngm_{start[:8]}_{start[8:]}").write_bytes(analyses.between(start, end))
    found = names(met(tmp_path), "199510170800", -24)
    assert found == six_hourly("16_00", "16_12", "17_00")


def test_fewer_files_than_n_met_min_are_too_few(folder: Path) -> None:
    with pytest.raises(
        TransportError, match="has 1 file for this, fewer than n_met_min, which is 2"
    ):
        find_met_files(met(folder, n_met_min=2), receptor("199510171000"), -3)


def test_meteorology_that_ends_too_early_is_a_failure_that_names_the_hours(folder: Path) -> None:
    with pytest.raises(TransportError) as caught:
        find_met_files(met(folder, "ngm_19951017_.*"), receptor("199510172200"), -24)
    assert caught.value.reason is Reason.MET_COVERAGE
    assert "1995-10-16 22:00" in caught.value.message
    assert "1995-10-17 00:00" in caught.value.message


def test_a_hole_inside_of_the_meteorology_is_a_failure_that_names_the_hours(
    tmp_path: Path, analyses: Analyses
) -> None:
    content = analyses.between("1995101600", "1995101606") + analyses.between(
        "1995101614", "1995101700"
    )
    (tmp_path / "holed").write_bytes(content)
    with pytest.raises(TransportError, match="1995-10-16 04:00 to 1995-10-16 14:00") as caught:
        find_met_files(met(tmp_path, "holed"), receptor("199510161800"), -16)
    assert caught.value.reason is Reason.MET_COVERAGE


def test_files_whose_headers_do_not_read_are_left_to_hysplit(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_bytes(b"not ARL as we know it")
    found = names(met(folder), "199510171000", -6)
    assert found == six_hourly("17_00", "17_06", "17_12")  # and the one after, which is never wrong
    (folder / "ngm_19951017_12").unlink()
    assert names(met(folder), "199510171000", -6) == six_hourly("17_00", "17_06")
    (folder / "ngm_19951017_00").unlink()
    with pytest.raises(TransportError, match="ngm_19951017_00"):
        find_met_files(met(folder), receptor("199510171000"), -6)


def test_formats_are_found_as_r_stilt_finds_them(tmp_path: Path, analyses: Analyses) -> None:
    """As a regular expression against the whole path, in subfolders too, without lock files and twins."""
    content = analyses.between("1995101700", "1995101800")
    deep = tmp_path / "1995" / "10"
    deep.mkdir(parents=True)
    (deep / "hysplit.19951017.00z.ngm+").write_bytes(content)
    (deep / "hysplit.19951017.00z.ngm+.lock").write_bytes(b"")
    os.link(deep / "hysplit.19951017.00z.ngm+", tmp_path / "twin.19951017.00z")
    (tmp_path / "linked").symlink_to(deep, target_is_directory=True)
    for file_format in (r"%Y%m%d\.[0-9]{2}z", "%Y/%m/hysplit.%Y%m%d", "%Y%m%d", "%Y%m%d.00z.ngm+"):
        assert len(names(met(tmp_path, file_format, "1d"), "199510171600", -6)) == 1


def test_a_fixed_name_serves_all_times(tmp_path: Path, analyses: Analyses) -> None:
    (tmp_path / "all (1).arl").write_bytes(analyses.between("1995101600", "1995101900"))
    assert names(met(tmp_path, "all (1).arl"), "199510180000", -24) == ["all (1).arl"]


def test_a_file_that_arrives_later_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = folder / "ngm_19951017_12"
    content = late.read_bytes()
    late.unlink()
    pattern = met(folder, "ngm_%Y%m%d_%H$")
    with pytest.raises(TransportError):
        find_met_files(pattern, receptor("199510171500"), -3)
    late.write_bytes(content)
    now = time.monotonic()
    monkeypatch.setattr(listing_module.time, "monotonic", lambda: now + listing_module.STALE_S + 1)
    assert names(pattern, "199510171500", -3) == six_hourly("17_12")


def test_a_thousand_receptors_list_the_folder_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks: list[str] = []
    walk = os.walk

    def counted(top: str, **options: bool) -> Iterable[tuple[str, list[str], list[str]]]:
        walks.append(top)
        return walk(top, **options)

    monkeypatch.setattr(listing_module.os, "walk", counted)
    for minute in range(1000):
        find_met_files(met(folder, "ngm_%Y%m%d_%H$"), receptor(f"1995101710{minute % 60:02d}"), -3)
    assert len(walks) == 1


def test_the_span_of_a_run_is_the_same_seen_from_both_ends() -> None:
    backward = Span.of(receptor("199510171200"), -12)
    forward = Span.of(receptor("199510170000"), 12)
    assert backward == forward
    assert str(forward) == "1995-10-17 00:00 to 1995-10-17 12:00 UTC"
