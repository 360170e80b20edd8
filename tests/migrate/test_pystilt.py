"""Moving in from PYSTILT: named footprints or variants, in our words."""
# ruff: noqa: E501 - tables of cases, one line each

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stilt.config.load import parse_config
from stilt.foundations.errors import InputError, ProblemsError
from stilt.migrate.met_names import naming
from stilt.migrate.migration import write_project
from stilt.migrate.sources import read_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.migrate.migration import Migration

METS = """\
mets:
  hrrr: {directory: /data/hrrr, file_format: "%Y%m%d_%H", file_tres: 6h, n_min: 5}
  nam: {directory: /data/nam, file_format: "%Y%m%d_nam", file_tres: 1d}
n_hours: -24
numpar: 500
"""
BOX = "xmin: -114.0, xmax: -111.0, ymin: 39.0, ymax: 42.0"
GRID = f"{{{BOX}, xres: 0.01, yres: 0.01}}"


@pytest.fixture
def migrate(tmp_path: Path) -> Callable[[str], Migration]:
    def read(text: str) -> Migration:
        (tmp_path / "config.yaml").write_text(text)
        (tmp_path / "receptors.csv").write_text("time,lon,lat,zagl\n2020-01-01 00:00,-112,40,5\n")
        return read_project(tmp_path)

    return read


def parsed(migration: Migration):
    return parse_config(migration.yaml(), "config.yaml")


def test_named_footprints_move_over(migrate):
    migration = migrate(
        f"{METS}footprints:\n  city: {GRID}\n  wide: {{{BOX}, xres: 0.1, yres: 0.1, smooth_factor: 0.5}}\n"
    )
    config = parsed(migration)
    assert set(config.footprints) == {"city", "wide"}
    assert config.footprints["wide"].smooth_factor == 0.5
    assert config.mets["hrrr"].n_met_min == 5
    assert migration.notes == []
    assert migration.receptors is not None


def test_footprints_that_name_their_grid_move_over(migrate):
    config = parsed(
        migrate(
            f"{METS}grids: {{slc: {GRID}}}\nfootprints: {{default: {{grid: slc, time_integrate: true}}}}\n"
        )
    )
    assert config.footprints["default"].time_integrate
    assert config.footprints["default"].xmin == -114


def test_one_grid_without_variants_is_the_default_footprint_of_every_met(migrate):
    config = parsed(migrate(f"{METS}grid: {GRID}\n"))
    assert set(config.footprints) == {"default"}
    assert set(config.mets) == {"hrrr", "nam"}


def test_variants_of_the_footprint_become_named_footprints(migrate):
    migration = migrate(
        f"{METS}grid: {GRID}\nvariants:\n  hrrr: {{}}\n"
        "  coarse: {from: hrrr, grid: {xres: 0.1, yres: 0.1}}\n"
        "  summed: {met: hrrr, time_integrate: true}\n"
        "  particles: {met: hrrr, grid: null}\n"
    )
    config = parsed(migration)
    assert set(config.footprints) == {"hrrr", "coarse", "summed"}
    assert config.footprints["coarse"].xres == 0.1
    assert config.footprints["coarse"].xmin == -114
    assert config.footprints["summed"].time_integrate
    assert set(config.mets) == {"hrrr"}
    assert migration.notes == []


def test_variants_of_the_transport_are_told_as_ours(migrate):
    migration = migrate(
        f"{METS}grid: {GRID}\nvariants:\n  hrrr: {{}}\n  hrrr-zi: {{met: hrrr, ziscale: 0.8}}\n"
        "  hrrr-err: {met: hrrr, siguverr: 2.6, realizations: 3}\n"
    )
    assert "ziscale" not in migration.settings
    said = " ".join(migration.notes)
    assert (
        "variant hrrr-zi: put hrrr-zi: {met: hrrr, ziscale: 0.8, zicontroltf: 1} under variants in config.yaml"
        in said
    )
    first = migrate(
        f"{METS}grid: {GRID}\nvariants:\n  zi: {{met: hrrr, ziscale: 0.8}}\n  many: {{met: hrrr, numpar: 3000}}\n"
    )
    assert first.settings["ziscale"] == 0.8
    assert (
        "put many: {met: hrrr, ziscale: null, numpar: 3000, zicontroltf: 0} under variants"
        in " ".join(first.notes)
    )
    assert "variant hrrr-err: write realizations: 3 into its project's config.yaml" in said


def test_a_single_variant_brings_its_settings(migrate):
    config = parsed(
        migrate(f"{METS}grid: {GRID}\nvariants: {{hrrr: {{numpar: 3000, ziscale: 0.8}}}}\n")
    )
    assert config.numpar == 3000
    assert config.ziscale == (0.8,) * 25


def test_execution_moves_over_in_both_spellings(migrate):
    execution = (
        "execution:\n  backend: slurm\n  n_workers: 100\n  cpus: 2\n  time: '02:00:00'\n"
        "  slurm: {exclude: node1}\n  timeout: 900\n"
    )
    made = parsed(migrate(METS + execution)).execution
    assert (made.backend, made.n_workers, made.cpus_per_task, made.timeout) == (
        "slurm",
        100,
        2,
        900,
    )
    assert made.sbatch == {"time": "02:00:00", "exclude": "node1"}


