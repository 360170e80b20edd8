"""A folder alone is a meteorology: its files are known by their headers."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stilt.config.schema import Met
from stilt.foundations.failures import Reason, TransportError
from stilt.foundations.paths import Layout
from stilt.foundations.simulation import Receptor
from stilt.met import folder as folder_module
from stilt.met import kept
from stilt.met.folder import folder_index
from stilt.met.needed import needed
from tests.meteorology import KINDS, START, write
from tests.meteorology.needed import find_met_files

if TYPE_CHECKING:
    from pathlib import Path

COARSE = replace(KINDS["coarse"], step_h=1.0, nx=30, ny=26)
FINE = replace(COARSE, model="FINE", nx=24)


@pytest.fixture(autouse=True)
def _afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_roots", [])
    monkeypatch.setattr(kept, "_waiting", {})
    folder_module._recent.clear()


@pytest.fixture
def met(tmp_path: Path) -> Path:
    """Two days of six-hourly files, in folders by day, under names that say nothing."""
    for number in range(8):
        folder = tmp_path / "met" / f"19{number // 4}"
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / f"{number:x}b.dat", COARSE, 5.0, START + timedelta(hours=6 * number))
    return tmp_path / "met"


def names(met: Met, time: str, n_hours: int) -> list[str]:
    receptor = Receptor(time, (-104.0,), (35.0,), (10.0,))
    return [path.name for path in find_met_files(met, receptor, n_hours)]


CASES = {
    "within a file": ("202106010400", -3, ["0b.dat"]),
    "over files": ("202106011400", -9, ["0b.dat", "1b.dat", "2b.dat"]),
    "from between two": ("202106010530", -1, ["0b.dat", "1b.dat"]),
    "up to between two": ("202106010700", -1, ["1b.dat"]),
    "forward over a boundary": ("202106010430", 1, ["0b.dat", "1b.dat"]),
    "over midnight": ("202106020200", -4, ["3b.dat", "4b.dat"]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_run_gets_the_files_whose_analyses_enclose_it(met, case):
    time, n_hours, expected = case
    assert names(Met(str(met)), time, n_hours) == expected


@pytest.mark.parametrize("time", ["202105312300", "202106030100"])
def test_hours_that_are_not_there_are_named(met, time):
    with pytest.raises(TransportError, match="the meteorology covers 2021-06-0") as caught:
        names(Met(str(met)), time, -3)
    assert caught.value.reason is Reason.MET_COVERAGE


def test_a_folder_without_arl_files_is_called_that(tmp_path):
    (tmp_path / "README").write_text("nothing yet")
    with pytest.raises(TransportError, match="has no ARL, NetCDF, Zarr or GRIB file") as caught:
        names(Met(str(tmp_path)), "202106010400", -1)
    assert "that can be used: " in str(caught.value)  # and why the one that is there cannot
    assert caught.value.reason is Reason.MET_MISSING


def test_other_files_are_left_out_and_named(met):
    whole = next(met.rglob("1b.dat"))
    (met / "README").write_text("text")
    (met / "1b.dat.gz").write_bytes(gzip.compress(whole.read_bytes()[:500]))
    (met / "1b.dat.1").write_bytes(whole.read_bytes()[:-4000])
    (met / "twin").symlink_to(whole)
    found = needed(Met(str(met)), np.array([27041160]), -2)
    assert sorted(path.name for path in found.left_out) == ["1b.dat.1", "1b.dat.gz", "README"]


def test_two_products_for_the_same_hours_are_refused_by_name_until_they_are_told_apart(met):
    write(met / "fine.arl", FINE, 12.0)
    with pytest.raises(TransportError, match=r"CRSE .* and FINE .*file_format.*nested: true"):
        names(Met(str(met)), "202106010400", -3)
    assert names(Met(str(met)), "202106020400", -3) == ["4b.dat"]  # only one of them is there
    assert names(Met(str(met), file_format=r"\.arl$"), "202106010400", -3) == ["fine.arl"]
    assert set(names(Met(str(met), nested=True), "202106010400", -3)) == {"fine.arl", "0b.dat"}


def test_a_file_that_grows_is_indexed_again(met):
    here = Met(str(met))
    write(met / "late", COARSE, 2.0, START + timedelta(hours=48))
    with pytest.raises(TransportError, match="02:00"):
        names(here, "202106030400", -3)
    write(met / "late", COARSE, 6.0, START + timedelta(hours=48))
    folder_module._recent.clear()
    assert names(here, "202106030400", -3) == ["late"]


def test_an_index_is_kept_in_the_output_root_and_used_by_the_next_process(
    met, tmp_path, monkeypatch
):
    layout = Layout.of(tmp_path)
    kept.keep_in(layout)
    folder_index(Met(str(met)))
    assert not layout.output.exists()
    layout.output.mkdir()
    kept.keep_now()
    (index,) = layout.met_dir.iterdir()
    folder_module._recent.clear()
    folder_module._indexed.cache_clear()
    reads: list[Path] = []
    with monkeypatch.context() as watched:
        watched.setattr(folder_module, "read_header", reads.append)
        assert names(Met(str(met)), "202106011400", -9) == ["0b.dat", "1b.dat", "2b.dat"]
    assert reads == []
    index.write_text('{"format": 3, "kinds": [], "entries": [["x", 1, 1, 5, [1]]]}')
    folder_module._recent.clear()
    folder_module._indexed.cache_clear()
    assert names(Met(str(met)), "202106010400", -3) == [
        "0b.dat"
    ]  # an index that is damaged is none


def _spoiled(entry: dict[int, object], grid: list[float] | None = None) -> str:
    """Return an index of one file and one kind of grid, as it is kept, with something else in it."""
    known = ["x", 1, 1, 0, [1], None, None, "", [9]]
    parts = [entry.get(place, value) for place, value in enumerate(known)]
    kind = ["GFS1", [1.0] * 13 if grid is None else grid, [[1.0, ["PRSS"]]], 2, 0.0, "ARL"]
    return json.dumps({"format": folder_module._FORMAT, "kinds": [kind], "entries": [parts]})


@pytest.mark.parametrize(
    "content",
    [
        _spoiled({3: -2}),
        _spoiled({3: 7}),
        _spoiled({4: [10**15]}),
        _spoiled({5: -(10**15)}),
        _spoiled({8: [9, 9]}),
        _spoiled({}, [1.0, 2.0, 3.0]),
        _spoiled({}, [1e300] * 13),
        "[" * 100_000,
    ],
)
def test_an_index_with_odd_values_is_none(tmp_path, content):
    layout = Layout.of(tmp_path)
    kept.keep_in(layout)
    layout.met_dir.mkdir(parents=True)
    place = kept._place(layout, "/met")
    place.write_text(_spoiled({}))
    assert len(folder_module._load("/met", ()).entries) == 1
    place.write_text(content)
    assert folder_module._load("/met", ()).entries == []
    place.unlink()
    os.mkfifo(place)  # and nobody waits for one
    assert folder_module._load("/met", ()).entries == []


def test_the_index_says_what_the_headers_say(met):
    from stilt.met.arl import read_arl

    (product,) = folder_index(Met(str(met))).products
    for header in product.headers():
        assert header == read_arl(header.path)
