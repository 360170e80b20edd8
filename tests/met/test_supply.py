"""``stilt met --download`` and ``--crop``: meteorology is got once, before anything runs."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
import pytest
from arlmet.archives import Archive

from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.met.arl import read_arl
from stilt.met.files import Span
from stilt.met.supply import Part, crop, download, needed_spans, overlapping

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    from tests.met.conftest import Analyses

BOX = (-125.0, 20.0, -62.0, 58.0)
DAYS = ["1995101600", "1995101700", "1995101800"]


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H").replace(tzinfo=UTC)


def minutes(*texts: str) -> np.ndarray:
    return np.array([int(at(text).timestamp()) // 60 for text in texts])


@pytest.fixture
def folder(tmp_path: Path, analyses: Analyses) -> Path:
    analyses.write(tmp_path / "met", "sub/ngm_%Y%m%d", DAYS)
    return tmp_path / "met"


def test_runs_that_touch_need_one_stretch_of_time() -> None:
    spans = needed_spans(minutes("1995101612", "1995101614", "1995101712"), -4)
    assert spans == [
        Span(at("1995101608"), at("1995101614")),
        Span(at("1995101708"), at("1995101712")),
    ]
    assert needed_spans(minutes("1995101612"), 6) == [Span(at("1995101612"), at("1995101618"))]


def test_a_cropped_file_has_the_box_the_levels_and_all_hours(folder: Path, tmp_path: Path) -> None:
    files = [read_arl(path) for path in sorted(folder.rglob("ngm*"))]
    written = list(crop(files, folder, tmp_path / "small", Part(BOX, levels=8)))
    assert written == [tmp_path / "small/sub/ngm_19951016", tmp_path / "small/sub/ngm_19951017"]
    for path, original in zip(written, files, strict=True):
        found = read_arl(path)
        assert found.times == original.times
        assert len(found.levels) == 9
        assert found.grid.nx < original.grid.nx
        assert found.grid.contains(-90, 40)
        assert path.stat().st_size < original.path.stat().st_size


def test_a_place_keeps_its_coordinates_in_a_cropped_file(folder: Path, tmp_path: Path) -> None:
    [file] = [read_arl(path) for path in folder.rglob("ngm_19951016")]
    [path] = crop([file], folder, tmp_path / "small", Part(BOX))
    x, y = file.grid.to_grid(-90, 40)
    x_cropped, y_cropped = read_arl(path).grid.to_grid(-90, 40)
    assert x - x_cropped == pytest.approx(round(x - x_cropped), abs=0.02)
    assert y - y_cropped == pytest.approx(round(y - y_cropped), abs=0.02)


def test_what_is_cropped_already_is_left_alone(folder: Path, tmp_path: Path) -> None:
    files = [read_arl(path) for path in sorted(folder.rglob("ngm*"))]
    target = tmp_path / "small"
    first, second = crop(files, folder, target, Part(BOX))
    assert list(crop(files, folder, target, Part(BOX))) == []
    later = second.stat().st_mtime + 10
    os.utime(files[0].path, (later, later))
    assert list(crop(files, folder, target, Part(BOX))) == [first]


@pytest.mark.parametrize(
    "part", [Part((10.0, 10.0, 20.0, 20.0)), Part((-91.0, 39.0, -89.0, 41.0)), Part(levels=50)]
)
def test_a_part_that_cannot_be_is_refused_and_nothing_is_left(
    folder: Path, tmp_path: Path, part: Part
) -> None:
    files = [read_arl(path) for path in folder.rglob("ngm*")]
    with pytest.raises(InputError, match="can't be cropped"):
        list(crop(files, folder, tmp_path / "small", part))
    assert [path for path in (tmp_path / "small").rglob("*") if path.is_file()] == []


def test_only_files_that_receptors_need_are_taken(folder: Path) -> None:
    files = [read_arl(path) for path in sorted(folder.rglob("ngm*"))]
    assert overlapping(files, needed_spans(minutes("1995101610"), -4)) == files[:1]
    assert overlapping(files, needed_spans(minutes("1995101622"), -4)) == files


class Shelf(Archive):
    """An archive on this disk."""

    name = "shelf"
    description = "for tests"
    start_date = pd.Timestamp("1995-10-16")
    source = "NGM"
    root: ClassVar[str] = ""

    def _archive_path(self, time: pd.Timestamp) -> str:
        return f"sub/ngm_{time:%Y%m%d}"

    def _url(self, path: str, mirror: str) -> str:  # noqa: ARG002
        return f"file://{self.root}/{path}"

    def _storage_options(self, mirror: str) -> dict:  # noqa: ARG002
        return {}


def test_what_runs_need_is_downloaded_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shelf, "root", str(folder))
    spans = needed_spans(minutes("1995101612"), -4)
    [path] = download("shelf", spans, tmp_path / "here", Part(), "http")
    assert path.read_bytes() == (folder / "sub/ngm_19951016").read_bytes()
    (folder / "sub/ngm_19951016").unlink()
    assert list(download("shelf", spans, tmp_path / "here", Part(), "http")) == [path]


def test_the_analysis_after_the_last_hour_is_downloaded_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shelf, "root", str(folder))
    spans = [Span(at("1995101620"), at("1995101620") + timedelta(hours=3))]
    found = list(download("shelf", spans, tmp_path / "here", Part(BOX), "http"))
    assert [path.name[:12] for path in found] == ["ngm_19951016", "ngm_19951017"]
    assert all(read_arl(path).grid.nx < 33 for path in found)


def test_an_archive_that_does_not_exist_or_answer_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = needed_spans(minutes("1995101612"), -4)
    with pytest.raises(InputError, match="there is no archive 'hrr'") as caught:
        list(download("hrr", spans, tmp_path, Part(), "http"))
    assert "hrrr" in caught.value.hint
    with pytest.raises(InputError, match=r"nam12.*begins 2007"):
        list(download("nam12", spans, tmp_path, Part(), "http"))
    monkeypatch.setattr(Shelf, "root", str(tmp_path / "nowhere"))
    with pytest.raises(EnvironmentFailure, match="shelf can't be downloaded") as failed:
        list(download("shelf", spans, tmp_path / "here", Part(), "http"))
    assert "--mirror" in failed.value.hint
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.usefixtures("folder")
def test_the_command_crops_what_the_receptors_need_and_says_how_to_go_on(
    tmp_path: Path, stilt: Callable[..., CompletedProcess[str]]
) -> None:
    (tmp_path / "config.yaml").write_text(
        "mets: {ngm: {directory: met, file_format: ngm_%Y%m%d, file_tres: 1d}}\nn_hours: -4\n"
    )
    (tmp_path / "receptors.csv").write_text("time,long,lati,zagl\n1995-10-16 12:00,-90,40,10\n")
    done = stilt("met", tmp_path, "--crop", "125W", "62W", "20N", "58N", "--to", tmp_path / "small")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path}/small/sub/ngm_19951016\n"
    assert f"set mets.ngm.directory to {tmp_path}/small" in done.stderr
    assert stilt("met", tmp_path, "--crop", *map(str, BOX)).returncode == 2
    assert stilt("met", tmp_path, "--met", "gfs", "--to", "x").returncode == 2
