"""Moving in from R-STILT: what run_stilt.r says, in our words."""
# ruff: noqa: E501 - tables of cases, one line each

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import rdata

from stilt.config.load import parse_config
from stilt.foundations.errors import InputError
from stilt.migrate.migration import write_project
from stilt.migrate.r_stilt import read_r_stilt
from stilt.migrate.sources import read_project
from stilt.receptors import read_receptors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.config.schema import Config
    from stilt.migrate.migration import Migration

SCRIPT = """\
#!/usr/bin/env Rscript
project <- 'tower'
stilt_wd <- file.path('/home/somebody', project)
output_wd <- file.path(stilt_wd, 'out')
lib.loc <- .libPaths()[1]

n_cores <- 4
n_nodes <- 3
slurm   <- n_nodes > 1
slurm_options <- list(time = '12:00:00', account = 'atmos', partition = 'short')

t_start <- '2019-03-01 06:00:00'
t_end   <- '2019-03-01 08:00:00'
run_times <- seq(from = as.POSIXct(t_start, tz = 'UTC'),
                 to   = as.POSIXct(t_end, tz = 'UTC'), by = 'hour')
lati <- 46.5; long <- c(7.98, 8.25)   # two towers
zagl <- 10
receptors <- expand.grid(run_time = run_times, lati = lati, long = long, zagl = zagl,
                         KEEP.OUT.ATTRS = F, stringsAsFactors = F)

projection <- '+proj=longlat'
smooth_factor <- 0.5
time_integrate <- T
if (TRUE) { xmn <- 5; xmx <- 11
            ymn <- 45; ymx <- 48 }
xres <- 1 / 120
yres <- xres

met_path <- '/data/gfs0p25'
met_file_format <- '%Y%m%d_gfs0p25'
met_file_tres <- '1 day'
n_met_min <- 2

n_hours <- -48
numpar  <- 500
rm_dat  <- T
run_foot <- T
simulation_id <- NA
timeout <- 1800
varsiwant <- c('time', 'indx', 'long', 'lati', 'zagl', 'foot', 'mlht', 'dens',
               'samt', 'sigw', 'tlgr', 'solw')
delt <- 2
krand <- 4
kmsl <- 0
maxpar <- numpar
mhrs <- 9999
wvert <- FALSE
zicontroltf <- 0
ziscale <- rep(list(rep(1, 24)), nrow(receptors))
siguverr <- NA
before_footprint <- function() {output}

source('r/dependencies.r')
for (d in c('by-id', 'particles')) {
  d <- file.path(output_wd, d)
  if (!file.exists(d)) dir.create(d)
}
stilt_apply(FUN = simulation_step, xmn = xmn)
"""


def _before_the_end(text: str) -> str:
    """Return the script with something more, before it hands all to STILT."""
    return SCRIPT.replace("source('r/dependencies.r')", f"{text}\nsource('r/dependencies.r')")


@pytest.fixture
def migrate(tmp_path: Path) -> Callable[..., Migration]:
    def read(text: str, **files: str) -> Migration:
        (tmp_path / "r").mkdir(exist_ok=True)
        (tmp_path / "r" / "run_stilt.r").write_text(text)
        for name, content in files.items():
            (tmp_path / "r" / f"{name}.r").write_text(content)
        return read_r_stilt(tmp_path / "r" / "run_stilt.r")

    return read


def parsed(migration: Migration) -> Config:
    return parse_config(migration.yaml(), "config.yaml")


def test_settings_receptors_and_grid_move_over(migrate, tmp_path):
    migration = migrate(SCRIPT)
    config = parsed(migration)
    met = config.mets["gfs0p25"]
    assert (met.directory, met.file_format) == ("/data/gfs0p25", "%Y%m%d_gfs0p25")
    assert (met.file_tres, met.n_met_min) == ("1d", 2)
    grid = config.footprints["default"]
    assert (grid.xmin, grid.xmax, grid.ymin, grid.ymax) == (5, 11, 45, 48)
    assert grid.xres == grid.yres == pytest.approx(1 / 120)
    assert (grid.smooth_factor, grid.time_integrate) == (0.5, True)
    assert (config.n_hours, config.numpar, config.delt) == (-48, 500, 2)
    assert config.krand is None
    assert (config.execution.backend, config.execution.n_workers) == ("slurm", 3)
    assert (config.execution.cpus_per_task, config.execution.timeout) == (4, 1800)
    assert config.execution.sbatch == {
        "time": "12:00:00",
        "account": "atmos",
        "partition": "short",
    }
    path = tmp_path / "receptors.csv"
    path.write_text(migration.receptors or "")
    assert read_receptors(path, ["gfs"]).ids() == [
        f"gfs_2019030{day}_{lon}_46.5_10"
        for lon in ("7.98", "8.25")
        for day in ("10600", "10700", "10800")
    ]


def test_what_cannot_move_is_said_with_what_to_do(migrate):
    notes = migrate(SCRIPT).notes
    assert len(notes) == 2
    assert "krand 4 is seeded by the clock" in notes[0]
    assert notes[1] == "varsiwant: HYSPLIT 5 does not write solw"


