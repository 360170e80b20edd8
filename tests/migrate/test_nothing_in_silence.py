"""Whatever a script does to its receptors and settings is done, or named: never left out without a word."""
# ruff: noqa: E501 - tables of cases, one line each

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from stilt.config.load import load_config
from stilt.foundations.errors import EnvironmentFailure, InputError, ProblemsError
from stilt.migrate import with_r
from stilt.migrate.migration import write_project
from stilt.migrate.r_stilt import read_r_stilt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.migrate.migration import Migration

BEFORE = """\
n_hours <- -24
numpar <- 200
xmn <- -113; xmx <- -111; ymn <- 40; ymx <- 42; xres <- 0.01
met_path <- '/data/hrrr'; met_file_format <- '%Y%m%d_%H'; met_file_tres <- '6 hours'
krand <- 2
receptors <- expand.grid(run_time = as.POSIXct('2019-07-01 20:00', tz = 'UTC'), lati = 40.5, long = -112, zagl = 5)
"""
FIRST_LINE = BEFORE.count("\n") + 1


@pytest.fixture
def migrate(tmp_path: Path) -> Callable[..., Migration]:
    def read(text: str, *, with_r: bool = False) -> Migration:
        (tmp_path / "run_stilt.r").write_text(BEFORE + text + "\n")
        return read_r_stilt(tmp_path / "run_stilt.r", with_r=with_r)

    return read


FIFTY = "2019-07-01 20:00,-112,40.5,50"
FOLLOWED = {
    "a column": "receptors$zagl <- 50",
    "a column by name": "receptors[['zagl']] <- 50",
    "cells": "receptors[receptors$lati > 40, 'zagl'] <- 50",
    "cells of rows": "receptors[receptors$zagl == 5, ]$zagl <- 50",
    "an element": "receptors$zagl[1] <- 50",
    "from left to right": "50 -> receptors$zagl",
    "globally": "receptors$zagl <<- 50",
    "transform": "receptors <- transform(receptors, zagl = 50)",
    "mutate in a pipe": "receptors <- receptors %>% mutate(zagl = 50)",
    "pipe and arrow": "receptors |> transform(zagl = zagl * 10) -> receptors",
    "else": "if (numpar > 500) receptors$zagl <- 10 else receptors$zagl <- 50",
    "for": "for (z in c(10, 50)) receptors$zagl <- z",
    "while": "while (receptors$zagl < 50) receptors$zagl <- receptors$zagl + 15",
    "repeat": "repeat { receptors$zagl <- receptors$zagl * 10; if (receptors$zagl >= 50) break }",
    "assign": "assign('receptors', transform(receptors, zagl = 50))",
    "assign to the script": "f <- function() assign('receptors', transform(receptors, zagl = 50), envir = .GlobalEnv)\nf()",
    "a function's arrow": "f <- function(z) receptors$zagl <<- z\nf(50)",
    "sapply's arrow": "invisible(sapply(1, function(i) receptors$zagl[i] <<- 50))",
    "without warnings": "suppressWarnings(receptors$zagl <- 50)",
    "names": "names(receptors)[4] <- 'old'\nreceptors$zagl <- receptors$old * 10",
    "rbind": "receptors <- rbind(receptors, transform(receptors, zagl = 50))\nreceptors <- receptors[-1, ]",
    "an own function of a known name": "max <- function(...) 50\nreceptors$zagl <- max(1, 2)",
    "T is a variable": "T <- FALSE\nreceptors$zagl <- if (T) 10 else 50",
    "what stilt_apply gets": "stilt_apply(FUN = simulation_step, r_run_time = receptors$run_time, r_lati = receptors$lati, r_long = receptors$long, r_zagl = receptors$zagl * 10)",
    "what do.call hands to it": "given <- list(FUN = 'simulation_step', r_run_time = receptors$run_time, r_lati = 40.5, r_long = -112, r_zagl = 50)\ndo.call(stilt_apply, given)",
    "a step each": "for (i in 1:nrow(receptors)) simulation_step(r_run_time = receptors$run_time[i], r_lati = 40.5, r_long = -112, r_zagl = 50)",
    "the machine's zone": "Sys.setenv(TZ = 'America/Denver')\nreceptors <- data.frame(run_time = as.POSIXct('2019-07-01 14:00'), lati = 40.5, long = -112, zagl = 50)",
}  # fmt: skip


