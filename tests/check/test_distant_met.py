"""Meteorology at a distance: check, met and run say the same of it, and a run brings it here."""

from __future__ import annotations

import json
import shutil

from tests.check.conftest import CONFIG, write_receptors
from tests.served import served


def test_a_run_fetches_what_tasks_then_read_here(stilt, atmosphere, tmp_path):
    far = shutil.copytree(atmosphere, tmp_path / "far")
    project = tmp_path / "my project"
    project.mkdir()
    write_receptors(project, "2026-06-16 10:00,-111.9,40.5,30")
    with served(far) as (url, asked):
        text = CONFIG.replace("directory: met", f"directory: '{url}'")
        (project / "config.yaml").write_text(text)
        done = stilt("check", project)
        assert "1 file, 3.5 MiB" in done.stdout
        assert done.returncode == 0, done.stdout
        dry = stilt("run", "--dry-run", project)
        assert "met jet: would fetch 1 file, 3.5 MiB" in dry.stdout
        assert {path.name for path in project.iterdir()} == {"config.yaml", "receptors.csv"}
        facts = json.loads(stilt("met", "--json", project).stdout)
        assert facts["jet"]["to_fetch"].startswith("1 file, ")
        shown = stilt("met", project)
        assert "receptors  whether they can run is not known before" in shown.stdout
        assert "can run\n" not in shown.stdout
        asked.clear()
        done = stilt("run", project)
        assert done.returncode == 0, done.stderr
        assert asked.count("/jet_20260616.arl") == 1
    assert "1 complete" in done.stdout + done.stderr
    assert (project / "met" / "jet" / "jet_20260616.arl").is_file()
    settings = next((project / "output" / "chunks").rglob("config-*.yaml")).read_text()
    assert f"directory: {project}/met/jet" in settings
    again = stilt("met", "--fetch", project)
    assert "0 files fetched: all there" in again.stderr


def test_a_page_in_place_of_meteorology_is_refused_once_it_is_here(stilt, tmp_path):
    far, project = tmp_path / "far", tmp_path / "p"
    far.mkdir()
    (far / "jet_20260616.arl").write_text("<html>log in first</html>")
    project.mkdir()
    write_receptors(project, "2026-06-16 10:00,-111.9,40.5,30")
    with served(far) as (url, _):
        text = CONFIG.replace("directory: met", f"directory: '{url}'")
        (project / "config.yaml").write_text(text)
        done = stilt("met", "--fetch", project)
    assert done.returncode == 2
    assert "met jet: nothing that was fetched reads as meteorology" in done.stderr
