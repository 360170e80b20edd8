"""Workers make rows of the matrix that config.yaml asks for; H of them is that of footprints, to the byte."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
from msgspec.structs import replace

import stilt
from stilt.cli.program import main
from stilt.config.load import parse_config
from stilt.footprint.calc import Footprint
from stilt.footprint.grid import geometry_of
from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.foundations.paths import Layout
from stilt.foundations.simulation import Receptor, Simulation
from stilt.matrix import stored
from stilt.matrix.asked import Asked
from stilt.matrix.stored import RowWriter, StoredRow, read_rows, rows_of
from stilt.worker.push_worker import check_copies
from tests.engines import Behaviour
from tests.projects import FOOTPRINT, Answer, make_project, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.config.schema import Config
    from tests.projects import Project

HEIGHTS = [5, 10, int(Behaviour.EMPTY), 15, 20, 25]
GRIDS = f"{{near: {FOOTPRINT}, other: {FOOTPRINT.replace('0.1}', '0.2}')}}}"


def asked(project: Project, words: str) -> None:
    """Let config.yaml ask for a matrix."""
    config = project.path / "config.yaml"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("jacobian")]
    config.write_text("\n".join([*lines, f"jacobian: {words}"]) + "\n")


def call(project: Project, command: str, *options: str) -> Answer:
    """Run a command in this process: what makes no rows needs none of its own."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([command, str(project.path), *options])
    said = (" ".join(each.getvalue().split()) for each in (out, err))
    return Answer(int(ended.value.code or 0), *said)


def written(project: Project, name: str, *options: str) -> bytes:
    """Return what the command writes."""
    file = project.path / name
    answer = call(project, "jacobian", "-o", str(file), "--force", *options)
    assert answer.code == 0, answer.err
    return file.read_bytes()


def gathered(project: Project) -> bytes:
    """Return what the command writes of rows alone."""
    file = project.path / "H.nc"
    answer = call(project, "jacobian", "-o", str(file))
    assert (answer.code, answer.err) == (0, "")
    return file.read_bytes()


def status(project: Project) -> dict[str, object]:
    found: dict[str, object] = json.loads(call(project, "status", "--json").out)
    return found


def options(project: Project) -> tuple[str, ...]:
    """Return the words of the command for the matrix that the project asked for when it ran."""
    flux = f"{project.path / 'flux.nc'}:co2"
    return ("--footprint", "other", "--target", "0.25", "--bins", "3h", "--weight", flux)


