"""Meteorology at a distance: what runs need of a URL comes here whole, once, and within bounds."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from stilt.config.digests import transport_digest
from stilt.config.load import load_config
from stilt.config.schema import Met
from stilt.foundations.errors import EnvironmentFailure, InputError, ProblemsError
from stilt.foundations.failures import Reason
from stilt.foundations.room import Room
from stilt.met.distant.fetch import fetch
from stilt.met.distant.kept import Kept
from stilt.met.distant.place import is_safe
from stilt.met.distant.survey import survey
from stilt.met.minutes import minute_of
from stilt.met.needed import needed
from tests.meteorology import KINDS, write
from tests.served import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = "air_%Y%m%d_%H.arl"
SIX_HOURS = [f"air_20210601_{hour:02d}.arl" for hour in (0, 6, 12, 18)]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of air, six hours a file: the first of them and the last."""
    folder = tmp_path_factory.mktemp("day")
    kind = replace(KINDS["hrrr36"], nx=12, ny=12, step_h=5.0)
    for hour, name in zip((0, 6, 12, 18), SIX_HOURS, strict=True):
        write(folder / name, kind, 5, datetime(2021, 6, 1, hour))  # noqa: DTZ001 - as all ARL files
    return folder


@pytest.fixture
def memory(day: Path) -> Iterator[MemoryFileSystem]:
    """The same files in a process's memory, as an object store has them."""
    filesystem = MemoryFileSystem()
    filesystem.store.clear()
    for path in day.iterdir():
        filesystem.pipe(f"/archive/2021/{path.name}", path.read_bytes())
    yield filesystem
    filesystem.store.clear()


def met_in(folder: Path, url: str = "memory://archive/2021", **settings) -> Met:
    given = {"file_format": NAMES, "file_tres": "6h", **settings}
    return Met(str(folder / "met" / "air"), source=url, **given)


def at(*hours: float) -> np.ndarray:
    midnight = minute_of(datetime.fromisoformat("2021-06-01T00:00+00:00"))
    return np.array([midnight + round(60 * hour) for hour in hours])


def bring(met: Met, minutes: np.ndarray, n_hours: int) -> list[str]:
    return [path.name for path in fetch(survey("air", met, minutes, n_hours), minutes, n_hours)]


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize(
    ("hours", "n_hours", "expected"),
    [
        ((16.0,), -3, [2]),
        ((16.0,), -8, [1, 2]),
        ((11.5,), -3, [1, 2]),  # the last analysis is one of 11
        ((3.0, 22.0), -2, [0, 3]),
    ],
    ids=["within a file", "over two", "to the next analysis", "far apart"],
)
def test_what_runs_need_is_fetched_and_no_more(tmp_path, hours, n_hours, expected):
    met = met_in(tmp_path)
    assert bring(met, at(*hours), n_hours) == [SIX_HOURS[place] for place in expected]
    found = needed(met, at(*hours), n_hours)
    assert not found.refused
    assert bring(met, at(*hours), n_hours) == []


@pytest.mark.usefixtures("memory")
def test_what_is_to_be_fetched_is_no_refusal_and_what_is_nowhere_is_one(tmp_path):
    met = met_in(tmp_path)
    survey("air", met, at(16, 40), -3)
    (refused,) = needed(met, at(16, 40), -3).refused
    assert (refused.reason, refused.runs.tolist()) == (Reason.MET_MISSING, [1])


def test_files_that_have_changed_there_or_here_are_fetched_again(memory, tmp_path):
    met, here = met_in(tmp_path), tmp_path / "met" / "air"
    assert bring(met, at(16), -8) == SIX_HOURS[1:3]
    whole = (here / SIX_HOURS[1]).read_bytes()
    (here / SIX_HOURS[1]).write_bytes(whole[:1000])
    assert bring(met, at(16), -8) == [SIX_HOURS[1]]
    assert (here / SIX_HOURS[1]).read_bytes() == whole
    there = f"/archive/2021/{SIX_HOURS[2]}"
    memory.pipe(there, memory.cat(there))
    assert bring(met, at(16), -8) == [SIX_HOURS[2]]


def test_a_file_of_ones_own_is_left_alone(memory, tmp_path):
    met = met_in(tmp_path)
    (tmp_path / "met" / "air").mkdir(parents=True)
    own = tmp_path / "met" / "air" / SIX_HOURS[2]
    own.write_bytes(memory.cat(f"/archive/2021/{SIX_HOURS[1]}"))
    before = own.read_bytes()
    bring(met, at(10, 16), -3)
    assert own.read_bytes() == before


def test_without_names_of_hours_everything_comes_and_a_store_last_of_all_its_heart(
    memory, tmp_path
):
    memory.pipe("/archive/2021/air.zarr/u/c/0", b"1")
    memory.pipe("/archive/2021/air.zarr/zarr.json", b"{}")
    met = met_in(tmp_path, file_format=None, file_tres=None)
    found = survey("air", met, at(16), -3)
    assert not needed(met, at(16), -3).refused
    names = [path.relative_to(met.directory).as_posix() for path in fetch(found, at(16), -3)]
    assert sorted(names[:-1]) == sorted([*SIX_HOURS, "air.zarr/u/c/0"])
    assert names[-1] == "air.zarr/zarr.json"


