"""A project whose receptors have ids of their own, so that a receptor can be edited under its name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.projects import FOOTPRINT, Project, make_project

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAST, OTHER = "fake_mast", "fake_other"
AS_IT_WAS = "mast,2015-12-10 18:00,-112,40.5,30"
UNTOUCHED = "other,2015-12-10 18:00,-112.5,40.6,30"


def write_rows(
    project: Project, *rows: str, columns: str = "id,time,longitude,latitude,altitude"
) -> None:
    (project.path / "receptors.csv").write_text("\n".join([columns, *rows]) + "\n")


def named_project(path: Path, rows: Sequence[str] = (AS_IT_WAS, UNTOUCHED)) -> Project:
    """Write a project with named receptors, and a footprint."""
    project = make_project(path, footprints=f"{{default: {FOOTPRINT}}}")
    write_rows(project, *rows)
    return project


def change(project: Project, old: str, new: str) -> None:
    """Change config.yaml."""
    config = project.path / "config.yaml"
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))


def counts(project: Project) -> dict[str, Any]:
    """Return what ``stilt status --json`` says."""
    answer = project.stilt("status", "--json")
    assert answer.code == 0, answer.err
    said: dict[str, Any] = json.loads(answer.out)
    return said
