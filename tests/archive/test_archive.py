"""``stilt archive``: few files, the same answers, and everything that comes after goes on as before."""

import json
import os

import pytest

import stilt
from stilt.archive.bundle import Bundle, BundleWriter, read_index
from stilt.archive.container import Entry
from stilt.foundations.durable import digest_file
from stilt.foundations.errors import InputError
from stilt.foundations.writers import this_writer
from stilt.log.events import Archived, Done, Output
from stilt.log.reader import read_segment
from stilt.log.writer import SegmentWriter
from stilt.particles.parquet import read_particles, write_particles
from tests.archive.conftest import FAR
from tests.archive.reading import archives, everything, loose
from tests.engines import runs
from tests.projects import FOOTPRINT, wait_until


def events(project):
    return [
        event
        for path in sorted(project.output.glob("log/archive/*.log"))
        for event in read_segment(path).events
        if isinstance(event, Archived)
    ]


def change_near_grid(project):
    config = project.path / "config.yaml"
    coarser = FOOTPRINT.replace("xres: 0.1", "xres: 0.2")
    config.write_text(config.read_text().replace(FOOTPRINT, coarser))


def test_all_reads_as_before_from_few_files(project):
    before, files = everything(project), loose(project)
    assert len(files) == 9 + 2 * 8

    answer = project.stilt("archive")
    assert answer.code == 0, answer.err
    assert everything(project) == before
    assert loose(project) == []
    assert len(archives(project)) == 3
    assert not (project.output / "particles").exists()


def test_the_commands_say_the_same_as_before(project):
    said = {}
    asked = (["verify", "--json"], ["run", "--dry-run"], ["status", "--json"], ["logs", "_5"])
    for moment in ("before", "after"):
        said[moment] = [project.stilt(*words) for words in asked]
        assert project.stilt("archive").code == 0
    for before, after in zip(said["before"][:2], said["after"][:2], strict=True):
        assert (after.code, after.out) == (before.code, before.out)
    states = [json.loads(said[moment][2].out) for moment in said]
    keys = ("total", "complete", "empty", "failed", "pending", "stale", "damaged", "batches")
    assert [states[1][key] for key in keys] == [states[0][key] for key in keys]
    assert states[0]["complete"] == 8
    assert "the fake model ran" in said["before"][3].out
    assert "the fake model ran" in said["after"][3].out


def test_pictures_and_the_report_are_made_from_archives(project):
    assert project.stilt("archive").code == 0
    sim = stilt.Project(project.path)[0].id
    assert project.stilt("plot", sim, "-o", "picture.png").code == 0
    assert (project.path / "picture.png").stat().st_size > 1000
    answer = project.stilt("report")
    assert answer.code == 0, answer.err


def test_the_log_says_where_outputs_went(project):
    assert project.stilt("archive").code == 0
    noted = {event.path: event for event in events(project)}
    assert sorted(noted) == [
        path.relative_to(project.output).as_posix() for path in archives(project)
    ]
    for path, event in noted.items():
        assert (event.size, event.digest) == digest_file(project.output / path)
        assert event.count == len(read_index(project.output / path).entries)
    assert {(event.product, event.count) for event in noted.values()} == {
        ("particles", 9),
        ("footprints/near", 8),
        ("footprints/far", 8),
    }
    assert "archived 9 outputs of particles" in project.stilt("log", "show").out


def test_archiving_twice_is_archiving_once(project):
    assert project.stilt("archive").code == 0
    files = {path: path.read_bytes() for path in project.output.rglob("*") if path.is_file()}
    answer = project.stilt("archive")
    assert answer.code == 0
    assert answer.out.startswith("nothing to archive")
    dry = project.stilt("archive", "--dry-run").out
    assert dry.splitlines() == [answer.out.strip(), "dry run: nothing was written"]
    lock = project.output / "log" / "run.lock"
    after = {path: path.read_bytes() for path in project.output.rglob("*") if path.is_file()}
    assert after | {lock: b""} == files | {lock: b""}


def test_a_dry_run_writes_nothing_and_says_what_would_be(project):
    files = {path: path.read_bytes() for path in project.output.rglob("*") if path.is_file()}
    answer = project.stilt("archive", "--dry-run", "--json")
    said = json.loads(answer.out)
    assert said["outputs"] == {"particles": 9, "footprints/near": 8, "footprints/far": 8}
    real = json.loads(project.stilt("archive", "--json").out)
    assert said["before_bytes"] == real["before_bytes"]
    for product, size in real["after_bytes"].items():
        assert said["after_bytes"][product] == pytest.approx(size, rel=0.2)
    again = {path: path.read_bytes() for path in files if path.exists()}
    assert again.keys() == {path for path in files if "/log" in str(path) or "/chunks" in str(path)}


