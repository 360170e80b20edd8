"""Where the processes of generated histories are: here, out of sight, or jobs of a site of several clusters."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest.mock import patch

import msgspec

from stilt.log.events import Submitted, Submitting
from tests.site import HERE, Site, job
from tests.status.conftest import ALIVE, DEAD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

    from stilt.foundations.writers import Writer
    from tests.status.conftest import ProjectLog

TWO_DAYS_S = 172_800.0
LONG_AGO = 1e9  # clocks that are two days off do not matter for that
OUT_OF_SIGHT = (
    msgspec.structs.replace(ALIVE, host="node17", space="f00"),
    msgspec.structs.replace(ALIVE, space="f00"),  # another namespace of pids on this host
)


@dataclass(frozen=True)
class Place:
    """Where the processes of a batch are.

    Attributes
    ----------
    lives
        Whether they are at work still.
    who
        The process that works; ``run`` is the one that handed over.
    is_silent
        Whether nobody has touched the segments for long.
    ahead_s
        By how much the clock there is ahead of the file server's.
    job
        Its array where Slurm has the batch.
    """

    lives: bool
    who: Writer
    run: Writer = ALIVE
    is_silent: bool = False
    ahead_s: float = 0.0
    job: Job | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the run that handed over has ended, and said so."""
        return not (self.lives or self.is_silent)

    @property
    def may_lose(self) -> tuple[str, ...]:
        """What may be lost of its segments such that what is left of them tells what is so."""
        if self.lives:  # Slurm believes in one that is silent, and nobody else does
            return () if self.job and self.is_silent else ("run",)
        return ("all", "worker") if self.job else ("all", "run", "worker")


@dataclass(frozen=True)
class Job:
    """An array as Slurm has it, which the log may know by another number or by none."""

    site: Site
    cluster: str
    number: int
    name: str

    def list(self, task: int, state: str) -> None:
        """Have squeue show a task."""
        self.site.jobs[self.cluster].append(job(self.number, self.name, index=task, state=state))


@contextmanager
def clock_ahead(by_s: float) -> Iterator[None]:
    """Have this process's clock be wrong."""
    ask = time.time
    with patch("time.time", lambda: ask() + by_s):
        yield


def some_clock(random: Random) -> float:
    return random.choice((0.0, 0.0, TWO_DAYS_S, -TWO_DAYS_S))


def some_place(random: Random) -> Place:
    """Return a place on this machine, or out of sight from it."""
    lives, far = random.random() < 0.3, random.choice(OUT_OF_SIGHT)
    if random.random() < 0.5:
        return Place(lives, ALIVE if lives else DEAD)
    return Place(lives, far, far, is_silent=not lives, ahead_s=some_clock(random))


def be_silent(segment: Path) -> None:
    """Let a segment not have been touched for an hour."""
    then = segment.stat().st_mtime - 3600
    os.utime(segment, (then, then))


def submit(log: ProjectLog, site: Site, random: Random, batch: str, tasks: int) -> Place:
    """Offer a batch to clusters, and write what is known of that; ids may begin anew or be those of a hand's script."""
    offered = random.choice(("", HERE, "one", f"one,{HERE}"))
    cluster = random.choice(offered.split(",")) or HERE
    number = 7 + max((int(each.job) - 6 for each in site.jobs[cluster]), default=0)
    name = f"stilt-{batch}-0"
    writer = log.writers[-1]
    writer.append(Submitting(batch, name, LONG_AGO, 0, tasks, offered))
    if random.random() < 0.7:
        said = "" if cluster == HERE and random.random() < 0.5 else cluster
        writer.append(Submitted(batch, name, str(number), LONG_AGO, cluster=said))
    if random.random() < 0.4:
        site.jobs[cluster].append(job(number, "another"))
        number += 1
    lives, who = random.random() < 0.5, random.choice(OUT_OF_SIGHT)
    other = "one" if cluster == HERE else HERE
    if random.random() < 0.4 and str(number) not in {each.job for each in site.jobs[other]}:
        site.jobs[other].append(job(number, "another"))
    is_silent = random.random() < 0.5
    job_now = Job(site, cluster, number, name)
    return Place(lives, who, ALIVE, is_silent, some_clock(random), job_now)
