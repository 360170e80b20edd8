"""What it costs a worker to ask, before each begin and each publication, whether a newer batch claims a simulation."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.projects import FOOTPRINT, PATIENCE_S, Project, make_project, write_receptors
from tests.truth.conftest import lose_jobs
from tests.truth.edited import change

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MANY = 100_000
CHUNKS = 100


def calls(project: Project, batch: str, trace: Path, *more: str) -> list[str]:
    """Work on a batch, and return the system calls that name something below ``chunks`` or the folder itself."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace here")
    command = ["strace", *more, "-f", "-qq", "-s", "400", "-e", "trace=%file", "-o", str(trace)]
    worker = [sys.executable, "-m", "stilt", "push-worker", "--batch", batch, "--task", "0"]
    traced = subprocess.run(
        [*command, *worker],
        cwd=project.path,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    if "ptrace" in traced.stderr:
        pytest.skip(f"strace may not trace here: {traced.stderr.strip()}")
    assert traced.returncode == 0, traced.stderr
    return [line for line in trace.read_text().splitlines() if "/output/chunks" in line]


def test_without_a_newer_batch_a_simulation_costs_a_few_looks_at_one_folder(
    tmp_path: Path, handed_over: Callable[[Project], str], capsys: pytest.CaptureFixture[str]
) -> None:
    counted = []
    for count in (2, 12):
        project = make_project(
            tmp_path / f"of {count}", [5] * count, footprints=f"{{default: {FOOTPRINT}}}"
        )
        found = calls(project, handed_over(project), tmp_path / f"trace-{count}")
        counted.append(found)
        # beside what is read once, for the batch: each look is at the folder of all batches, and only a stat
        assert len([line for line in found if "/output/chunks/" in line]) <= 4
    more = (len(counted[1]) - len(counted[0])) / 10
    with capsys.disabled():
        print(f"\nasking costs {more:g} system calls a simulation")  # noqa: T201 - a figure to know
    assert more <= 3
    asked = [line for line in counted[1] if not line.rstrip().endswith("/")]
    assert len([line for line in asked if re.search(r"\b(newfst|st|stat)", line)]) >= 30


def test_with_a_newer_batch_of_a_hundred_thousand_one_small_file_and_one_chunk_are_read(
    tmp_path: Path, handed_over: Callable[[Project], str], capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path / "project", [5])
    older = handed_over(project)
    lose_jobs(project)  # so that the newer one has the same simulation again
    change(project, "numpar: 10", "numpar: 5")
    write_receptors(project.path / "receptors.csv", [5])
    with (project.path / "receptors.csv").open("a") as file:
        for number in range(MANY - 1):
            file.write(f"2016-01-{1 + number % 28:02d} 00:00,{-110 + number / 1e5:.5f},40.5,5\n")
    newer = project.stilt("run", "--backend", "slurm", "--n-workers", str(CHUNKS))
    assert newer.code == 0, newer.err
    batch = project.batches()[-1]
    found = calls(project, older, tmp_path / "trace", "-y")  # -y: with the paths of open folders
    opened = {
        name
        for line in found
        if (name := re.search(rf"open.*/chunks/{batch}(?:/|>, \")([\w.-]+)\"", line))
    }
    names = {match[1] for match in opened}
    size = (project.output / "chunks" / batch / "claims").stat().st_size
    with capsys.disabled():
        print(f"\nof a batch of {MANY:,} it read {sorted(names)}; claims: {size:,} bytes")  # noqa: T201
    assert project.outcomes() == {}, "left alone"
    assert size == 8 * MANY
    assert "claims" in names
    assert len([name for name in names if re.fullmatch(r"[0-9a-f]{32}\.json", name)]) == 1