NOTED = {
    "no grid": ("xmn <- NA", "no footprint: xmn not given"),
    "computed": ("numpar <- my_function(3)", "numpar is computed (my_function(...) is not evaluated)"),
    "unknown name": ("n_hours <- hours", "n_hours is computed (hours is not known): set it yourself"),
    "no receptors": ("receptors <- receptors[sel, ]", "the receptors could not be read"),
    "read elsewhere": ("receptors <- readRDS('x.rds')", "there is no file"),
    "local time": ("receptors <- expand.grid(run_time = as.POSIXct('2019-01-01'))", "it names no time zone, and R takes the one of the machine"),
    "cropping": ("met_subgrid_enable <- T", "met_subgrid_enable: meteorology is not cropped here"),
    "heights": ("kmsl <- 2", "kmsl 2: heights are in metres above ground or sea level only"),
    "convection": ("iconvect <- 1", "iconvect: convection is not a setting of HYSPLIT 5"),
    "hook": ("before_footprint <- function() {\n  output$particle$foot <- 0\n  output\n}", "before_footprint: there is no hook"),
    "own log": ("slurm_options <- list(output = '/tmp/x')", "slurm_options output: stilt keeps what tasks print"),
    "no footprint": ("run_foot <- F", "run_foot is off"),
    "resolutions": ("xres <- c(0.1, 0.5)", "xres: several values, of which the first is used"),
    "met step": ("met_file_tres <- NULL", "the time from one met file to the next is not said: 1d by their names"),
    "factors": ("zicontroltf <- 1\nziscale <- list(c(1, 2), c(3, 4))", "ziscale differs from receptor to receptor"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), NOTED.values(), ids=list(NOTED))
def test_a_setting_that_is_left_behind_is_noted(migrate, line, expected):
    assert any(expected in text for text in migrate(_before_the_end(line)).notes)


def test_the_line_of_a_computed_setting_is_named(migrate):
    notes = migrate("n_hours <- -24\nnumpar <-\n  f(3)\n").notes
    assert "line 3: numpar is computed (f(...) is not evaluated): set it yourself" in notes


def test_a_sourced_file_and_a_table_of_formats_are_followed(migrate):
    script = _before_the_end(
        "source('r/mine.r')\nxmn <- west\n"
        "formats <- c('A' = 'a_%Y', 'B' = 'b_%Y')\nmet_file_format <- formats[which]\n"
    )
    config = parsed(migrate(script, mine="west <- 4\nwhich <- 'B'\n"))
    assert config.footprints["default"].xmin == 4
    assert config.mets["gfs0p25"].file_format == "b_%Y"


def test_an_error_run_and_factors_on_the_mixed_layer_move_over(migrate):
    config = parsed(
        migrate(
            SCRIPT
            + "siguverr <- 2.6\ntluverr <- 260\nzcoruverr <- 450\nhorcoruverr <- 14\n"
            + "zicontroltf <- 1\nziscale <- rep(list(rep(0.8, 24)), nrow(receptors))\n"
        )
    )
    assert config.has_wind_error
    assert config.ziscale == (0.8,) * 24


def test_heights_above_sea_level_move_over(migrate):
    migration = migrate(SCRIPT + "kmsl <- 1\n")
    assert migration.receptors is not None
    assert migration.receptors.startswith("time,longitude,latitude,zasl\n")


def test_columns_and_multipoints_become_grouped_rows(migrate, tmp_path):
    migration = migrate(
        SCRIPT + "receptors <- data.frame(run_time = as.POSIXct('2019-03-01 06:00', tz = 'UTC'),"
        " lati = 46.5, long = list(8, c(8, 9)), zagl = list(c(5, 500), c(10, 10)))\n"
    )
    path = tmp_path / "receptors.csv"
    path.write_text(migration.receptors or "")
    column, several = (simulation.receptor for simulation in read_receptors(path, ["gfs"]))
    assert column.is_line
    assert column.heights_m == (5.0, 500.0)
    assert several.longitudes == (8.0, 9.0)


def test_own_ids_move_over(migrate, tmp_path):
    migration = migrate(f"{SCRIPT}simulation_id <- paste0('tower', 1:6)\n")
    path = tmp_path / "receptors.csv"
    path.write_text(migration.receptors or "")
    assert read_receptors(path, ["gfs"]).ids()[0] == "gfs_tower1"


def test_scripts_of_older_versions_move_over(migrate):
    migration = migrate(
        "met_directory <- '/data/hrrr'\nmet_file_format <- '%Y%m%d.%Hz.hrrra'\n"
        "n_hours_per_met_file <- 6\nn_hours <- -24\nnumpar <- 200\ntratio <- 0.9\n"
        "outfrac <- 0.9\nxmn <- -180\nxmx <- 180\nymn <- -90\nymx <- 90\nxres <- 0.1\n"
    )
    config = parsed(migration)
    assert config.mets["hrrr"].file_tres == "6h"
    assert config.tratio == 0.9
    assert any("outfrac" in text for text in migration.notes)


