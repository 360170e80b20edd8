"""Meteorology at a distance: what runs need of a URL comes here whole, once, and within bounds."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
from stilt.met.distant import place
from stilt.met.distant.fetch import fetch
from stilt.met.distant.kept import Kept
from stilt.met.distant.place import Distant, is_safe
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


def assert_nothing_came(folder: Path) -> None:
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert names <= {".fetched.json", ".fetched.lock"}


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
    def read_only(*_: object) -> Path:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Kept, "put", read_only)
    with pytest.raises(EnvironmentFailure) as raised:
        bring(met_in(tmp_path), at(16), -3)
    assert raised.value.message.endswith("can't be written: Read-only file system")
    assert raised.value.hint == "mend the folder, and fetch again: what came stays"


@pytest.mark.usefixtures("memory")
def test_what_comes_is_bounded_where_the_source_tells_no_size(tmp_path, monkeypatch):
    monkeypatch.setattr(MemoryFileSystem, "info", lambda *_, **__: {"type": "file"})
    met = met_in(tmp_path, fetch_limit_gb=1e-5)
    with pytest.raises(InputError, match=r"more came than mets."):
        bring(met, at(16), -3)
    assert_nothing_came(tmp_path)


def test_half_a_file_never_has_its_name(day, tmp_path):
    with served(day, breaks_off=True) as (url, _):
        met = met_in(tmp_path, url)
        with pytest.raises(EnvironmentFailure, match=url):
            bring(met, at(16), -3)
    assert_nothing_came(tmp_path)


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
        ("https://secret@example.org/x", "password or a name"),
        ("s3://key:secret@bucket/x", "password"),
        ("ftp://me:secret@example.org/x", "password"),
        ("s3://key%3Asecret:@bucket/x", "password"),
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


LIST = ".fetched.json"


@pytest.mark.usefixtures("memory")
def test_the_list_of_what_was_fetched_only_grows_and_older_ones_are_read(tmp_path):
    met, here = met_in(tmp_path), tmp_path / "met" / "air"
    bring(met, at(16), -3)
    before = (here / LIST).read_bytes()
    whole = {"old.arl": ["memory://archive/2021", 4, "x"]}
    (here / LIST).write_bytes(json.dumps(whole).encode() + before)
    (here / "old.arl").write_bytes(b"1234")
    bring(met, at(10), -3)
    assert (here / LIST).read_bytes().startswith(json.dumps(whole).encode() + before)
    kept = Kept(here, "memory://archive/2021")
    assert kept.size_bytes == 4 + sum((here / name).stat().st_size for name in SIX_HOURS[1:3])


@pytest.mark.usefixtures("memory")
def test_a_list_in_which_most_is_replaced_is_written_anew(tmp_path):
    met, here = met_in(tmp_path), tmp_path / "met" / "air"
    bring(met, at(16), -3)
    line = (here / LIST).read_bytes().splitlines()[-1]
    (here / LIST).write_bytes(b"\n".join([line] * 2000) + b'\n{"cut')
    kept = Kept(here, "memory://archive/2021")
    kept.sweep()
    assert (here / LIST).read_bytes() == line
    assert bring(met, at(16), -3) == []


@pytest.mark.usefixtures("memory")
def test_a_file_whose_fetching_was_killed_between_two_steps_is_fetched_again(tmp_path, monkeypatch):
    """Its name is there already, and the list does not say yet that it is whole."""
    met, here = met_in(tmp_path), tmp_path / "met" / "air"
    note = Kept._note

    def killed(self, name, known, *, synced=False):
        if not synced:
            raise KeyboardInterrupt
        note(self, name, known, synced=True)

    monkeypatch.setattr(Kept, "_note", killed)
    with pytest.raises(KeyboardInterrupt):
        bring(met, at(16), -3)
    monkeypatch.undo()
    assert (here / SIX_HOURS[2]).exists()
    assert bring(met, at(16), -3) == [SIX_HOURS[2]]
    assert bring(met, at(16), -3) == []


def test_two_that_fetch_into_one_folder_at_once_lose_no_entry(tmp_path):
    names = [[f"{who}{number}" for number in range(60)] for who in "ab"]
    code = (
        "import sys; from pathlib import Path; from stilt.met.distant.kept import Kept\n"
        "from stilt.met.distant.place import Distant\n"
        "kept = Kept(Path(sys.argv[1]), 'memory://x')\n"
        "for name in sys.argv[2:]:\n"
        "    kept.put(Distant(name, name, 1, 'm'), lambda to: to.write_bytes(b'1'))\n"
    )
    folder = tmp_path / "met" / "air"
    running = [subprocess.Popen([sys.executable, "-c", code, str(folder), *some]) for some in names]
    assert [each.wait() for each in running] == [0, 0]
    kept = Kept(folder, "memory://x")
    every = [Distant(name, name, 1, "m") for some in names for name in some]
    assert kept.size_bytes == 120
    assert kept.lacking(every) == ()


@pytest.mark.usefixtures("memory")
def test_a_full_disk_is_said_as_everywhere(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    tries = []
    monkeypatch.setattr(MemoryFileSystem, "get_file", lambda *_, **__: (tries.append(1), full()))
    with pytest.raises(EnvironmentFailure, match="No space left on device in") as raised:
        bring(met_in(tmp_path), at(16), -3)
    assert raised.value.hint.startswith("make room there (or raise the quota)")
    assert len(tries) == 1


class _Hostile(BaseHTTPRequestHandler):
    """Listings and files without end, of another length than announced, and answers that lead elsewhere."""

    def log_message(self, *_):
        """Keep quiet."""

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()

    def do_GET(self):
        kind = self.path.strip("/").split("/")[0]
        if kind == "away":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
            return
        self.send_response(200)
        is_listing = self.path.endswith("/") or self.path.strip("/") == kind
        self.send_header("Content-Type", "text/html" if is_listing else "application/octet-stream")
        if kind == "short" and not is_listing:
            self.send_header("Content-Length", "10")
        self.end_headers()
        with contextlib.suppress(OSError):
            if is_listing and kind != "endless":
                base = f"http://{self.headers['Host']}/{kind}"
                links = ["a.arl", "../../b.arl", "%2e%2e/c.arl", "/etc/passwd", "file:///etc/d.arl"]
                page = "".join(f'<a href="{link}">x</a>' for link in links)
                self.wfile.write(f'{page}<a href="{base}/e.arl">x</a>'.encode())
            elif kind == "short":
                self.wfile.write(b"0123456789")
            else:
                while True:
                    self.wfile.write(b'<a href="x.arl">x</a>' * 5000)


@pytest.fixture(scope="module")
def hostile():
    """The URL of such a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hostile) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("endless", "its listing has more than 3,000,000"),
        ("away", "file:///etc/passwd"),
        ("long", "a.arl does not end after its 1,000 bytes"),
        ("short", "a.arl ended after 10 of 1,000 bytes"),
    ],
)
def test_a_hostile_server_ends_with_an_error_and_nothing_here(
    hostile, tmp_path, monkeypatch, kind, says
):
    monkeypatch.setattr(place, "MOST_OF_A_PAGE", 3_000_000)
    is_listed = kind in {"endless", "away"}
    settings = {"file_tres": None, "file_format": None} if is_listed else {"file_format": "a.arl"}
    met = met_in(tmp_path, f"{hostile}/{kind}", **settings)
    with pytest.raises(EnvironmentFailure, match=says):
        bring(met, at(16), -3)
    assert_nothing_came(tmp_path)


def test_names_that_lead_out_of_a_servers_folder_are_not_asked_for(hostile):
    found = place.Place(f"{hostile}/page").everything()
    assert {each.name for each in found} <= {"a.arl", "e.arl"}
    assert all(each.path.startswith(f"{hostile}/page/") for each in found)


def test_a_killed_fetch_goes_on_with_the_same_command(day, tmp_path):
    """SIGKILL in the middle of a file: half of it has no name, and the next command brings it whole."""
    project = tmp_path / "p"
    project.mkdir()
    (project / "receptors.csv").write_text("time,long,lati,zagl\n2021-06-01 16:00,-98,36,50\n")
    command = [sys.executable, "-m", "stilt", "met", "--fetch", str(project)]
    config = f"file_format: '{NAMES}', file_tres: 6h}}}}\nn_hours: -8\nnumpar: 10\nmodel: native\n"
    with served(day, stalls=True) as (url, asked):
        (project / "config.yaml").write_text(f"mets: {{air: {{source: '{url}', {config}")
        running = subprocess.Popen(command, stderr=subprocess.PIPE)
        here = project / "met" / "air"
        while not list(here.glob(".tmp-*")):
            assert running.poll() is None, running.communicate()[1]
            time.sleep(0.02)
        running.kill()
        running.communicate()
    assert not list(here.glob("air*"))
    with served(day) as (url, asked):
        (project / "config.yaml").write_text(f"mets: {{air: {{source: '{url}', {config}")
        subprocess.run(command, check=True, capture_output=True)
        assert sorted(path.name for path in here.glob("air*")) == SIX_HOURS[1:3]
        asked.clear()
        subprocess.run(command, check=True, capture_output=True)
    assert not [path for path in asked if path.endswith(".arl")]
    for name in SIX_HOURS[1:3]:
        assert (here / name).read_bytes() == (day / name).read_bytes()
