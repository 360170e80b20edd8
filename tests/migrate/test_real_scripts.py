"""Scripts in the manner of public ones: every statement is accounted for, and receptors are what R makes of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from stilt.migrate.r_script import read_script
from stilt.migrate.r_stilt import read_r_stilt

FOLDER = Path(__file__).parent / "scripts"
SCRIPTS = sorted(FOLDER.glob("**/run_stilt.r"))
NEEDS_R = {"resume"}
"""What depends on more than the script, and so is named."""
needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no Rscript on PATH")

PLAIN_R = """
masks <- list(given = new.env())
for (name in c("system", "unlink", "dir.create", "setwd", "q", "install.packages")) masks[[name]] <- function(...) NULL
masks$stilt_apply <- function(FUN, ...) {
  calls <- get0("calls", given, ifnotfound = list())
  assign("calls", c(calls, list(list(...))), given)
}
masks$simulation_step <- function(...) NULL
masks$source <- function(file) if (!grepl("dependencies", file)) base::source(file)
masks$read.csv <- function(file, ...) utils::read.csv(basename(file), ...)
attach(masks, warn.conflicts = FALSE)
sink(stderr())
base::source(commandArgs(trailingOnly = TRUE))
sink()
calls <- get0("calls", given, ifnotfound = list(list(
  r_run_time = receptors$run_time, r_lati = receptors$lati, r_long = receptors$long, r_zagl = receptors$zagl)))
for (call in calls) for (i in seq_along(call$r_run_time)) for (z in call$r_zagl[[min(i, length(call$r_zagl))]])
  cat(format(call$r_run_time[i], "%Y-%m-%d %H:%M", tz = "UTC"), ",", call$r_long[min(i, length(call$r_long))], ",",
      call$r_lati[min(i, length(call$r_lati))], ",", z, "\\n", sep = "")
"""


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).parts[0]


def project_of(path: Path) -> Path:
    return path.parent.parent if path.parent.name == "r" else path.parent


def test_there_are_enough_of_them():
    assert len(SCRIPTS) >= 12


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_every_statement_is_accounted_for(path: Path):
    script, migration = read_script(path, project_of(path)), read_r_stilt(path)
    assert {s.outcome for s in script.statements} <= {
        "done",
        "harmless",
        "not reached",
        "not followed",
    }
    if name_of(path) in NEEDS_R:
        assert migration.receptors is None
        assert any(
            note.startswith("line 4: not followed: made <- list.files")
            for note in migration.unsettled
        )
    else:
        assert migration.unsettled == []
        assert "not followed" not in migration.account


@needs_r
@pytest.mark.parametrize("path", [p for p in SCRIPTS if name_of(p) not in NEEDS_R], ids=name_of)
def test_receptors_are_what_r_makes_of_the_script(path: Path, tmp_path: Path):
    program = tmp_path / "plain.r"
    program.write_text(PLAIN_R)
    command = ["Rscript", "--vanilla", str(program), str(path)]
    done = subprocess.run(
        command, cwd=project_of(path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    receptors = read_r_stilt(path).receptors
    assert receptors is not None
    ours = [",".join(line.split(",")[:4]) for line in receptors.splitlines()[1:]]
    assert ours == done.stdout.splitlines()
    assert len(ours) > 1


@needs_r
@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_with_r_comes_to_the_same_and_says_so(path: Path):
    own, with_r = read_r_stilt(path), read_r_stilt(path, with_r=True)
    assert with_r.unsettled == []
    assert with_r.receptors is not None
    if name_of(path) not in NEEDS_R:
        assert (own.receptors, own.settings) == (with_r.receptors, with_r.settings)
        assert "stilt's own reading is the same" in with_r.account


def test_the_table_of_them(capsys: pytest.CaptureFixture[str]):
    rows = []
    for path in SCRIPTS:
        migration = read_r_stilt(path)
        total, *counts = [int(number) for number in re.findall(r"\d+", migration.account)]
        assert total == sum(counts)
        receptors = (
            str(migration.receptors.count("\n") - 1) if migration.receptors else "none, and named"
        )
        rows.append(f"{name_of(path):<15}{migration.account}; receptors: {receptors}")
    with capsys.disabled():
        print("\n" + "\n".join(rows))  # noqa: T201 - the table is for people
