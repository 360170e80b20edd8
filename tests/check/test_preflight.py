"""stilt check: what would stop or waste a run, said before it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from stilt.check.finding import Finding, Weight, exit_code, fine, warning, worst_first, wrong_input
from stilt.check.places import contains
from stilt.check.preflight import preflight
from stilt.check.table import render, summary
from stilt.config.schema import FootprintGrid
from stilt.footprint.grid import geometry_of
from stilt.foundations.room import Room
from stilt.met.folder import _recent
from tests.check.conftest import change, write_receptors
from tests.meteorology import KINDS, write


def test_nothing_is_said_against_a_project_that_runs(stilt, project):
    done = stilt("check", project)
    assert done.returncode == 0, done.stdout
    assert "problem" not in done.stdout
    assert "warning" not in done.stdout
    assert done.stdout.endswith("nothing stands in the way of `stilt run`\n")
    assert "1 file needed, 2026-06-16 00:00 to 2026-06-16 23:00 UTC, every 1 h" in done.stdout
    assert not (project / "output").exists()


def test_findings_come_as_json(stilt, project):
    (project / "receptors.csv").unlink()
    done = stilt("check", "--json", project)
    assert done.returncode == 2
    findings = json.loads(done.stdout)
    assert findings[0]["area"] == "receptors"
    assert findings[0]["exit_code"] == 2
    assert findings[0]["code"] == "RECEPTORS_ABSENT"
    weights = [finding["weight"] for finding in findings]
    assert weights == sorted(weights, reverse=True)


def test_every_problem_of_the_settings_is_listed_and_receptors_are_looked_at_all_the_same(
    project, bad
):
    change(project, "n_hours: -6", "n_hours: 0\nnumpars: 3")
    write_receptors(project, "never,-111.9,40.5,30")
    found = bad()
    assert [finding.area for finding in found] == ["settings", "settings", "receptors"]
    assert "line 6: $.numpars: unknown key, did you mean numpar?" in found[1].text
    assert "receptors.csv: line 2: time 'never' is not a time" in found[2].text
    assert exit_code(found) == 2


def test_fewer_particles_than_levels_or_places_are_a_problem(project, bad):
    rows = ["time,longitude,latitude,altitude,r_idx"]
    rows += [f"2026-06-16 10:00,-111.9,40.5,{10 * level},levels" for level in range(51)]
    rows += [f"2026-06-16 11:00,-111.9,40.5,{10 * level},line" for level in range(2)]
    (project / "receptors.csv").write_text("\n".join(rows))
    (finding,) = bad()
    assert finding.exit_code == 2
    assert finding.simulations == ("jet_202606161000_-111.9_40.5_X",)
    assert "1 of 2 simulations cannot run: BAD_RECEPTOR" in finding.text
    assert "50 particles for 51 levels, so that some get none: raise numpar to 51" in finding.text


def test_hours_without_meteorology_are_named_and_simulations_counted(project, bad):
    write_receptors(
        project,
        "2026-06-16 10:00,-111.9,40.5,30",
        "2026-06-15 03:00,-111.9,40.5,30",
        "2026-06-17 02:30,-111.9,40.5,30",
    )
    (finding,) = bad()
    assert finding.area == "met jet"
    assert "the run needs 2026-06-14 21:00 to 2026-06-15 03:00 UTC" in finding.text
    assert "2 of 3 simulations cannot run: MET_MISSING" in finding.text
    assert "missing files: jet_20260614.arl, jet_20260617.arl" in finding.text
    assert [sim[4:16] for sim in finding.simulations] == ["202606150300", "202606170230"]
    assert finding.exit_code == 2


def test_a_missing_file_between_others_is_a_gap_with_its_hours(project, bad):
    change(project, "n_hours: -6", "n_hours: -30")
    (project / "met" / "jet_20260615.arl").unlink()
    (finding,) = bad()
    assert "1 of 1 simulations cannot run: MET_MISSING" in finding.text
    assert "has no jet_20260615.arl" in finding.text


def test_a_time_step_shorter_than_that_of_the_files_is_suggested_to_be_mended(project, bad):
    change(project, "jet_%Y%m%d.arl, file_tres: 1d", "'%Y%m%d_%H', file_tres: 1h")
    change(project, "n_hours: -6", "n_hours: -12")
    for path in (project / "met").iterdir():
        path.rename(path.with_name(f"{path.stem}_00"))
    (finding,) = bad()
    assert "missing files: 20260615_22, 20260615_23" in finding.text
    assert "or mend file_tres (1h) if files are further apart" in finding.hint


def test_files_that_no_receptor_needs_are_not_missed(project, bad):
    (project / "met" / "jet_20260615.arl").unlink()
    assert bad() == []


def test_a_run_that_starts_between_two_files_takes_the_next_one(project, bad):
    change(project, "n_hours: -6", "n_hours: -1")
    write_receptors(project, "2026-06-15 23:30,-111.9,40.5,30")
    assert bad() == []
    (project / "met" / "jet_20260616.arl").unlink()
    (finding,) = bad()
    assert "has no jet_20260616.arl" in finding.text


def test_receptors_outside_of_the_meteorology_are_counted_with_an_example(project, bad):
    write_receptors(project, "2026-06-16 10:00,-111.9,40.5,30", "2026-06-16 10:00,10,50,30")
    (finding,) = [finding for finding in bad() if finding.area == "met jet"]
    assert "1 of 2 simulations cannot run: BAD_RECEPTOR: 10, 50 lies outside of" in finding.text
    assert finding.simulations == ("jet_202606161000_10_50_30",)


def test_receptors_outside_of_the_footprint_grid_are_a_warning(project, bad):
    write_receptors(project, "2026-06-16 10:00,-105,40.5,30")
    (finding,) = bad()
    assert finding.weight is Weight.WARNING
    assert finding.area == "footprint default"
    assert "all release points are outside of the grid, the first at -105 40.5" in finding.text


def test_a_grid_whose_west_and_east_are_swapped_goes_round_the_globe(project, bad):
    change(project, "xmin: -122, xmax: -110", "xmin: -110, xmax: -122")
    (finding,) = bad()
    assert "xmin is east of xmax, so it goes round by the antimeridian" in finding.hint


def test_a_wrong_name_pattern_says_what_was_looked_for(project, bad):
    change(project, "jet_%Y%m%d.arl", "hrrr_%Y%m%d")
    (finding,) = bad()
    assert "has no hrrr_20260616" in finding.text
    assert "mend mets.jet.file_format or directory" in finding.hint


def test_a_folder_that_is_not_there_is_named(project, bad):
    change(project, "directory: met", "directory: /no/such/folder")
    (finding,) = bad()
    assert finding.text == "/no/such/folder: there is no such folder"
    assert finding.hint == "mend mets.jet.directory, if your engine reads any"
    assert finding.weight is Weight.WARNING  # an engine of somebody else's


def test_a_file_that_is_cut_off_says_where_and_which_hours_are_whole(project, bad):
    path = project / "met" / "jet_20260616.arl"
    os.truncate(path, path.stat().st_size - 100)
    (finding,) = bad()
    assert finding.weight is Weight.WARNING
    assert f"jet_20260616.arl is cut off at byte {path.stat().st_size:,}" in finding.text
    assert "after 2026-06-16 22:00 UTC" in finding.text
    write_receptors(project, "2026-06-16 22:30,-111.9,40.5,30")
    assert any("cannot run: MET_MISSING" in finding.text for finding in bad())


def test_a_damaged_file_is_a_warning_since_hysplit_may_read_it(project, bad):
    path = project / "met" / "jet_20260616.arl"
    path.write_bytes(path.read_bytes() + b"x" * 1000)
    (finding,) = bad()
    assert finding.weight is Weight.WARNING
    assert "does not read" in finding.text
    assert "jet_20260616.arl" in finding.text


def test_files_beside_the_meteorology_are_left_out_and_named(project, bad):
    whole = project / "met" / "jet_20260616.arl"
    change(project, "jet_%Y%m%d.arl", "jet_%Y%m%d")
    whole.with_name("jet_20260616.arl.gz").write_bytes(b"\x1f\x8b" + bytes(300))
    whole.with_name("jet_20260616.arl.1").write_bytes(whole.read_bytes()[:-5000])
    assert bad() == []
    (note,) = [finding for finding in preflight(project) if "left out" in finding.text]
    assert "2 files, jet_20260616.arl.1, jet_20260616.arl.gz" in note.text


def test_an_engine_that_is_not_ready_is_a_problem_of_the_surroundings(stilt, project):
    done = stilt("check", project, env={"FAKE_BROKEN": "1"})
    assert done.returncode == 4
    assert done.stdout.startswith("problem  engine")
    assert "the fake engine is broken" in done.stdout


def test_every_setting_that_the_engine_cannot_follow_is_listed(project, bad):
    text = (project / "config.yaml").read_text().rpartition("model:")[0]
    (project / "config.yaml").write_text(f"{text}model: native\nkmixd: 5\nkblt: 4\n")
    found = [finding for finding in bad() if finding.area == "engine"]
    assert len(found) == 2
    assert any("kmixd" in finding.text for finding in found)
    assert any("kblt" in finding.text for finding in found)


def test_a_hysplit_that_this_machine_cannot_execute_is_found(project, bad, tmp_path):
    for name in ("ASCDATA.CFG", "LANDUSE.ASC", "ROUGLEN.ASC", "TERRAIN.ASC"):
        (tmp_path / name).write_text("x")
    exe = tmp_path / "hycs_std"
    exe.write_bytes(b"\x7fELF not a program")
    exe.chmod(0o755)
    text = (project / "config.yaml").read_text().rpartition("model:")[0]
    (project / "config.yaml").write_text(f"{text}hysplit: {{exe_dir: '{tmp_path}'}}\n")
    found = [finding for finding in bad() if finding.area == "engine"]
    assert found
    assert "does not run here" in found[0].text or "hycs_std" in found[0].text


def test_an_output_root_that_cannot_be_written_is_found(project, bad):
    change(project, "numpar: 50", "numpar: 50\noutput: /proc/stilt")
    (finding,) = bad()
    assert (finding.area, finding.exit_code) == ("output", 4)
    assert finding.text.startswith("/proc: cannot be written to: ")
    assert "output: in config.yaml" in finding.hint


def test_an_output_root_that_is_a_file_is_found(project, bad):
    (project / "output").write_text("not a folder")
    (finding,) = bad()
    assert (finding.area, finding.exit_code) == ("output", 4)
    assert "this is not a folder" in finding.text


def test_a_scratch_folder_that_is_not_there_is_found(project, bad):
    change(project, "numpar: 50", "numpar: 50\nexecution: {scratch: /no/such/scratch}")
    (finding,) = bad()
    assert finding.area == "scratch"
    assert "/no/such/scratch: there is no such folder" in finding.text


def test_outputs_that_do_not_fit_are_a_warning(bad, monkeypatch):
    monkeypatch.setattr("stilt.check.storage.room_in", lambda _: Room(1000, None))
    (finding,) = bad()
    assert (finding.area, finding.weight) == ("output", Weight.WARNING)
    assert "are free in" in finding.text


def test_the_room_is_judged_by_the_results_that_are_there(stilt, project):
    assert stilt("run", project).returncode == 0
    sizes = [path.stat().st_size for path in project.glob("output/particles/*/*.parquet")]
    assert len(sizes) == 1
    done = stilt("check", "--json", project)
    (room,) = [f["text"] for f in json.loads(done.stdout) if f["area"] == "output"]
    assert "rough guess" not in room
    assert " in 2 files; " in room


def test_what_one_may_want_to_know_of_receptors_is_said(stilt, project):
    write_receptors(
        project, "2026-06-16 10:00:30,-111.9,40.5,30", "2026-06-16 10:00,-111.9,40.5,26000"
    )
    done = stilt("check", project)
    words = " ".join(done.stdout.split())
    assert done.returncode == 0
    assert "note receptors 1 receptor has seconds in the time" in words
    assert "warning receptors 1 release point above the model's top (25000 m)" in words


def test_settings_of_a_meteorology_that_change_nothing_are_noted(project):
    narrow = "file_format: jet_%Y%m%d.arl, file_tres: 1d"
    change(project, narrow, "nested: true, fields: {UWND: u_wind}")
    said = " ".join(each.text for each in preflight(project))
    assert "mets.jet.nested has no effect: no two products" in said
    assert "mets.jet.fields has no effect: ARL files say" in said
    other = replace(KINDS["coarse"], model="FINE", step_h=1.0, nx=24)
    write(project / "met" / "fine.arl", other, 12.0, datetime(2026, 6, 16))  # noqa: DTZ001
    _recent.clear()
    said = " ".join(each.text for each in preflight(project))
    assert "FINE" in said
    assert "nested has no effect" not in said


def test_slurm_that_is_not_there_is_a_problem_of_the_surroundings(stilt, project):
    change(project, "numpar: 50", "numpar: 50\nexecution: {backend: slurm, n_workers: 2}")
    done = stilt("check", project, env={"PATH": str(Path(sys.executable).parent)})
    assert done.returncode == 4
    assert "there is no sbatch on PATH" in done.stdout


FAKE_SLURM = {
    "sbatch": """\
