"""The projects of ``projects/``: copied to where a test may change them, and commands in them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engines import runs
from tests.projects import PATIENCE_S
from tests.shared_data import REPOSITORY

HERE = Path(__file__).parent
PROJECTS = HERE / "projects"
VALUES: dict[str, dict[str, Any]] = json.loads((HERE / "values.json").read_text())
"""By project and simulation: what Python read when the project was made, in few numbers."""

HOST = "login1"
MADE_AT = 1_795_885_000
"""When the projects were made, in seconds since 1970: a copy must not look as if written just now."""

STATES = ("pending", "running", "complete", "empty", "failed", "interrupted", "stale")


@dataclass
class OldProject:
    """A copy of a project that an earlier stilt has left."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def expected(self) -> dict[str, Any]:
        """What of each simulation could be read when the project was made."""
        return VALUES[self.name]

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def heal(self) -> Path:
        """A file: once it exists, the engine of the tests fails no more."""
        return self.path / "heal"

    @property
    def queue(self) -> Path:
        """The jobs that the stub of squeue lists."""
        return self.path / "queue.txt"

    @property
    def batch(self) -> str:
        """The id of the one batch that there is."""
        (folder,) = self.path.glob("output/chunks/0*")
        return folder.name

    def environment(self) -> dict[str, str]:
        own = {
            "FAKE_HEAL": str(self.heal),
            "FAKE_RUNS": str(self.path / "runs.txt"),
            "OLD_HOST": HOST,
            "PATH": f"{HERE / 'slurm'}:{os.environ['PATH']}",
            "PYTHONPATH": f"{HERE / 'host'}:{REPOSITORY}",
            "STUB_QUEUE": str(self.queue),
            "XDG_CACHE_HOME": str(self.path / "cache"),
        }
        return {**os.environ, **own}

    def append(self, settings: str) -> None:
        """Add to config.yaml."""
        self.config.write_text(f"{self.config.read_text()}{settings}\n")

    def stilt(self, *arguments: str, code: int = 0) -> str:
        """Run ``stilt`` in the project, insist on its exit code, and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "stilt", *arguments],
            cwd=self.path,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == code, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def plan(self) -> str:
        """Return what ``stilt run --dry-run`` says there is to do, after the number of simulations."""
        said = re.search(
            r"^[\d,]+ simulations?: (.*)$", self.stilt("run", "--dry-run"), re.MULTILINE
        )
        assert said is not None
        return said[1]

    def counts(self) -> dict[str, int]:
        """Return the states that ``stilt status --json`` counts, those of which there are any."""
        said = json.loads(self.stilt("status", "--json"))
        assert said["damaged"] == 0
        assert sum(said[state] for state in STATES) == said["total"]
        return {state: said[state] for state in STATES if said[state]}

    def begun(self) -> Counter[str]:
        """Return how often each simulation was begun, by the lines of the log (``spec/log-format.md``)."""
        lines = [
            line.partition(" ")[2]
            for path in self.path.glob("output/log/*/*.log")
            for line in path.read_text().splitlines()
        ]
        events = [event for line in lines for event in json.loads(line)[1:]]
        return Counter(event["sim"] for event in events if event["event"] == "started")

    def transported(self) -> list[str]:
        """Return the simulations for which the engine of the tests was run since the copy was made."""
        return sorted(runs(self.path / "runs.txt"))

    def enqueue(self) -> None:
        """Have the stub of Slurm list the job that was submitted when the project was made."""
        (script,) = self.path.glob("slurm/submit_*.sh")
        subprocess.run(
            [HERE / "slurm" / "sbatch", script],
            env=self.environment(),
            check=True,
            stdout=subprocess.DEVNULL,
        )


def copy_project(name: str, folder: Path, met: Path) -> OldProject:
    """Copy a project, with its meteorology beside it, as old as it is."""
    path = folder / name
    shutil.copytree(PROJECTS / name, path)
    (path / "met").symlink_to(met)
    for each in (path, *path.rglob("*")):
        os.utime(each, (MADE_AT, MADE_AT), follow_symlinks=False)
    return OldProject(path)
