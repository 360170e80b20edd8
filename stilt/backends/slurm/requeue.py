"""A task puts itself back into the queue before its time limit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stilt.backends.slurm import commands

if TYPE_CHECKING:
    from collections.abc import Mapping


def requeue_self(max_requeues: int, surroundings: Mapping[str, str] | None = None) -> bool:
    """From inside a task that was told its time is nearly up: put it back into the queue.

    Bounded by ``max_requeues``, counting every restart that Slurm knows of. Slurm ends this life of
    the task soon after, so whatever must be durable has to be so before.
    """
    given = os.environ if surroundings is None else surroundings
    array, index = given.get("SLURM_ARRAY_JOB_ID"), given.get("SLURM_ARRAY_TASK_ID")
    job = f"{array}_{index}" if array and index else given.get("SLURM_JOB_ID", "")
    restarts = given.get("SLURM_RESTART_COUNT", "0")
    if not job or not restarts.isdigit() or int(restarts) >= max_requeues:
        return False
    return commands.requeue(job).code == 0