NOTED = {
    "download": (METS.replace("file_tres: 6h", "file_tres: 6h, download: hrrr"), "met hrrr: download: files are not downloaded"),
    "crop": (METS.replace("file_tres: 6h", "file_tres: 6h, subgrid_enable: true"), "met hrrr: subgrid_enable"),
    "transforms": (f"{METS}grid: {GRID}\ntransforms: [{{kind: x}}]\n", "transforms: a product here has weight: kernel"),
    "geometry": (f"{METS}geometry: {{kind: h3}}\n", "geometry: a grid must be given"),
    "kubernetes": (f"{METS}execution: {{backend: kubernetes}}\n", "execution.backend kubernetes: only local and slurm"),
    "projection": (f"{METS}grid: {{{BOX}, xres: 1000, projection: 'EPSG:5070'}}\n", "check that xmin to ymax are degrees"),
    "seed": (f"{METS}krand: 2\nseed: 5\n", "krand is left out: with seed alone"),
    "unknown": (f"{METS}mystery: 3\n", "mystery: not known here"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), NOTED.values(), ids=list(NOTED))
def test_a_setting_that_is_left_behind_is_noted(migrate, text, expected, tmp_path):
    migration = migrate(text)
    assert any(expected in note for note in migration.notes), migration.notes
    write_project(tmp_path / "new", migration)
    assert migration.problems(tmp_path / "new") == {}


def test_a_folder_alone_is_a_met_and_its_files_tell_their_names(migrate, tmp_path):
    (tmp_path / "met").mkdir()
    for hours in ("00-05", "06-11", "18-23"):
        (tmp_path / "met" / f"20190701_{hours}_hrrr").touch()
    migration = migrate("mets: {hrrr: met}\nn_hours: -24\n")
    met = parsed(migration).mets["hrrr"]
    assert met.directory == str(tmp_path / "met")
    assert (met.file_format, met.file_tres) == ("%Y%m%d_%H-.._hrrr", "6h")
    assert "found from the names of the files" in migration.notes[0]


def test_a_folder_alone_stays_one(migrate, stilt, tmp_path):
    migrate("mets: {hrrr: /nowhere/hrrr}\nn_hours: -24\n")
    done = stilt("init", "new", "--from", tmp_path)
    assert done.returncode == 0
    assert (
        "met hrrr: file_format and file_tres not given, and no files in /nowhere/hrrr that tell"
        in done.stdout
    )
    assert "by the headers of its files" in done.stdout


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["RP201905.gbl", "RP201906.gbl"], (r"RP%Y%m\.gbl", "1d")),
        (
            ["hysplit.20190701.00z.hrrra", "hysplit.20190701.06z.hrrra", "README"],
            (r"hysplit\.%Y%m%d.%Hz\.hrrra", "6h"),
        ),
        (["20190701_gfs0p25", "20190703_gfs0p25", "20190704_gfs0p25"], ("%Y%m%d_gfs0p25", "1d")),
        (["gdas1.jul19.w1", "gdas1.jul19.w2"], None),
        (["20190701_gfs0p25"], None),
    ],
)
def test_names_of_files_tell_their_format_and_step(tmp_path, files, expected):
    for name in files:
        (tmp_path / name).touch()
    assert naming(tmp_path) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models: {hysplit: {directory: /opt/hysplit}}", "/opt/hysplit/exec"),
        ("models: {hysplit: {exe_dir: /opt/bin}}", "/opt/bin"),
        ("exe_dir: /opt/bin", "/opt/bin"),
        ("hysplit: {exe_dir: /opt/bin}", "/opt/bin"),
    ],
)
def test_hysplits_folder_moves_over_in_each_of_its_spellings(migrate, text, expected):
    migration = migrate(f"{METS}{text}\n")
    assert parsed(migration).hysplit.exe_dir == expected
    assert migration.notes == []


def test_a_yaml_with_r_stilts_names_moves_over(migrate):
    config = parsed(
        migrate(
            "met: {met_path: /data/hrrr, met_file_format: '%Y%m%d_%H', met_file_tres: 6 hours}\n"
            "model: {n_hours: -12, numpar: 100}\n"
            "footprint: {xmn: -114, xmx: -111, ymn: 39, ymx: 42, xres: 0.01, yres: 0.02}\n"
        )
    )
    assert config.n_hours == -12
    assert config.footprints["default"].yres == 0.02


def test_receptors_that_have_to_be_mended_are_said(migrate, stilt, tmp_path):
    migrate(METS)
    (tmp_path / "receptors.csv").write_text("time,lon,lat,zagl\nsoon,-112,40,5\n")
    done = stilt("init", "new", "--from", tmp_path)
    assert done.returncode == 2
    assert "to be mended in receptors.csv:\n  - line 2: time 'soon' is not a time" in done.stdout


def test_broken_yaml_is_refused(migrate):
    with pytest.raises(ProblemsError, match=r"config\.yaml"):
        migrate("a: [1\n")


@pytest.mark.parametrize("name", ["nowhere", "empty", "x.txt"])
def test_what_is_no_project_is_refused_with_what_is_expected(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(InputError) as caught:
        read_project(tmp_path / name)
    assert "run_stilt.r" in caught.value.hint


def test_the_command_writes_a_project_and_says_what_was_left_behind(migrate, stilt, tmp_path):
    migrate(f"{METS}grid: {GRID}\ntransforms: [{{kind: x}}]\n")
    done = stilt("init", "new project", "--from", tmp_path)
    assert done.returncode == 0
    assert "transforms: a product here has weight: kernel" in done.stdout
    assert "next: edit config.yaml and receptors.csv, then stilt check 'new project'" in done.stdout
    written = (tmp_path / "new project" / "config.yaml").read_text()
    assert "transforms" in written
    parse_config(written, "config.yaml")
    again = stilt("init", "new project", "--from", tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr
