"""What is found in a GRIB file is kept, and used as long as the file stays as it is."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec
import pytest

from stilt.foundations.paths import Layout
from stilt.met import kept
from stilt.met.dataset import grib_index, grib_scan
from stilt.met.dataset.content import _content, content_of
from stilt.met.dataset.levels import DatasetError
from tests.dataset.test_traps import KIND
from tests.meteorology import write
from tests.meteorology.grib import Packing, write_grib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One hour of air."""
    folder = tmp_path_factory.mktemp("grib")
    noon = dt.datetime(2021, 6, 1, 12)  # noqa: DTZ001 - as all ARL files
    return write_grib(folder / "air.grib", write(folder / "air.arl", KIND, 0, noon), Packing())


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Which files are gone through, with an output root that keeps what is found."""
    layout = Layout.of(tmp_path)
    layout.output.mkdir()
    monkeypatch.setattr(kept, "_roots", [layout])
    seen: list[Path] = []

    def scan(path: Path, member: int | None = None) -> object:
        seen.append(path)
        return grib_scan.scan(path, member)

    monkeypatch.setattr(grib_index, "scan", scan)
    _content.cache_clear()
    yield seen
    _content.cache_clear()


def index_of(folder: Path) -> Path:
    (path,) = (folder / "output" / "inputs" / "met").iterdir()
    return path


def test_a_file_is_gone_through_once(whole: Path, scans: list[Path], tmp_path: Path) -> None:
    first = content_of(whole)
    _content.cache_clear()
    second = content_of(whole)
    assert len(scans) == 1
    assert second.header == first.header
    assert (second.fields, second.unused) == (first.fields, first.unused)
    assert second.messages == first.messages
    assert second.axes.levels == first.axes.levels
    assert second.axes.minutes.tolist() == first.axes.minutes.tolist()
    assert index_of(tmp_path).stat().st_size < whole.stat().st_size


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def of_another_size(data: bytes) -> bytes:
    return msgspec.json.encode([*(whole := msgspec.json.decode(data))[:1], 7, *whole[2:]])


def beyond_the_file(data: bytes) -> bytes:
    index = msgspec.json.decode(data)
    index[-1][0][-1]["offset"] = 10**12
    return msgspec.json.encode(index)


def of_no_grid(data: bytes) -> bytes:
    index = msgspec.json.decode(data)
    index[3] = [1.0]
    return msgspec.json.encode(index)


def of_no_quantity(data: bytes) -> bytes:
    index = msgspec.json.decode(data)
    index[8][0][0] = 999
    return msgspec.json.encode(index)


def others_place(data: bytes) -> bytes:
    """Let winds be each other's."""
    index = msgspec.json.decode(data)
    names = {"UWND": "VWND", "VWND": "UWND"}
    index[-1] = [[names.get(name, name), *rest] for name, *rest in index[-1]]
    return msgspec.json.encode(index)


def upside_down(data: bytes) -> bytes:
    """Let the lowest level be that above it."""
    index = msgspec.json.decode(data)
    places = {0: 1, 1: 0}
    index[-1] = [
        [name, time, places.get(level, level) if message["level"] else level, message]
        for name, time, level, message in index[-1]
    ]
    return msgspec.json.encode(index)


def another_unit(data: bytes) -> bytes:
    index = msgspec.json.decode(data)
    for *_, message in index[-1]:
        message["convert"]["factor"] *= -1.0
    return msgspec.json.encode(index)


def another_time(data: bytes) -> bytes:
    index = msgspec.json.decode(data)
    index[5] = [index[5][0] + 60]
    return msgspec.json.encode(index)


def another_place(data: bytes) -> bytes:
    index = msgspec.json.decode(data)
    index[3][10] += 1.0
    return msgspec.json.encode(index)


@pytest.mark.usefixtures("scans")
@pytest.mark.parametrize(
    "spoil", [others_place, upside_down, another_unit, another_time, another_place]
)
def test_an_index_that_lies_never_gives_a_message_another_meaning(
    whole: Path, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    content_of(whole)
    path = index_of(tmp_path)
    path.write_bytes(spoil(path.read_bytes()))
    _content.cache_clear()
    content = content_of(whole)
    assert content.messages is not None
    place = "UWND", 0, len(content.axes.levels.heights)
    with pytest.raises(
        DatasetError, match=r"messages \(UWND\) is not what it holds: remove inputs"
    ):
        content.messages.decode(whole, place, content.axes, (0, content.axes.grid.ny))


def test_the_index_of_somebody_who_is_not_trusted_is_none(
    whole: Path, scans: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    content_of(whole)
    monkeypatch.setattr(kept, "trusted_users", frozenset)
    _content.cache_clear()
    content_of(whole)
    assert len(scans) == 2


@pytest.mark.usefixtures("scans")
def test_an_idx_beside_a_file_is_not_believed(whole: Path) -> None:
    """What NOAA puts there may be another file's: where the messages lie is found in the file."""
    first = content_of(whole)
    whole.with_name(f"{whole.name}.idx").write_text("1:0:d=2021060112:PRES:surface:anl:\n")
    _content.cache_clear()
    assert content_of(whole).messages == first.messages


def test_an_index_that_is_damaged_or_of_another_file_is_none(
    whole: Path, scans: list[Path], tmp_path: Path
) -> None:
    first = content_of(whole)
    path = index_of(tmp_path)
    good = path.read_bytes()
    for spoil in (cut, of_another_size, beyond_the_file, of_no_grid, of_no_quantity):
        path.write_bytes(spoil(good))
        scans.clear()
        _content.cache_clear()
        assert content_of(whole).messages == first.messages
        assert len(scans) == 1, spoil.__name__
        assert path.read_bytes() == good