cat > "$0.given"
case "$*" in *--test-only*) ;; *) exit 99;; esac
grep -q partition=nowhere "$0.given" && { echo 'sbatch: error: invalid partition specified: nowhere' >&2; exit 1; }
echo 'sbatch: Job 7 to start at 2026-11-22T10:00:00 using 2 processors on nodes n1 in partition debug' >&2
""",
    "sinfo": "echo 'debug*|30:00'; echo 'long|infinite'\n",
    "scontrol": "echo 'ClusterName = test'; echo 'MaxArraySize = 11'; echo 'MaxJobCount = 300'\n",
}


@pytest.fixture
def fake_slurm(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in FAKE_SLURM.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.mark.usefixtures("fake_slurm")
def test_sbatch_is_asked_whether_it_would_take_the_job(project, bad):
    change(
        project,
        "numpar: 50",
        "numpar: 50\nexecution: {backend: slurm, n_workers: 2, partition: nowhere}",
    )
    found = [finding for finding in bad() if finding.weight is Weight.PROBLEM]
    assert [finding.area for finding in found] == ["slurm"]
    assert "sbatch would refuse: invalid partition specified: nowhere" in found[0].text
    assert "execution" in found[0].hint


def test_a_slurm_that_does_not_answer_is_a_problem_of_the_surroundings(project, bad, fake_slurm):
    (fake_slurm / "scontrol").write_text(
        "#!/bin/sh\necho 'Unable to contact controller' >&2; exit 1"
    )
    change(project, "numpar: 50", "numpar: 50\nexecution: {backend: slurm, n_workers: 2}")
    (finding,) = [finding for finding in bad() if finding.weight is Weight.PROBLEM]
    assert finding.exit_code == 4
    assert "Slurm gives no answer" in finding.text
    assert "Unable to contact controller" in finding.text


@pytest.mark.usefixtures("fake_slurm")
def test_a_time_limit_that_the_partition_never_grants_is_found(project, bad):
    execution = 'execution: {backend: slurm, n_workers: 2, time: "01:00:00"}'
    change(project, "numpar: 50", f"numpar: 50\n{execution}")
    found = [finding for finding in bad() if finding.weight is Weight.PROBLEM]
    assert len(found) == 1
    assert "time 01:00:00 is more than the partition debug allows (30:00)" in found[0].text


@pytest.mark.usefixtures("fake_slurm")
def test_a_missing_number_of_workers_is_found(project, bad):
    change(project, "numpar: 50", "numpar: 50\nexecution: {backend: slurm}")
    (finding,) = [finding for finding in bad() if finding.weight is Weight.PROBLEM]
    assert "execution.n_workers is missing" in finding.text
    assert "--n-workers" in finding.hint


@pytest.mark.usefixtures("fake_slurm")
def test_folders_that_nodes_do_not_share_are_a_warning(project, bad):
    change(project, "numpar: 50", "numpar: 50\nexecution: {backend: slurm, n_workers: 2}")
    shared = [finding.text for finding in bad() if "which nodes do not share" in finding.text]
    assert any(text.startswith("the project is in ") for text in shared)


@pytest.mark.usefixtures("fake_slurm")
def test_arrays_and_time_limits_are_said(stilt, project):
    write_receptors(project, *(f"2026-06-16 10:00,-111.9,40.5,{z}" for z in range(1, 31)))
    change(
        project,
        "numpar: 50",
        'numpar: 50\nexecution: {backend: slurm, n_workers: 25, time: "10"}',
    )
    done = stilt("check", project)
    words = " ".join(done.stdout.split())
    assert "sbatch would take 25 tasks in 3 arrays (MaxArraySize 11)" in words


@pytest.mark.usefixtures("fake_slurm")
def test_more_work_than_the_time_limit_allows_is_a_warning(project, bad):
    write_receptors(project, *(f"2026-06-16 10:00,-111.9,40.5,{z}" for z in range(1, 101)))
    text = (project / "config.yaml").read_text().rpartition("model:")[0]
    (project / "config.yaml").write_text(
        text.replace("numpar: 50", "numpar: 1000")
        + 'execution: {backend: slurm, n_workers: 1, time: "10"}\n'
    )
    found = [finding for finding in bad() if "time limit" in finding.text]
    assert len(found) == 1
    assert "a task has up to 100 simulations" in found[0].text
    assert "raise time, or n_workers (to " in found[0].hint


def test_the_worst_comes_first_and_decides_the_exit_code():
    found = [
        fine("a", "x"),
        warning("b", "y", code="CLOCK_SKEW"),
        wrong_input("c", "z", code="MET_MISSING"),
        Finding(Weight.PROBLEM, "d", "e", "", 4),
    ]
    assert [finding.area for finding in worst_first(found)] == ["c", "d", "b", "a"]
    assert exit_code(found) == 2
    assert exit_code(found[:2]) == 0
    assert exit_code(found[3:]) == 4
    assert summary(found) == "2 problems, 1 warning: mend these first"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_table_fits_the_terminal_and_keeps_paths_whole(width):
    path = "/a/very/long/path/that/is/to/be/copied/whole"
    found = wrong_input(
        "met hrrr", f"the file {path} is missing", "put it there", code="MET_MISSING"
    )
    text = render([found], width)
    assert "[MET_MISSING]" in text
    assert path in text
    assert max(len(line) for line in text.splitlines() if path not in line) <= width
    assert "-> put it there" in text


@pytest.mark.parametrize(
    ("xmin", "xmax", "inside"),
    [
        (-180, 180, [True, True, True]),
        (0, 360, [True, True, True]),
        (170, -170, [False, True, True]),
        (170, 190, [False, True, True]),
        (-10, 10, [True, False, False]),
    ],
)
def test_a_grid_may_lie_across_the_antimeridian_or_go_round(xmin, xmax, inside):
    grid = FootprintGrid(xmin, xmax, -10, 10, 1, 1)
    assert (
        contains(geometry_of(grid), np.array([0.0, 175.0, -175.0]), np.zeros(3)).tolist() == inside
    )


def test_places_are_looked_for_in_projected_grids_too():
    grid = FootprintGrid(-113, -110, 40, 42, 4000, 4000, projection="EPSG:5070")
    assert contains(
        geometry_of(grid), np.array([-111.5, -90.0]), np.array([41.0, 41.0])
    ).tolist() == [
        True,
        False,
    ]


def test_of_a_projected_grid_it_is_told_that_two_corners_span_it(project, bad):
    change(project, "xres: 0.05", "xres: 9000, yres: 9000, projection: EPSG:5070")
    write_receptors(project, "2026-06-16 10:00,-121.9,43.9,30")
    (finding,) = [each for each in bad() if "outside of the grid" in each.text]
    assert "the projected south-western and north-eastern corners span the grid" in finding.hint
    assert "cells of 9000 x 9000 m, " in finding.hint


def test_a_box_that_is_no_multiple_of_its_cells_is_noted_with_where_the_grid_ends(project):
    change(project, "xmax: -110,", "xmax: -110.03,")
    texts = [each.text for each in preflight(project) if each.area.startswith("footprint")]
    assert any("the grid ends at -110.05 E, 44 N, not at -110.03 E, 44 N" in text for text in texts)


def test_a_receptor_beyond_the_last_whole_cell_is_told_so(project, bad):
    change(project, "xmax: -110,", "xmax: -110.03,")
    write_receptors(project, "2026-06-16 10:00,-110.04,40.5,30")
    (finding,) = [each for each in bad() if "outside of the grid" in each.text]
    assert "only whole cells count, and the last ends at -110.05 E, 44 N" in finding.hint


def test_of_several_causes_each_is_told_with_its_number(stilt, project):
    rows = ["time,longitude,latitude,altitude,r_idx"]
    rows += [f"2026-06-16 10:00,-111.9,40.5,{10 * level},many" for level in range(51)]
    rows += [f"2026-06-16 1{hour}:00,10,50,30,away{hour}" for hour in range(4)]
    (project / "receptors.csv").write_text("\n".join(rows))
    config = (project / "config.yaml").read_text()
    settings = f"{config.partition('model:')[0]}model: native\nroughness: 0.2\n"
    (project / "config.yaml").write_text(settings)
    levels = "1 BAD_RECEPTOR: 50 particles for 51 levels, so that some get none"
    for command, what in (("check", "cannot run"), ("run", "cannot succeed")):
        done = stilt(command, project)
        said = " ".join((done.stdout + done.stderr).split())
        assert f"5 of 5 simulations {what}: 4 BAD_RECEPTOR: 10, 50 lies outside" in said
        assert levels in said