@pytest.mark.parametrize("text", FOLLOWED.values(), ids=list(FOLLOWED))
def test_what_is_followed_comes_out(migrate, text):
    migration = migrate(text)
    assert migration.unsettled == []
    assert migration.receptors is not None
    assert FIFTY in migration.receptors
    assert migration.receptors.count("\n") == 2


IN_R = [
    text
    for name, text in FOLLOWED.items()
    if name not in {"mutate in a pipe", "assign to the script"}
]


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no Rscript on PATH")
def test_r_agrees_with_each(migrate):
    steps = ("stilt_apply", "simulation_step")
    single = [text for text in IN_R if not any(step in text for step in steps)]
    rows = "\n".join(
        f"local({{\n{text}\nkept <<- rbind(kept, receptors[c('run_time', 'lati', 'long', 'zagl')])\n}})"
        for text in single
        if "<<-" not in text and "repeat" not in text
    )
    migration = migrate(f"kept <- receptors\n{rows}\nreceptors <- kept[-1, ]", with_r=True)
    assert migration.unsettled == []
    assert migration.receptors is not None
    assert set(migration.receptors.splitlines()[1:]) == {FIFTY}


NAMED = {
    "an unknown function": "receptors$zagl <- heights_of(receptors)",
    "rows by an unknown condition": "receptors <- receptors[keep, ]",
    "an if that is not known": "if (file.exists('/tmp/x')) receptors$zagl <- 50",
    "the else of it": "if (file.exists('/tmp/x')) { print(1) } else { receptors$zagl <- 50 }",
    "a loop over what is not known": "for (z in list.files()) receptors$zagl <- nchar(z)",
    "eval": "eval(parse(text = 'receptors$zagl <- 50'))",
    "load": "load('receptors.RData')",
    "list2env": "list2env(list(receptors = NULL), globalenv())",
    "a sourced file that is not there": "source('r/places.r')",
    "a function of such a file": "source('r/places.r')\nreceptors <- data.frame(run_time = as.POSIXct('2019-07-01', tz = 'UTC'), lati = 1, long = 2, zagl = 3)\nset_heights()",
    "data.table's own way": "receptors[, zagl := 50]",
    "a change by reference": "setDT(receptors)",
    "within": "receptors <- within(receptors, zagl <- 50)",
    "assign to a computed name": "for (name in list.files()) assign(name, 5)",
    "a function that is half followed": "f <- function() { receptors$zagl <<- 50; unknown_step(); receptors$lati <<- 41 }\nf()",
    "tryCatch": "tryCatch({ receptors <- read.csv('nowhere.csv') }, error = function(e) NULL)",
    "local time": "receptors$run_time <- as.POSIXct('2019-07-01 20:00')",
    "a part of a time": "receptors$run_time <- as.POSIXct('2019-07-01 20', tz = 'UTC')",
    "no R at all": "receptors$zagl <- (50",
    "a random height": "receptors$zagl <- runif(1, 5, 50)",
    "the clock": "receptors$run_time <- Sys.time()",
    "parallel steps": "mclapply(1, function(i) simulation_step(r_run_time = receptors$run_time[i], r_zagl = 50))",
    "a replacement function": "is.na(receptors$zagl) <- 1",
    "an argument that is not followed": "stilt_apply(FUN = simulation_step, r_run_time = receptors$run_time, r_lati = 40.5, r_long = -112, r_zagl = heights_of(5))",
}  # fmt: skip


@pytest.mark.parametrize("text", NAMED.values(), ids=list(NAMED))
def test_what_is_not_followed_is_named_and_leaves_no_receptors(migrate, text):
    migration = migrate(text)
    assert migration.receptors is None
    lines = range(FIRST_LINE, FIRST_LINE + text.count("\n") + 1)
    assert any(note.startswith(f"line {line}: ") for note in migration.unsettled for line in lines)


SETTINGS = {
    "a number": "numpar <- particles_for('tower')",
    "the grid": "xmn <- min(sites$long)",
    "in a branch": "if (file.exists('/tmp/x')) numpar <- 1000",
    "after a function": "n_hours <- hours_back()\nn_hours <- n_hours * 2",
    "as an argument": "stilt_apply(FUN = simulation_step, numpar = particles_for('tower'))",
}  # fmt: skip


