"""A site of several clusters, each with job numbers of its own, in place of Slurm's commands."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stilt.backends.slurm import commands, queue
from stilt.backends.slurm.answers import Limits, QueuedTask
from stilt.backends.slurm.commands import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

HERE = "two"


def job(number: int, name: str, *, index: int = 0, state: str = "RUNNING") -> QueuedTask:
    return QueuedTask(str(number), index, state, "n1", 0.0, getpass.getuser(), "", name)


@dataclass
class Site:
    """Clusters and their jobs, asked on one of them."""

    jobs: dict[str, list[QueuedTask]]
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def stand_in(self, env: pytest.MonkeyPatch, folder: Path) -> None:
        """Be what stilt asks; answers are kept in ``folder``."""
        env.setattr(commands, "has_slurm", lambda: True)
        env.setattr(commands, "require_slurm", lambda: None)
        env.setattr(commands, "squeue", self.squeue)
        env.setattr(commands, "scancel", self.scancel)
        env.setattr(commands, "show_limits", lambda: Limits(cluster=HERE))
        env.setattr(queue, "home", lambda: folder)
        env.setenv("XDG_CACHE_HOME", str(folder / "cache"))

    def squeue(
        self, *filters: str, users: Sequence[str] = (), clusters: Sequence[str] = ()
    ) -> tuple[QueuedTask, ...]:
        del users
        self.asked.append(tuple(clusters))
        listed = [task for name in clusters or (HERE,) for task in self.jobs.get(name, [])]
        wanted = dict(each.split("=") for each in filters)
        return tuple(
            task
            for task in listed
            if wanted.get("--jobs", task.job) == task.job
            and wanted.get("--name", task.name) == task.name
        )

    def scancel(self, jobs: Sequence[str], *, cluster: str = "") -> Answer:
        for name in (cluster or HERE).split(","):
            self.jobs[name] = [task for task in self.jobs.get(name, []) if task.job not in jobs]
        return Answer(0, "", "")

    @property
    def left(self) -> dict[str, list[str]]:
        return {name: [task.name for task in tasks] for name, tasks in self.jobs.items()}
