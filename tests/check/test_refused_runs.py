"""What is wrong is refused by `stilt run` in one line, before anything is written, with exit code 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.conftest import change, write_receptors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def bad_receptors(project: Path) -> None:
    write_receptors(project, "2026-06-16 10:00,-111.9,95,30", "soon,-111.9,40.5,30")


def no_receptors(project: Path) -> None:
    (project / "receptors.csv").unlink()


def only_a_header(project: Path) -> None:
    write_receptors(project)


def unknown_key(project: Path) -> None:
    change(project, "numpar: 50", "numpars: 50")


def broken_yaml(project: Path) -> None:
    change(project, "n_hours: -6", "n_hours: [-6")


def cloud_output(project: Path) -> None:
    change(project, "numpar: 50", "numpar: 50\noutput: s3://bucket/prefix")


def no_config(project: Path) -> None:
    (project / "config.yaml").unlink()


def a_newline_for_slurm(project: Path) -> None:
    change(project, "numpar: 50", 'numpar: 50\nexecution: {backend: local, qos: "a\\nb"}')


CASES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "bad receptors": (bad_receptors, "latitude 95 is out of range", "mend these rows"),
    "no receptors": (no_receptors, "receptors.csv: there is no such file", "time,longitude"),
    "only a header": (only_a_header, "a header but no receptors", "time,longitude"),
    "unknown key": (unknown_key, "line 6: $.numpars: unknown key, did you mean numpar?", "mend config.yaml"),
    "broken YAML": (broken_yaml, "not valid YAML", "config.yaml"),
    "cloud output": (cloud_output, "is not on a local or shared filesystem (s3)", "use a folder that all nodes see"),
    "no config": (no_config, "there is no config.yaml here", "stilt init"),
    "a newline for Slurm": (a_newline_for_slurm, "$.execution.qos: contains a line break", "mend config.yaml"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "says", "hint"), CASES.values(), ids=list(CASES))
def test_a_run_is_refused_before_anything_is_written(stilt, project, spoil, says, hint):
    spoil(project)
    before = sorted(project.rglob("*"))
    done = stilt("run", project)
    assert done.returncode == 2
    assert says in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(project.rglob("*")) == before
