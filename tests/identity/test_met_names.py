"""A met that is found by its headers from now on keeps the digest it had: nothing is made again for that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import stilt
from tests.engines import runs
from tests.projects import FOOTPRINT, Project, make_project, write_receptors

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ", file_format: '%Y%m%d', file_tres: 6h"


def project(folder: Path) -> Project:
    made = make_project(folder / "p", (5, 6), footprints=f"{{fine: {FOOTPRINT}}}")
    assert made.stilt("run").code == 0
    return made


def change(made: Project, old: str, new: str) -> None:
    config = made.path / "config.yaml"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))


def stale(made: Project) -> int:
    said: dict[str, int] = json.loads(made.stilt("status", "--json").out)
    return said["stale"]


def test_names_that_are_dropped_make_nothing_stale_now_or_later(tmp_path):
    made = project(tmp_path)
    change(made, NAMES, "")
    assert "2 already done" in made.stilt("run", "--dry-run").out
    assert stale(made) == 0
    write_receptors(made.path / "receptors.csv", (5, 6, 7))
    assert "1 never run, 2 already done" in made.stilt("run").out
    assert "3 already done" in made.stilt("run").out
    change(made, "xres: 0.1", "xres: 0.2")
    assert made.stilt("run").code == 0
    assert stale(made) == 0
    assert len(runs(made.runs_file, "begin")) == 3  # the particles are used again
    assert {result.state for result in stilt.Project(made.path)} == {"complete"}
    change(made, "{directory: met}", f"{{directory: met{NAMES}}}")
    assert "3 already done" in made.stilt("run", "--dry-run").out


def test_other_names_are_other_files(tmp_path):
    made = project(tmp_path)
    change(made, "'%Y%m%d'", "'%Y%m%d_other'")
    assert "2 settings changed" in made.stilt("run", "--dry-run").out
    assert stale(made) == 2
    change(made, ", file_tres: 6h", "")
    assert "2 settings changed" in made.stilt("run", "--dry-run").out


def test_another_change_beside_it_is_named_alone(tmp_path):
    made = project(tmp_path)
    change(made, NAMES, "")
    change(made, "numpar: 10", "numpar: 11")
    said = made.stilt("run", "--dry-run").out
    assert "2 settings changed" in said
    assert "numpar was 10, is 11" in said
    assert "file_" not in said


def test_a_met_that_always_was_found_by_headers_has_no_names(tmp_path):
    made = make_project(tmp_path / "p", (5,), footprints=f"{{fine: {FOOTPRINT}}}")
    change(made, NAMES, "")
    assert made.stilt("run").code == 0
    assert "1 already done" in made.stilt("run").out
    change(made, "{directory: met}", f"{{directory: met{NAMES}}}")
    assert "1 settings changed" in made.stilt("run", "--dry-run").out