def test_footprints_of_another_grid_are_made_from_archived_particles(project):
    assert project.stilt("archive").code == 0
    change_near_grid(project)
    ran = runs(project.runs_file)
    failed = [sim for sim, outcome in project.outcomes().items() if outcome == "failed"]

    assert project.stilt("run").code == 1
    assert runs(project.runs_file) == ran  # the failed one only began
    assert runs(project.runs_file, "begin").count(failed[0]) == 2
    assert len(loose(project)) == 2 * 8  # footprints alone
    before = everything(project)
    assert before["all", "near"][0] == ("receptor", "hour", "lat", "lon")
    assert project.stilt("verify").code == 0

    assert project.stilt("archive").code == 0
    assert loose(project) == []
    assert everything(project) == before
    assert project.stilt("verify").code == 0
    assert "9 already done" in project.stilt("run", "--dry-run").out


def test_what_is_run_again_counts_more_than_its_archive_and_is_archived_too(project):
    assert project.stilt("archive").code == 0
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace("numpar: 10", "numpar: 5"))
    stale = everything(project)["states"]
    assert set(stale.values()) == {"stale", "failed"}

    assert project.stilt("run").code == 1
    assert len(loose(project)) == 9 + 2 * 8
    made = everything(project)
    assert {
        len(made[sim, "particles"]["time"]) for sim, s in made["states"].items() if s == "complete"
    } == {5 * 60 * 8}
    assert project.stilt("archive").code == 0
    assert everything(project) == made
    assert project.stilt("verify").code == 0


def test_an_empty_rerun_has_no_footprint_though_an_archive_has_an_older_one(project):
    assert project.stilt("archive").code == 0
    config = project.path / "config.yaml"
    elsewhere = "{xmin: 10, xmax: 11, ymin: 40, ymax: 41, xres: 0.1, yres: 0.1}"
    config.write_text(config.read_text().replace(FOOTPRINT, elsewhere).replace(FAR, elsewhere))
    assert project.stilt("run").code == 1
    opened = stilt.Project(project.path)
    assert opened.status().empty == 9
    assert not opened[0].has_footprint("near")
    with pytest.raises(InputError, match="it is empty"):
        opened[0].footprint("near")
    assert float(opened.footprints("near").sum()) == 0


def test_it_is_refused_while_a_worker_lives(project):
    run = project.start("run", "--no-skip", "--cpus", "1", FAKE_SLEEP="3600")
    wait_until(lambda: "running" in project.outcomes().values(), "a simulation to begin")
    files = loose(project)
    answer = project.stilt("archive")
    assert answer.code == 3
    assert len(answer.err.splitlines()) == 2
    assert "running or queued" in answer.err
    assert loose(project) == files
    assert archives(project) == []
    project.kill_all()
    run.communicate()


def test_a_damaged_original_is_left_and_named(project):
    hurt = project.output / loose(project)[3]
    data = bytearray(hurt.read_bytes())
    data[len(data) // 2] ^= 1
    hurt.write_bytes(data)
    answer = project.stilt("archive")
    relative = hurt.relative_to(project.output).as_posix()
    assert answer.code == 5
    assert f"left as it is: {relative}: it is not what the log says" in answer.out
    assert loose(project) == [relative]
    assert project.stilt("verify").code == 5
    assert project.stilt("run").code == 1
    assert project.stilt("archive").code == 0
    assert loose(project) == []


def test_large_tables_of_particles_are_whole_files_in_an_archive(tmp_path):
    """Others read them from where the index says that they are."""
    data = os.urandom(1 << 19)
    entry = Entry("particles/2022-01-01/x.parquet", "x", len(data), "d")
    with BundleWriter(tmp_path / "x.pack") as writer:
        writer.add(entry, data)
        writer.add(entry, b"small")
    ((_, member),) = read_index(tmp_path / "x.pack").entries.values()
    with Bundle(tmp_path / "x.pack") as bundle:
        assert bundle.file(member) == b"small"  # of one path the last
    assert data in (tmp_path / "x.pack").read_bytes()


def test_particles_of_an_error_run_have_an_archive_of_their_own(project):
    result = stilt.Project(project.path)[0]
    layout = result.project.layout
    paths = [layout.particles(result.simulation), layout.error_particles(result.simulation)]
    table = read_particles(paths[0])
    write_particles(paths[1], table.with_columns(long=table["long"] + 1), provenance={})
    outputs = tuple(Output(layout.relative(path), *digest_file(path)) for path in paths)
    writer = SegmentWriter(layout.log_dir, "0002-error", 2, this_writer("worker", 0, 1))
    writer.append(Done(result.id, "complete", 1.0, outputs=outputs))
    writer.close()
    main, error = result.particles(), result.particles(error=True)

    assert project.stilt("archive").code == 0
    assert not any(path.exists() for path in paths)
    assert result.particles().equals(main)
    assert result.particles(error=True).equals(error)
    assert not main.equals(error)
    assert {event.product for event in events(project)} >= {"particles", "error_particles"}
    assert project.stilt("verify").code == 0
