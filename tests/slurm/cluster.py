"""A private Slurm for the tests, from tools/slurm-cluster, and what tests ask of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.projects import PATIENCE_S, wait_until
from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TOOL = REPOSITORY / "tools" / "slurm-cluster"


def await_that(condition: Callable[[], object], what: str) -> None:
    """Return when the condition holds, and do not ask Slurm too often."""
    wait_until(condition, what, every_s=0.2)


@dataclass(frozen=True)
class Cluster:
    """A running Slurm and the environment that leads to it."""

    folder: Path
    env: Mapping[str, str]

    def run(self, *command: str, env: Mapping[str, str] | None = None) -> str:
        """Run one of Slurm's commands and return what it printed."""
        done = subprocess.run(
            command, env={**self.env, **(env or {})}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def tool(self, *arguments: str) -> None:
        """Run tools/slurm-cluster on this cluster."""
        subprocess.run(
            [sys.executable, TOOL, "--dir", self.folder, *arguments], check=True, timeout=PATIENCE_S
        )

    def jobs(self, *columns: str, job: str = "") -> list[list[str]]:
        """Return a line of squeue for each array task in any state."""
        only = [f"--jobs={job}"] if job else []
        text = self.run(
            "squeue", "-h", "--array", "--states=all", f"--format={'|'.join(columns)}", *only
        )
        lines = [line.split("|") for line in text.splitlines()]
        return [
            line for line in lines if len(line) == len(columns)
        ]  # names of jobs may hold anything

    def states(self, job: str) -> dict[int, str]:
        """Return the state of each task of an array."""
        return {int(index): state for index, state in self.jobs("%K", "%T", job=job)}

    def live(self) -> set[str]:
        """Return the ids of the jobs that run, wait or are ending."""
        return set(self.run("squeue", "-h", "-o", "%F").split())

    def end_all_but(self, known: set[str]) -> None:
        """Cancel what is in the queue besides these jobs, and wait until it is gone."""
        if left := self.live() - known:
            self.run("scancel", *left)
            await_that(lambda: not self.live() & left, f"jobs {left} have ended")

    def records(self) -> list[dict[str, str]]:
        """Return Slurm's own records of ended jobs (jobcomp)."""
        path = self.folder / "jobcomp.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        found = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]
        return [
            record for record in found if "JobId" in record
        ]  # a job's name may hold a line's end


@contextmanager
def started(*options: str) -> Iterator[Cluster]:
    """Start a cluster of its own folder and ports, and stop it; RuntimeError says why it cannot be."""
    folder = Path(tempfile.mkdtemp(prefix="stilt-slurm-"))
    folder.rmdir()
    command = [sys.executable, str(TOOL), "--dir", str(folder)]
    begun = subprocess.run(
        [*command, "start", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    if begun.returncode != 0:
        raise RuntimeError(begun.stderr.strip())
    try:
        yield Cluster(folder, _environment(command))
    finally:
        subprocess.run([*command, "stop"], check=True, timeout=PATIENCE_S)


def _environment(command: list[str]) -> dict[str, str]:
    lines = subprocess.run(
        ["/bin/sh", "-c", ". /dev/stdin; env -0"],
        input=subprocess.run([*command, "env"], capture_output=True, check=True).stdout,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    settings = dict(line.decode().split("=", 1) for line in lines if b"=" in line)
    return {**os.environ, **{name: settings[name] for name in ("PATH", "SLURM_CONF")}}


@dataclass
class Wrapped:
    """Programs on PATH before Slurm's own, which count their calls."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def calls(self, program: str) -> int:
        """Return how often a program was called."""
        log = self.folder / "calls"
        words = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
        return sum(line[0] == program for line in words)


def wrapped(folder: Path, cluster: Cluster, bodies: Mapping[str, str] | None = None) -> Wrapped:
    """Put wrappers around Slurm's programs; a body is shell before ``exec "$real" "$@"``."""
    folder.mkdir()
    for program in ("sbatch", "squeue", "scontrol", "scancel", "sacct", "sinfo"):
        real = f"/usr/bin/{program}"
        body = (bodies or {}).get(program, "")
        script = folder / program
        script.write_text(
            f'#!/bin/bash\necho {program} "$@" >> {folder}/calls\nreal={real}\n{body}\nexec $real "$@"\n'
        )
        script.chmod(0o755)
    env = {**cluster.env, "PATH": f"{folder}{os.pathsep}{cluster.env['PATH']}"}
    return Wrapped(folder, env)