@pytest.mark.parametrize("text", SETTINGS.values(), ids=list(SETTINGS))
def test_a_setting_that_is_not_followed_is_refused_until_it_is_set(migrate, text, tmp_path):
    migration = migrate(text)
    assert migration.unsettled
    write_project(tmp_path / "new", migration)
    with pytest.raises(ProblemsError):
        load_config(tmp_path / "new" / "config.yaml")


HARMLESS = {
    "files and folders": "for (d in c('by-id', 'particles')) { d <- file.path('/out', d); if (!file.exists(d)) dir.create(d) }",
    "an unused table": "flux <- read.csv('/nowhere/flux.csv')\nprint(head(flux))",
    "an unused column": "receptors$label <- label_of(receptors)",
    "made anew": "receptors2 <- f(receptors)\nnumpar <- g()\nnumpar <- 200",
    "R-STILT's own functions": "source('r/dependencies.r')",
    "a package that is not there": "if (!require(dplyr)) install.packages('dplyr')",
    "what comes after the end": "q('no')\nnumpar <- f()",
}  # fmt: skip


@pytest.mark.parametrize("text", HARMLESS.values(), ids=list(HARMLESS))
def test_what_changes_neither_is_harmless(migrate, text):
    migration = migrate(text)
    assert migration.unsettled == []
    assert migration.receptors is not None
    assert migration.settings["numpar"] == 200


ANYTHING = [
    "source('r/settings.r')",
    "load('settings.RData')",
    "eval(parse(text = commandArgs()))",
    "attach(readRDS('x.rds'))",
]


@pytest.mark.parametrize("text", ANYTHING)
def test_what_may_set_anything_is_named_though_all_else_is_set_after_it(tmp_path, text):
    (tmp_path / "run_stilt.r").write_text(f"{text}\n{BEFORE}")
    migration = read_r_stilt(tmp_path / "run_stilt.r")
    assert migration.receptors is not None
    assert any(note.startswith(f"line 1: not followed: {text}") for note in migration.unsettled)


def test_what_stops_within_a_try_is_not_the_end(migrate):
    migration = migrate("tryCatch(stop('no'), error = function(e) NULL)\nreceptors$zagl <- 50")
    assert migration.receptors is not None
    assert FIFTY in migration.receptors


def test_a_function_that_is_not_known_is_said_without_alarm(migrate):
    migration = migrate("set_up_cluster(8)")
    assert migration.unsettled == []
    expected = "not followed, and taken to change neither receptors nor settings: set_up_cluster(8)"
    assert migration.notes == [f"line {FIRST_LINE}: {expected}"]


def test_heights_of_which_it_is_not_known_above_what_they_are_are_not_written(migrate):
    migration = migrate("kmsl <- above()")
    assert migration.receptors is None
    assert any("kmsl is computed" in note for note in migration.unsettled)


def test_ids_that_are_not_followed_are_left_out(migrate):
    migration = migrate("simulation_id <- ids_of(receptors)")
    assert migration.receptors is not None
    assert "id" not in migration.receptors.splitlines()[0].split(",")
    assert any("simulation_id is computed" in note for note in migration.notes)


def test_the_command_ends_with_2_and_says_what_to_do(stilt, tmp_path, monkeypatch):
    (tmp_path / "run_stilt.r").write_text(BEFORE + "receptors$zagl <- heights_of(receptors)\n")
    monkeypatch.setenv("COLUMNS", "200")
    done = stilt("init", "new", "--from", "run_stilt.r")
    assert done.returncode == 2
    assert (
        f"line {FIRST_LINE}: not followed: receptors$zagl <- heights_of(receptors)" in done.stdout
    )
    assert "could change receptors or settings" in done.stdout
    assert "written, but not ready to run" in done.stderr
    assert ("--with-r" in done.stderr) == (shutil.which("Rscript") is not None)
    assert (tmp_path / "new" / "receptors.csv").read_text() == "time,longitude,latitude,altitude\n"