@pytest.mark.usefixtures("memory")
def test_more_than_the_limit_is_refused_before_anything_is_written(tmp_path):
    met = met_in(tmp_path, fetch_limit_gb=1e-5)
    with pytest.raises(
        InputError, match=r"1 file, .* would be fetched and mets.air.fetch_limit_gb"
    ):
        bring(met, at(16), -3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("memory")
def test_more_than_there_is_room_for_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    room = Room(free_bytes=10, files=None)
    monkeypatch.setattr("stilt.met.distant.survey.room_in", lambda _: room)
    with pytest.raises(EnvironmentFailure, match="has room for 10 "):
        bring(met_in(tmp_path), at(16), -3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("memory")
def test_a_folder_that_can_not_be_written_is_named(tmp_path, monkeypatch):
    def full(*_: object) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Kept, "put", full)
    with pytest.raises(EnvironmentFailure) as raised:
        bring(met_in(tmp_path), at(16), -3)
    assert raised.value.message.endswith("can't be written: No space left on device")
    assert raised.value.hint.endswith("and fetch again: what came stays")


@pytest.mark.usefixtures("memory")
def test_what_comes_is_bounded_where_the_source_tells_no_size(tmp_path, monkeypatch):
    monkeypatch.setattr(MemoryFileSystem, "info", lambda *_, **__: {"type": "file"})
    met = met_in(tmp_path, fetch_limit_gb=1e-5)
    with pytest.raises(InputError, match=r"more came than mets."):
        bring(met, at(16), -3)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_half_a_file_never_has_its_name(day, tmp_path):
    with served(day, breaks_off=True) as (url, _):
        met = met_in(tmp_path, url)
        with pytest.raises(EnvironmentFailure, match=url):
            bring(met, at(16), -3)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("memory")
def test_what_a_killed_run_left_behind_is_removed_once_it_is_old(tmp_path):
    met, here = met_in(tmp_path), tmp_path / "met" / "air"
    here.mkdir(parents=True)
    old, new = here / ".tmp-1-air", here / ".tmp-2-air"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert bring(met, at(16), -3) == [SIX_HOURS[2]]
    assert (old.exists(), new.exists()) == (False, True)


def test_files_are_found_by_a_pattern_in_a_servers_listing(day, tmp_path):
    with served(day.parent) as (url, asked):
        met = met_in(tmp_path, f"{url}/{day.name}", file_format="air_%Y%m%d_%H[.]arl")
        assert bring(met, at(16), -3) == [SIX_HOURS[2]]
    assert asked.count(f"/{day.name}/{SIX_HOURS[2]}") == 1


def test_where_all_is_here_nobody_need_answer(day, tmp_path):
    with served(day) as (url, _):
        met = met_in(tmp_path, url)
        bring(met, at(16), -3)
    found = survey("air", met, at(16), -3)
    assert url in found.silent
    assert not found.lacking
    with pytest.raises(EnvironmentFailure, match=url) as raised:
        survey("air", met, at(16), -12)
    assert raised.value.hint.startswith("try again, or from a machine with a network")


@pytest.mark.parametrize(
    ("directory", "says"),
    [
        ("https://me:secret@example.org/x", "password"),
        ("simplecache::s3://bucket/x", "within a URL"),
        ("https://example.org/x?key=secret", "with ? or #"),
        ("nosuch://example.org/x", "protocol that is not known"),
    ],
)
def test_urls_that_are_no_folders_are_refused_and_no_secret_is_told(tmp_path, directory, says):
    path = tmp_path / "config.yaml"
    path.write_text(f'mets: {{a: "{directory}"}}\nn_hours: -1\n')
    with pytest.raises(ProblemsError, match="1 problem") as raised:
        load_config(path)
    said = "; ".join(raised.value.problems)
    assert says in said
    assert "secret" not in said


def test_where_files_come_from_is_no_part_of_what_they_hold(tmp_path):
    path = tmp_path / "config.yaml"
    digests = set()
    for met in ("/data", "https://example.org/x", "{source: 's3://b/x', fetch_limit_gb: 5}"):
        path.write_text(f"mets: {{a: {met}}}\nn_hours: -1\n")
        config = load_config(path)
        digests.add(transport_digest(config, "a", "engine"))
    assert len(digests) == 1
    assert config.mets["a"].directory == str(tmp_path / "met" / "a")


@pytest.mark.parametrize(
    "name", ["../x", "a/../x", "/x", "a//x", "a\\x", "a\nx", "", ".", "x" * 256, ".fetched.json"]
)
def test_names_that_lead_elsewhere_are_none(name):
    assert not is_safe(name)


def test_a_damaged_note_of_what_was_fetched_is_none(tmp_path):
    (tmp_path / ".fetched.json").write_text('{"x": [1, "2"]}')
    assert Kept(tmp_path, "memory://x").size_bytes == 0