def write_flux(path: Path, *, first: str = "2015-12-09") -> None:
    times = np.array(first, "datetime64[ns]") + np.arange(72) * np.timedelta64(1, "h")
    lat, lon = np.arange(39, 42.0), np.arange(-114, -109.0)
    values = np.random.default_rng(3).random((len(times), len(lat), len(lon)))
    coords = {"time": times, "lat": lat, "lon": lon}
    xr.DataArray(values, coords=coords, name="co2").to_netcdf(path, engine="netcdf4")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that ran while it asked for a matrix with all that there is."""
    folder = tmp_path_factory.mktemp("rows") / "p"
    project = make_project(folder, HEIGHTS, footprints=GRIDS)
    write_flux(folder / "flux.nc")
    asked(project, "{target: 0.25, bins: 3h, footprint: other, weight: 'flux.nc:co2'}")
    assert "rows of footprint other beside it" in project.stilt("check").out
    assert project.stilt("run", "--cpus", "2").code == 0
    return project


@pytest.fixture
def project(done: Project, tmp_path: Path) -> Project:
    """A copy of it."""
    shutil.copytree(done.path, tmp_path / "p", symlinks=True)
    return type(done)(tmp_path / "p")


def test_rows_of_workers_are_those_of_footprints_to_the_byte_and_none_is_read(project) -> None:
    whole = {name: written(project, f"of.{name}", *options(project)) for name in ("nc", "npz")}
    assert status(project)["rows"] == len(HEIGHTS)
    assert "6 of 6 results with a row of H" in call(project, "status").out
    for path in (project.output / "footprints").rglob(".*.nc.*"):
        path.write_bytes(b"")
    assert gathered(project) == whole["nc"]
    assert written(project, "H.npz") == whole["npz"]
    found = stilt.Project(project.path).jacobian()
    assert (found.matrix != stilt.Jacobian.open(project.path / "of.nc").matrix).nnz == 0
    assert found.matrix.nnz
    assert found.units == "ppm"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{bins: '2 hours'}", ("--bins", "2 hours")),
        (
            "{target: 'of.geojson:name', bins: 1D}",
            ("--target", "{}/of.geojson:name", "--bins", "1D"),
        ),
    ],
    ids=["own cells", "polygons"],
)
def test_whatever_the_target_and_bins(tmp_path, words, said) -> None:
    made = make_project(tmp_path / "p", HEIGHTS[:3], footprints=GRIDS)
    box = [[[-114, 39], [-111.9, 39], [-111.9, 42], [-114, 42], [-114, 39]]]
    shape = {"type": "Polygon", "coordinates": box}
    feature = {"type": "Feature", "properties": {"name": "west"}, "geometry": shape}
    (made.path / "of.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]})
    )
    asked(made, words)
    assert made.stilt("run").code == 0
    assert gathered(made) == written(made, "of.nc", *(text.format(made.path) for text in said))


def test_rows_of_variants_have_the_hours_of_the_longest(tmp_path) -> None:
    variants = "variants: {long: {n_hours: -6}, smooth: {footprints: {near: {smooth_factor: 2}}}}"
    footprint = f"{{near: {FOOTPRINT}}}"
    project = make_project(tmp_path / "p", [5, 10], footprints=footprint, settings=variants)
    asked(project, "{bins: 1h}")
    assert project.stilt("run").code == 0
    found = stilt.Project(project.path).jacobian()
    assert "".join(f"{name}." for name in found.receptors["variant"].to_numpy()) == (
        "..long.long.smooth.smooth."
    )
    whole = written(project, "of.nc", "--bins", "1h")
    assert status(project)["rows"] == 6
    for path in (project.output / "footprints").rglob(".*.nc.*"):
        path.write_bytes(b"")
    assert gathered(project) == whole


def test_rows_that_are_lacking_are_made_of_footprints(project) -> None:
    whole = written(project, "of.nc", *options(project))
    rows = sorted((project.output / "rows").iterdir())
    data = bytearray(rows[0].read_bytes())
    data[-1] ^= 1
    rows[0].write_bytes(data)
    for path in rows[1:]:
        path.unlink()
    answer = call(project, "verify")
    assert answer.code == 0
    assert "of H not as workers wrote them" in answer.out
    file = project.path / "H.nc"
    assert "made of footprints now" in call(project, "jacobian", "-o", str(file)).err
    assert file.read_bytes() == whole


def test_another_target_makes_nothing_stale_and_is_made_of_footprints(project) -> None:
    asked(project, "{target: 0.5, footprint: other}")
    said = call(project, "run", "--dry-run").out
    assert "5 of those done have no row of the matrix" in said
    assert "would hand over" not in said
    found = status(project)
    assert (found["rows"], found["stale"], found["to_do"]) == (1, 0, 0)  # the empty one's
    whole = written(project, "of.nc", "--target", "0.5", "--footprint", "other")
    assert written(project, "H.nc") == whole


def test_a_flux_with_other_values_is_another_matrix_and_one_that_moved_is_not(project) -> None:
    (project.path / "flux.nc").rename(project.path / "moved.nc")
    asked(project, "{target: 0.25, bins: 3h, footprint: other, weight: 'moved.nc:co2'}")
    assert status(project)["rows"] == len(HEIGHTS)
    write_flux(project.path / "moved.nc", first="2015-12-08")
    assert status(project)["rows"] == 1


def test_results_that_are_made_again_have_rows_again(project) -> None:
    assert project.stilt("run", "--no-skip").code == 0
    whole = gathered(project)
    assert call(project, "archive").code == 0
    assert len(list((project.output / "rows").iterdir())) == 1
    assert call(project, "archive").code == 0
    assert "of H" not in call(project, "verify").out
    assert gathered(project) == whole == written(project, "of.nc", *options(project))


def test_whoever_gathers_rows_of_stale_results_is_told_as_of_footprints(project) -> None:
    config = project.path / "config.yaml"
    config.write_text(config.read_text() + "veght: 0.6\n")
    stale = status(project)["stale"]
    assert stale
    words = f"{stale} of {len(HEIGHTS)} results are stale"
    for said in ((), options(project)):
        answer = call(project, "jacobian", "-o", str(project.path / "H.nc"), "--force", *said)
        assert (answer.code, answer.err.count(f"note: {words}")) == (0, 1)
    found = stilt.Project(project.path)
    for use in (found.jacobian, partial(found.jacobian, 0.25)):
        with pytest.warns(stilt.StaleResults, match=words) as told:
            use()
        assert [each.filename for each in told] == [__file__]


REFUSED = {
    "{target: nowhere.geojson}": "nowhere.geojson can't be read",
    "{target: nowhere.nc}": "nowhere.nc can't be read",
    "{weight: nowhere.nc}": "nowhere.nc can't be read",
    "{weight: late.nc}": "does not cover",
    "{bins: sometimes}": "mean nothing",
    "{bins: 2MS}": "begin with the first receptor",
    "{target: 999}": "is no grid",
    "{footprint: far}": "far",
    "{goal: 0.5}": "goal",
}


def test_what_gives_no_rows_is_refused_before_anything_is_written(tmp_path) -> None:
    made = make_project(tmp_path / "p", HEIGHTS[:2], footprints=GRIDS)
    write_flux(made.path / "late.nc", first="2015-12-11")
    for words, why in REFUSED.items():
        asked(made, words)
        for command in (("check",), ("run",)):
            answer = call(made, *command)
            assert answer.code == 2, (words, command, answer.err)
            assert why in answer.out + answer.err
    assert not made.output.exists()


def test_the_file_of_another_matrix_stays_unless_it_is_meant(project) -> None:
    whole = gathered(project)
    for name in ("H.nc", "H.npz", "H.parquet"):
        for said, code in (((), 0), ((), 0), (("--bins", "1D"), 2)):
            file = str(project.path / name)
            answer = call(project, "jacobian", "-o", file, *said)
            assert answer.code == code, answer.err
        assert "FILE_EXISTS" in answer.err
    assert (project.path / "H.nc").read_bytes() == whole
    assert written(project, "H.nc", "--bins", "1D") != whole


def test_killed_at_any_moment_and_run_again_it_is_the_same_to_the_byte(tmp_path) -> None:
    heights = list(range(5, 65, 5))
    made = make_project(tmp_path / "p", heights, footprints=GRIDS)
    asked(made, "{target: 0.25, bins: 1D}")
    chance = random.Random(19)
    kills = 0
    for _ in range(2):
        made.let_run(chance.randrange(1, 4))
        run = made.start("run", "--cpus", "2")
        before = len(made.runs_file.read_text().splitlines()) if made.runs_file.exists() else 0
        wait_until(
            lambda before=before: (
                made.runs_file.exists()
                and len(made.runs_file.read_text().splitlines()) > before + 2
            ),
            "runs that have begun",
        )
        made.kill_all()
        kills += run.wait() == -signal.SIGKILL
    made.let_run(None)
    assert kills
    assert made.stilt("run", "--cpus", "2").code == 0
    answer = made.stilt("jacobian")
    assert (answer.code, answer.err) == (0, "")
    assert (
        written(made, "of.nc", "--target", "0.25", "--bins", "1D")
        == (made.path / "H.nc").read_bytes()
    )


def test_rows_after_one_that_found_no_space_are_in_another_file(tmp_path, monkeypatch) -> None:
    def half(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "no space")

    layout, imprint = Layout.of(tmp_path), "0001-01-00000000"
    writer = RowWriter(layout, "0" * 32, imprint)
    rows = [
        StoredRow(f"s{n}", imprint, 0, np.arange(n, dtype=np.uint32), np.ones(n)) for n in (1, 2, 3)
    ]
    writer.add(rows[0])
    with monkeypatch.context() as full:
        full.setattr(stored, "write_all", half)
        with pytest.raises(OSError, match="no space"):
            writer.add(rows[1])
    writer.add(rows[2])
    found = [row.sim for path in stored.row_files(layout) for row in read_rows(path)]
    assert sorted(found) == ["s1", "s3"]


def test_a_file_that_is_cut_or_damaged_anywhere_has_its_whole_rows(tmp_path) -> None:
    layout = Layout.of(tmp_path)
    rows = [
        StoredRow(
            f"s{each}", "0001-01-00000000", each, np.arange(each, dtype=np.uint32), np.ones(each)
        )
        for each in range(3)
    ]
    writer = RowWriter(layout, "0" * 32, "0001-01-00000000")
    for row in rows:
        writer.add(row)
    (path,) = layout.rows_dir.iterdir()
    whole = path.read_bytes()
    assert [row.sim for row in read_rows(path)] == ["s0", "s1", "s2"]
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        found = list(read_rows(path))
        assert [row.sim for row in found] == ["s0", "s1", "s2"][: len(found)]
        assert len(found) < len(rows)
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 0x55
        path.write_bytes(data)
        wanted = {row.sim: row.imprint for row in rows}
        for sim, row in rows_of([path], "0" * 32, wanted).items():
            assert row.encode() == rows[int(sim[1:])].encode()


def wide(settings: str) -> Config:
    grid = "{xmin: -120, xmax: -110, ymin: 35, ymax: 45, xres: 0.01}"
    text = f"mets: {{m: /data/m}}\nn_hours: -999\nfootprints: {{near: {grid}}}\n{settings}\n"
    return parse_config(text, "config.yaml")


TIMES = np.array(["2015-12-10", "2015-12-11"], "datetime64[ns]")


def test_rows_that_are_too_wide_to_be_stored_are_refused() -> None:
    config = wide("jacobian: {bins: 1h}")
    assert config.jacobian is not None
    with pytest.raises(InputError, match="columns is not stored"):
        Asked(replace(config, n_hours=-5000), replace(config.jacobian, bins="hours")).check(TIMES)


def test_a_footprint_that_reaches_beyond_the_run_has_no_row() -> None:
    config = wide("jacobian: {target: 1}")
    assert config.jacobian is not None
    geometry = geometry_of(config.footprints["near"])
    receptor = Receptor("201512100000", (-112.0,), (40.0,), (5.0,))
    values = np.ones((1, geometry.ny, geometry.nx), np.float32)
    early = Footprint(values, geometry, np.array(["2015-01-01"], "datetime64[s]"))
    with pytest.raises(InputError, match="a footprint reaches beyond the 999 hours of the run"):
        Asked(config, config.jacobian).row(early, Simulation("s", "m", receptor), "")


def test_a_worker_takes_no_other_file_than_the_one_that_was_handed_over(tmp_path) -> None:
    target = tmp_path / "of.geojson"
    target.write_text("{}")
    with pytest.raises(EnvironmentFailure, match="is not the file of jacobian that was handed"):
        check_copies(wide(f"jacobian: {{target: {target}}}"))