def test_with_r_without_r_says_so(stilt, tmp_path, monkeypatch):
    (tmp_path / "run_stilt.r").write_text(BEFORE)
    monkeypatch.setenv("PATH", str(tmp_path))
    done = stilt("init", "new", "--from", "run_stilt.r", "--with-r")
    assert done.returncode == 4
    assert "there is no Rscript on PATH" in done.stderr


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no Rscript on PATH")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("receptors$zagl <- nosuch(receptors)", 'could not find function "nosuch"'),
        ("receptors <- readRDS('nowhere.rds')", "cannot open"),
        ("f <- function() { receptors$zagl <<- 50; nosuch() }\nf()", "nosuch"),
        ("source('nowhere.r')", "cannot open"),
    ],
)
def test_what_r_cannot_do_is_named_too(migrate, text, expected):
    migration = migrate(text, with_r=True)
    assert migration.receptors is None
    assert any(expected in note for note in migration.unsettled)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no Rscript on PATH")
def test_the_statement_that_r_cannot_evaluate_is_quoted(migrate):
    migration = migrate("f <- function() {\n  nosuch()\n}\nreceptors <- f()", with_r=True)
    assert any(": receptors <- f() (R: " in note for note in migration.unsettled)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no Rscript on PATH")
def test_the_zone_that_r_takes_is_said(migrate, monkeypatch):
    monkeypatch.setenv("TZ", "America/Denver")
    migration = migrate("receptors$run_time <- as.POSIXct('2019-07-01 20:00')", with_r=True)
    assert migration.receptors is not None
    assert "2019-07-02 02:00" in migration.receptors
    expected = "a time without a zone: R took that of this machine, America/Denver"
    assert migration.notes == [f"line {FIRST_LINE}: {expected}"]


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no Rscript on PATH")
def test_r_is_kept_from_files_and_processes(migrate, tmp_path):
    (tmp_path / "kept").write_text("x")
    text = f"unlink('{tmp_path}/kept'); base::unlink('{tmp_path}/kept'); system('rm {tmp_path}/kept'); saveRDS(1, '{tmp_path}/made')"
    migration = migrate(text, with_r=True)
    assert migration.unsettled == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "run_stilt.r"]


def _in_place_of_r(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (folder / "bin").mkdir()
    (folder / "bin" / "Rscript").write_text(f"#!/bin/sh\n{text}\n")
    (folder / "bin" / "Rscript").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")


def test_an_r_that_gives_up_is_told_of_in_its_words(migrate, tmp_path, monkeypatch):
    _in_place_of_r(tmp_path, monkeypatch, "echo 'Fatal error: no memory' >&2; exit 2")
    with pytest.raises(
        EnvironmentFailure, match=r"run_stilt\.r: R ended without an answer: Fatal error: no memory"
    ):
        migrate("", with_r=True)


def test_an_r_that_does_not_end_is_stopped(migrate, tmp_path, monkeypatch):
    _in_place_of_r(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(with_r, "_TIMEOUT_S", 0.2)
    with pytest.raises(InputError, match=r"R was at it for 0\.2 s and was stopped"):
        migrate("", with_r=True)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no Rscript on PATH")
def test_what_is_no_r_is_refused_by_r(migrate):
    with pytest.raises(InputError, match=r"run_stilt\.r: R cannot read it: .*unexpected"):
        migrate("receptors$zagl <- (50", with_r=True)


def test_with_r_is_for_scripts(tmp_path, stilt):
    (tmp_path / "receptors.csv").write_text("time,lon,lat,zagl\n2019-07-01 20:00,-112,40.5,5\n")
    done = stilt("init", "new", "--from", "receptors.csv", "--with-r")
    assert done.returncode == 2
    assert "--with-r is for scripts of R" in done.stderr
    done = stilt("init", "new", "--with-r")
    assert done.returncode == 2
    assert "--with-r: there is no script to evaluate" in done.stderr


def test_a_table_that_is_not_utf8_is_refused_with_what_to_do(tmp_path, stilt):
    (tmp_path / "receptors.csv").write_bytes(
        "time,lon,lat,zagl,Stadt\n2019-07-01,-112,40,5,Zürich\n".encode("latin-1")
    )
    done = stilt("init", "new", "--from", "receptors.csv")
    assert done.returncode == 2
    assert "save it as UTF-8" in done.stderr
