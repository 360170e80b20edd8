"""config.yaml: what it means when it is right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stilt.config.load import load_config, parse_config
from stilt.config.schema import Config, Execution, FootprintGrid, Met
from stilt.foundations.errors import InputError
from tests.config.settings import MINIMAL, TYPICAL, with_execution, with_grid, with_line


def parse(text: str) -> Config:
    return parse_config(text, "config.yaml")


def test_the_example_of_the_design_is_read():
    config = parse(TYPICAL)
    assert config.mets == {"hrrr": Met("/data/hrrr", "%Y%m%d_%H", "6h")}
    assert config.footprints == {
        "default": FootprintGrid(-113, -110.5, 40, 42, xres=0.01, yres=0.01)
    }
    assert config.n_hours == -24
    assert config.numpar == 200
    assert config.execution == Execution(
        backend="slurm",
        n_workers=200,
        cpus_per_task=2,
        array_parallelism=50,
        sbatch={
            "partition": "mypartition",
            "account": "myaccount",
            "time": "00:20:00",
            "mem": "2G",
        },
    )


def test_what_is_left_out_is_as_in_r_stilt():
    config = parse(MINIMAL)
    assert config.footprints == {}
    assert config.execution == Execution()
    assert (config.numpar, config.hnf_plume, config.veght) == (1000, True, 0.5)
    assert (config.frvs, config.kmix0, config.kmixd, config.tratio) == (0.01, 150, 3, 0.75)
    assert config.krand is None


def test_an_empty_key_counts_as_left_out():
    assert parse(MINIMAL + "footprints:\nexecution:\nhysplit:\nnumpar:\n") == parse(MINIMAL)


@pytest.mark.parametrize(
    ("written", "step"),
    [
        ("6h", "6h"),
        ("6 hours", "6h"),
        ("1 hour", "1h"),
        ("hour", "1h"),
        ("3H", "3h"),
        ("24h", "1d"),
        ("1d", "1d"),
        ("1 day", "1d"),
        ("7 days", "7d"),
        ("1 week", "7d"),
        ("30min", "30min"),
        ("30 minutes", "30min"),
        ("180 min", "3h"),
    ],
)
def test_a_time_step_is_written_as_people_do(written, step):
    met = parse(MINIMAL.replace("6h", f'"{written}"')).mets["hrrr"]
    assert met.file_tres == step
    assert met.step_s == {"min": 60, "h": 3600, "d": 86400}[step.lstrip("0123456789")] * int(
        step.rstrip("minhd")
    )


@pytest.mark.parametrize("key", ["cpus-per-task", "cpus_per_task"])
def test_keys_of_execution_may_have_dashes_or_underscores(key):
    assert parse(f"{MINIMAL}execution: {{{key}: 3}}").execution.cpus_per_task == 3


def test_the_number_of_workers_may_be_left_to_the_command_line():
    assert parse(MINIMAL + "execution: {backend: slurm}\n").execution.n_workers is None


def test_other_keys_of_execution_go_to_sbatch_as_it_writes_them():
    text = with_execution("mem_per_cpu: 512") + "  exclusive: true\n  nice: -5\n  hold: false\n"
    sbatch = parse(text.replace("  mem: 2G\n", "")).execution.sbatch
    assert sbatch["mem-per-cpu"] == 512
    assert sbatch["exclusive"] is True
    assert sbatch["hold"] is False
    assert sbatch["nice"] == -5


@pytest.mark.parametrize(
    "setup",
    [
        "setup: |\n    module load hysplit\n    export A='b c'\n",
        "setup: [module load hysplit, \"export A='b c'\"]",
        "setup:\n  - module load hysplit\n  - export A='b c'",
    ],
)
def test_setup_is_a_list_of_lines_or_a_block(setup):
    assert parse(with_execution(setup)).execution.setup == (
        "module load hysplit",
        "export A='b c'",
    )


@pytest.mark.parametrize(
    "grid",
    [
        "xmin: -180, xmax: 180, ymin: -90, ymax: 90, xres: 1",
        "xmin: 0, xmax: 360, ymin: -90, ymax: 90, xres: 1",
        "xmin: 170, xmax: -170, ymin: -20, ymax: 20, xres: 1",
        "xmin: 170, xmax: 190, ymin: -20, ymax: 20, xres: 1",
        "xmin: 0, xmax: 1, ymin: 0, ymax: 1, xres: 1",
        'xmin: -113, xmax: -110, ymin: 40, ymax: 42, xres: 1000, projection: "EPSG:5070"',
        'xmin: -113, xmax: -110, ymin: 40, ymax: 42, xres: 4000, projection: "+proj=lcc +lat_1=33 +lat_2=45"',
    ],
    ids=["global", "global-0-360", "antimeridian", "beyond-180", "one-cell", "epsg", "lcc"],
)
def test_grids_that_are_right(grid):
    made = parse(with_grid(grid)).footprints["g"]
    assert made.yres == made.xres


def test_numbers_may_be_written_as_in_any_language():
    config = parse(with_line("dzf: 1e-3\nemisshrs: 1\nmaxpar: 1_000"))
    assert (config.dzf, config.emisshrs, config.maxpar) == (0.001, 1.0, 1000)


@pytest.mark.parametrize(
    ("written", "factors"),
    [
        ("ziscale: 0.5\nzicontroltf: 1", (0.5,) * 25),
        ("ziscale: [0.5, 0.8]\nzicontroltf: 1", (0.5, 0.8)),
        ("ziscale: -1\nzicontroltf: 1", (-1.0,)),
        ("ziscale: 0", ()),
    ],
)
def test_factors_on_the_mixed_layer_are_one_for_all_hours_or_a_list(written, factors):
    assert parse(with_line(written)).ziscale == factors


def test_anchors_and_merge_keys_are_understood():
    text = with_grid("xmin: 0, xmax: 1, ymin: 0, ymax: 1, xres: 1").replace("g: {", "g: &g {")
    footprints = parse(text + "  fine: {<<: *g, xres: 0.1, yres: 0.1}\n").footprints
    assert footprints["fine"].xres == 0.1
    assert footprints["fine"].xmax == 1


@pytest.mark.parametrize(
    "raw",
    [b"\xef\xbb\xbf" + TYPICAL.encode(), TYPICAL.replace("\n", "\r\n").encode()],
    ids=["BOM", "CRLF"],
)
def test_files_as_windows_writes_them_are_read(tmp_path, raw):
    path = tmp_path / "config.yaml"
    path.write_bytes(raw)
    assert load_config(path) == parse(TYPICAL)


def test_relative_folders_are_those_beside_the_file(tmp_path, monkeypatch):
    project = tmp_path / "Zürich, süd"
    project.mkdir()
    path = project / "config.yaml"
    text = (
        MINIMAL.replace("/data/hrrr", "met/hrrr")
        + "hysplit: {exe_dir: ~/exe}\noutput: out\nmodel: e.py:E\n"
    )
    path.write_text(text, "utf-8")
    monkeypatch.chdir(project)
    config = load_config(Path("config.yaml"))
    assert config.mets["hrrr"].directory == str(project / "met/hrrr")
    assert config.hysplit.exe_dir == str(Path.home() / "exe")
    assert config.model == f"{project / 'e.py'}:E"
    assert config.output == "out"


def test_a_folder_without_config_is_no_project(tmp_path):
    with pytest.raises(InputError, match=r"there is no config\.yaml here.*stilt init"):
        load_config(tmp_path / "config.yaml")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "config.yaml").mkdir()
    with pytest.raises(InputError, match="Is a directory"):
        load_config(tmp_path / "config.yaml")


def test_reading_needs_nothing_heavy(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(TYPICAL)
    heavy = "numpy pandas xarray numba pyarrow pyproj fsspec"
    code = (
        "import sys, pathlib; from stilt.config.load import load_config;"
        f"load_config(pathlib.Path(sys.argv[1])); print(set({heavy.split()}) & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "set()"


def test_status_can_leave_projections_unchecked(tmp_path):
    path = tmp_path / "config.yaml"
    grid = 'xmin: 0, xmax: 1, ymin: 0, ymax: 1, xres: 1, projection: "+proj=nonsense"'
    path.write_text(with_grid(grid))
    assert load_config(path, projections=False).footprints["g"].projection == "+proj=nonsense"
