"""Where everything lies, and what counts as a path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stilt.foundations.errors import InputError
from stilt.foundations.paths import Layout, local_path
from stilt.foundations.simulation import Receptor, Simulation

SIMULATION = Simulation(
    "hrrr_201512100700_-111.847672_40.766189_10",
    "hrrr",
    Receptor("201512100700", (-111.847672,), (40.766189,), (10.0,)),
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/data/x", "/data/x"),
        ("data/x", "data/x"),
        ("file:///data/x", "/data/x"),
        ("local:///data/x", "/data/x"),
        ("/data/with space/ü", "/data/with space/ü"),
        ("~/x", str(Path.home() / "x")),
        ("C:/x", "C:/x"),
        ("/odd:name/a,b", "/odd:name/a,b"),
    ],
)
def test_a_path_on_a_filesystem_is_accepted(text, path):
    assert local_path(text, "output") == Path(path)
    assert local_path(Path(path), "output") == Path(path)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/prefix",
        "gs://b",
        "az://b/p",
        "abfs://b/p",
        "https://example.org/x",
        "http://example.org/x",
        "ftp://example.org/x",
        "sftp://h/x",
        "ssh://h/x",
        "hdfs://h/x",
        "memory://x",
        "zip://a.txt::file:///x.zip",
        "simplecache::s3://b/p",
        "nosuch://x",
    ],
)
def test_what_is_not_on_a_filesystem_is_refused_with_the_reason(uri):
    with pytest.raises(InputError) as caught:
        local_path(uri, "output")
    assert caught.value.message.startswith(f"output '{uri}' is not on a local or shared filesystem")
    assert "rename files into place" in caught.value.message
    assert caught.value.hint.startswith("use a folder that all nodes see")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "a\x00b", "a\x7fb"])
def test_what_cannot_be_a_path_is_refused(text):
    with pytest.raises(InputError, match=r"empty|control character"):
        local_path(text, "the project")


def test_a_folder_that_settings_and_log_could_not_name_is_refused(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/latin-\xfc/project"))
    with pytest.raises(InputError, match=r"latin-\\xfc/project has a name that is not UTF-8"):
        Layout.of(folder)


def test_the_home_of_a_user_who_is_not_there_is_refused():
    with pytest.raises(InputError, match="there is no user ~nobody-of-that-name"):
        local_path("~nobody-of-that-name/x", "output")


def test_the_layout_is_that_of_the_design(tmp_path):
    project = tmp_path / "my project"
    layout = Layout.of(project)
    expected = {
        layout.config_file: "config.yaml",
        layout.receptors_file: "receptors.csv",
        layout.submit_script("b1"): "slurm/submit_b1.sh",
        layout.submit_script("b1", 2): "slurm/submit_b1-2.sh",
        layout.slurm_logs("b1"): "slurm/logs/b1",
        layout.batch_log_dir("b1"): "output/log/b1",
        layout.checkpoint: "output/log/checkpoint",
        layout.run_lock: "output/log/run.lock",
        layout.manifest("b1"): "output/chunks/b1/batch.json",
        layout.config_snapshot("b1", "d"): "output/chunks/b1/config-d.yaml",
        layout.chunk("b1", "d"): "output/chunks/b1/d.json",
        layout.particles(SIMULATION): f"output/particles/2015-12-10/{SIMULATION.sim}.parquet",
        layout.error_particles(SIMULATION): f"output/particles/2015-12-10/{SIMULATION.sim}.error.parquet",
        layout.footprint("fine", SIMULATION): f"output/footprints/fine/2015-12-10/{SIMULATION.sim}.nc",
        layout.model_log(SIMULATION): f"output/logs/2015-12-10/{SIMULATION.sim}.log",
    }  # fmt: skip
    assert {path: str(project / place) for path, place in expected.items()} == {
        path: str(path) for path in expected
    }


def test_the_output_root_may_be_elsewhere(tmp_path):
    assert Layout.of(tmp_path, "out").output == tmp_path / "out"
    assert Layout.of(tmp_path, "/scratch/x/../out").output == Path("/scratch/out")
    assert Layout.of(tmp_path, "file:///scratch/out").output == Path("/scratch/out")


def test_a_relative_project_is_made_absolute_and_links_keep_their_name(tmp_path, monkeypatch):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    monkeypatch.chdir(tmp_path)
    assert Layout.of("link").project == tmp_path / "link"


def test_the_log_writes_paths_relative_to_the_output_root(tmp_path):
    layout = Layout.of(tmp_path)
    name = layout.relative(layout.footprint("default", SIMULATION))
    assert name == f"footprints/default/2015-12-10/{SIMULATION.sim}.nc"
