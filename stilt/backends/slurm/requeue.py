"""A task puts itself back into the queue before its time limit."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from stilt.backends.slurm import commands
from stilt.foundations.errors import EnvironmentFailure

if TYPE_CHECKING:
    from collections.abc import Mapping


WAITS_S = (2.0, 5.0, 10.0)
"""Between attempts, where the controller is away or busy: there are two minutes before the limit."""


def requeue_self(max_requeues: int, surroundings: Mapping[str, str] | None = None) -> str:
    """From inside a task whose time is nearly up: put it back into the queue, and say so.

    Bounded by ``max_requeues``, counting every restart that Slurm knows of. Slurm ends this life of
    the task soon after, so whatever must be durable has to be so before.
    """
    given = os.environ if surroundings is None else surroundings
    array, index = given.get("SLURM_ARRAY_JOB_ID"), given.get("SLURM_ARRAY_TASK_ID")
    if not array or not index:
        return "not requeued: this is no array task"
    restarts = given.get("SLURM_RESTART_COUNT", "0")
    if not restarts.isdigit() or int(restarts) >= max_requeues:
        return f"not requeued: this was restart {restarts} of at most {max_requeues}"
    try:
        answer = commands.requeue(f"{array}_{index}")
        for wait_s in WAITS_S:
            if answer.code == 0 or not answer.is_transient:
                break
            time.sleep(wait_s)
            answer = commands.requeue(f"{array}_{index}")
    except EnvironmentFailure as error:
        return f"not requeued: {error.message}"
    if answer.code != 0:
        return f"not requeued: scontrol requeue: {answer.words}"
    return f"requeued: restart {int(restarts) + 1} of at most {max_requeues}"