def test_a_template_that_was_never_filled_in_says_what_is_missing(migrate, tmp_path):
    migration = migrate("n_hours <- -24\n")
    write_project(tmp_path / "new", migration)
    problems = migration.problems(tmp_path / "new")
    assert list(problems) == ["receptors.csv"]
    assert "a header but no receptors" in problems["receptors.csv"][0]
    said = " ".join(migration.notes)
    assert "met_path is not given" in said
    assert "no footprint: xmn, xmx, ymn, ymx, xres not given" in said


@pytest.mark.parametrize(
    "garbage",
    ["x <- (", "x <- c(1, 2", "}}}}", "a <- 'open", "\x00\x01", "if (", "x[[", "function(", "<- 3"],
)
def test_broken_scripts_do_not_break_the_reader(migrate, garbage):
    migrate(f"n_hours <- -24\n{garbage}\n")


def test_receptors_of_an_rds_file_are_read(tmp_path):
    import pandas as pd

    frame = pd.DataFrame(
        {
            "run_time": [1551420000.0, 1551423600.0],
            "lati": [46.5, 46.5],
            "long": [8.0, 8.25],
            "zagl": [10.0, 20.0],
        }
    )
    rdata.write_rds(tmp_path / "receptors.rds", frame)
    migration = read_project(tmp_path / "receptors.rds")
    assert migration.receptors == (
        "time,longitude,latitude,altitude\n"
        "2019-03-01 06:00,8,46.5,10\n"
        "2019-03-01 07:00,8.25,46.5,20\n"
    )
    (tmp_path / "run_stilt.r").write_text(SCRIPT + "receptors <- readRDS('receptors.rds')\n")
    assert read_project(tmp_path).receptors == migration.receptors


def test_times_and_heights_of_an_rds_or_parquet_file_are_what_they_were(tmp_path):
    import pandas as pd

    times = pd.to_datetime(["2019-07-01 20:00", "2019-07-02 00:00"]).tz_localize("America/Denver")
    frame = pd.DataFrame(
        {"run_time": times, "lati": [40.5, 41], "long": -112.0, "zagl": [[5.0, 50.0], [10.0]]}
    )
    frame.to_parquet(tmp_path / "receptors.parquet")
    expected = (
        "time,longitude,latitude,altitude,r_idx\n"
        "2019-07-02 02:00,-112,40.5,5,1\n2019-07-02 02:00,-112,40.5,50,1\n2019-07-02 06:00,-112,41,10,2\n"
    )
    assert read_project(tmp_path / "receptors.parquet").receptors == expected


def test_a_table_in_csv_is_taken_as_it_is(tmp_path, stilt):
    text = "run_time,lati,long,zagl\n2019-07-01 20:00:00,40.5,-112,5\n"
    (tmp_path / "places.csv").write_text(text)
    done = stilt("init", "new", "--from", "places.csv")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new" / "receptors.csv").read_text() == text
    assert "the settings are those of a new project" in done.stdout


def test_a_file_that_is_no_rds_is_refused(tmp_path):
    (tmp_path / "x.rds").write_bytes(b"no")
    with pytest.raises(InputError, match=r"is not a readable \.rds file"):
        read_project(tmp_path / "x.rds")


def test_without_the_package_for_rds_the_two_ways_on_are_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rdata", None)
    (tmp_path / "x.rds").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        read_project(tmp_path / "x.rds")
    assert "needs the package rdata" in caught.value.message
    assert "pip install 'stilt-hpc[rds]'" in caught.value.hint
    assert "write.csv" in caught.value.hint


@pytest.mark.parametrize(
    ("call", "noted"),
    [
        ("stilt_apply(FUN = my_step,\n            n_cores = n_cores)", "my_step"),
        ("stilt_apply(FUN = simulation_step,\n            n_cores = n_cores)", None),
        ("stilt_apply(simulation_step, n_cores = n_cores)", None),
    ],
)
def test_a_step_function_of_its_own_is_told_of(tmp_path: Path, call: str, noted: str | None):
    script = tmp_path / "run_stilt.r"
    script.write_text(SCRIPT + call + "\n")
    told = [note for note in read_r_stilt(script).notes if "stilt_apply" in note]
    if noted is None:
        assert told == []
    else:
        (note,) = told
        line = SCRIPT.count("\n") + 1
        assert f"line {line}: stilt_apply runs {noted}" in note


def test_receptors_named_by_a_path_of_another_machine_are_found_in_the_project(tmp_path: Path):
    (tmp_path / "places.csv").write_text("run_time,lati,long,zagl\n2019-03-01 06:00,46.5,8.25,10\n")
    script = tmp_path / "run_stilt.r"
    reading = "receptors <- read.csv(file.path('/scratch/somebody', 'places.csv'))\n"
    script.write_text(
        SCRIPT + reading + "receptors$run_time <- as.POSIXct(receptors$run_time, tz = 'UTC')\n"
    )
    write_project(tmp_path / "new", read_r_stilt(script))
    assert "8.25,46.5,10" in (tmp_path / "new" / "receptors.csv").read_text()
