"""Projects that run on the private Slurm, and what must hold of them at every moment."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.engines import runs
from tests.projects import Project, make_project
from tests.slurm.cluster import await_that

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.slurm.cluster import Cluster

SETTLED = ("complete", "empty")


@dataclass
class SlurmProject:
    """A project with ``backend: slurm``, whose commands find the private cluster."""

    project: Project
    cluster: Cluster
    cache: Path

    def stilt(self, *arguments: str, **env: str) -> Any:
        """Run ``stilt`` to its end."""
        return self.project.stilt(*arguments, **env)

    def submit(self, *arguments: str, **env: str) -> list[str]:
        """Run ``stilt run`` and return the ids of the jobs."""
        answer = self.stilt("run", *arguments, **env)
        assert answer.code == 0, answer.err
        return self.jobs()

    def jobs(self) -> list[str]:
        """Return the job ids that the log names."""
        return [job for batch in self.project.fold().batches.values() for job in batch.jobs]

    def names(self) -> Counter[str]:
        """Return how many jobs Slurm has, or had of late, under each name that is this project's."""
        batches = self.project.fold().batches.values()
        tokens = {token for batch in batches for token in batch.intents}
        listed = {(job, name) for job, name in self.cluster.jobs("%F", "%j")}
        return Counter(name for _, name in listed if name in tokens)

    def status(self) -> dict[str, Any]:
        """Return what ``stilt status --json`` says now, asking Slurm afresh."""
        for kept in self.cache.glob("stilt/squeue-*"):
            kept.unlink()
        answer = self.stilt("status", "--json")
        assert answer.code == 0, answer.err
        said: dict[str, Any] = json.loads(answer.out)
        return said

    def truth(self) -> dict[str, Any]:
        """Return the status, after checking what must hold at every moment."""
        said = self.status()
        on_disk = len(list((self.project.output / "particles").rglob("fake_*.parquet")))
        assert said["complete"] <= on_disk, "complete without output"
        states = ("pending", "running", "complete", "empty", "failed", "interrupted", "stale")
        assert sum(said[state] for state in states) == said["total"]
        assert said["damaged"] == 0
        return said

    def await_outcome(self, outcome: str, count: int) -> None:
        """Return when so many simulations have (at least) that outcome by the log."""

        def reached() -> bool:
            return Counter(self.project.outcomes().values())[outcome] >= count

        try:
            await_that(reached, f"{count} {outcome}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.account()}") from error

    def account(self) -> str:
        """Return what Slurm, the log and the tasks' outputs say now, for the message of a test that failed."""
        outputs = sorted(self.project.output.rglob("task-*.out"))
        return "\n".join(
            [
                self.cluster.run("squeue", "--array", "--states=all", "--format=%i %T %r %N %S %e"),
                self.cluster.run("sinfo", "--list-reasons", "--format=%n %T %E"),
                str(Counter(self.project.outcomes().values())),
                self.stilt("status", "--failed").out,
                *(f"{path.name}: {path.read_text()[-300:]}" for path in outputs[-50:]),
            ]
        )

    def await_ended(self, job: str) -> None:
        """Return when no task of a job is queued or running any more."""
        await_that(lambda: job not in self.cluster.live(), f"job {job} has ended")

    def begun(self) -> Counter[str]:
        """Return how often each simulation was begun, by the engine's own account."""
        return Counter(runs(self.project.runs_file, "begin"))

    def complete(self) -> set[str]:
        """Return the simulations that are complete by the log."""
        return {sim for sim, outcome in self.project.outcomes().items() if outcome in SETTLED}

    def segments(self, role: str = "worker") -> list[Any]:
        """Return the lives of a role that the log knows."""
        state = self.project.fold()
        return [
            life
            for batch in state.batches.values()
            for life in batch.lives.values()
            if life.role == role
        ]


def slurm_project(
    path: Path,
    cluster: Cluster,
    heights: Sequence[float],
    *,
    workers: int,
    cpus: int = 1,
    more: Sequence[str] = (),
    settings: str = "",
) -> SlurmProject:
    """Write a project for the fake engine; ``more`` are lines of its execution section."""
    execution = [
        "execution:",
        "  backend: slurm",
        f"  n_workers: {workers}",
        f"  cpus-per-task: {cpus}",
        "  mem: 50",
        *(f"  {line}" for line in more),
        *(["  time: 10"] if not any(line.startswith("time:") for line in more) else []),
    ]
    project = make_project(path, heights, settings="\n".join([*execution, settings]))
    cache = path / "cache"
    project.env = {
        "SLURM_CONF": cluster.env["SLURM_CONF"],
        "PATH": cluster.env["PATH"],
        "XDG_CACHE_HOME": str(cache),
    }
    return SlurmProject(project, cluster, cache)
