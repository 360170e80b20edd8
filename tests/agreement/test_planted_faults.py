"""What the generated histories are good for: each of these faults, planted on purpose, is found by them."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from stilt.backends.liveness import Fate, TaskFate
from stilt.backends.slurm import commands
from stilt.backends.slurm.answers import JobId
from stilt.backends.slurm.observe import _judge, open_arrays
from stilt.batch.queued import ENDED
from stilt.foundations.errors import EXIT_COMPLETE, EXIT_SOME_FAILED, DamagedError
from stilt.foundations.writers import is_alive
from stilt.log.states import SimState
from stilt.status.counting import Waiting, count_waiting
from stilt.status.hands import InHand
from tests.agreement.test_histories import check
from tests.site import HERE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from stilt.backends.in_hand import WorkInHand
    from stilt.backends.slurm.observe import Array
    from stilt.backends.slurm.queue import Queue
    from stilt.foundations.paths import Layout
    from stilt.foundations.writers import Writer
    from stilt.log.fold import State

pytestmark = pytest.mark.slow

MOST_HISTORIES = 300


def _outranks_by_attempt(sim: SimState, other: SimState) -> bool:
    mine, others = ((each.life.attempt, each.at, each.life.name) for each in (sim, other))
    return mine > others


def _ended_in_any_batch(state: State, sim: str, batch: str) -> bool:
    del batch
    known = state.find(sim)
    return known is not None and known.outcome in ENDED


def _keeps_unless_cancelled(hands: WorkInHand, batch: str, task: int) -> bool:
    known = hands._state.batches[batch]
    return known.cancelled is None and hands._liveness.of(batch, task).fate is not Fate.GONE


def _keeps_what_is_cancelled(hands: WorkInHand, batch: str, task: int) -> bool:
    return hands._liveness.of(batch, task).fate is not Fate.GONE


def _nothing_again(*arguments: Any) -> Waiting:
    return Waiting(count_waiting(*arguments).new, {})


def _forget_invalid(*_arguments: object) -> SimState:
    return SimState(sim="none", at=0.0, outcome="invalid", life=_arguments[0])  # type: ignore[arg-type]


def _sees_all(writer: Writer) -> bool:
    return bool(is_alive(writer))


def _by_id(array: Array, number: int, listed: Any, queue: Queue) -> TaskFate:
    entry = listed.get((array.token, number - array.first))
    is_logs = entry is not None and entry.job == array.job
    return _judge(array, number, listed if is_logs else {}, queue)


def _whatever_has_the_id(_: Layout, state: State) -> None:
    for array in open_arrays(state):
        if array.job:
            commands.scancel([array.job], cluster=array.cluster)


def _at_hand(_array: Array, jobs: Sequence[str]) -> tuple[JobId, ...]:
    return tuple(JobId(job, HERE) for job in jobs)


FAULTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "what is done again counts as complete": (
        "stilt.status.standing.count_in_hand",
        lambda *_: InHand(),
    ),
    "an attempt outranks a newer batch": (
        "stilt.log.states.SimState.outranks",
        _outranks_by_attempt,
    ),
    "what any batch ended counts as ended in each, to status": (
        "stilt.status.hands.has_ended",
        _ended_in_any_batch,
    ),
    "what any batch ended counts as ended in each, to run": (
        "stilt.batch.queued.has_ended",
        _ended_in_any_batch,
    ),
    "what is at work in a cancelled batch is nobody's": (
        "stilt.backends.in_hand.WorkInHand.keeps",
        _keeps_unless_cancelled,
    ),
    "a cancelled batch keeps what it never began": (
        "stilt.backends.in_hand.WorkInHand.keeps",
        _keeps_what_is_cancelled,
    ),
    "who cannot be asked is dead": (
        "stilt.status.fates.Fates.of",
        lambda *_: Fate.GONE,
    ),
    "who is dead is at work": ("stilt.status.fates.Fates.of", lambda *_: Fate.LIVE),
    "all tasks are gone": ("stilt.status.fates.Fates.told", lambda *_: TaskFate(Fate.GONE)),
    "what failed and waits again counts as failed": (
        "stilt.status.standing.count_waiting",
        _nothing_again,
    ),
    "an output that is damaged is another simulation's": (
        "stilt.log.fold.invalidated",
        _forget_invalid,
    ),
    "results of other settings are what would be made today": (
        "stilt.status.outdated.Outdated.of_life",
        lambda *_: False,
    ),
    "a chunk that is damaged is whole": (
        "stilt.batch.whole.Wholeness.__call__",
        lambda *_: True,
    ),
    "a task whose chunk is damaged has nothing, to run": (
        "stilt.batch.queued.at_work",
        lambda *_: [],
    ),
    "a run that lives will never start what it registered": (
        "stilt.backends.in_hand.may_still_start",
        lambda *_: False,
    ),
    "a process out of sight is dead": ("stilt.backends.observe.is_alive", _sees_all),
    "a process on a host that is gone may live for ever": (
        "stilt.log.silence.Silence.lives",
        lambda *_: None,
    ),
    "silence is counted by one's own clock": (
        "stilt.log.silence.Silence.ask_clock",
        lambda _: time.time(),
    ),
    "moments are by the clock of the node": (
        "stilt.log.writer.SegmentWriter._ahead_s",
        lambda _: 0.0,
    ),
    "a job is what has the id in the log": ("stilt.backends.slurm.observe._judge", _by_id),
    "cancel goes by the id in the log": (
        "stilt.backends.slurm.cancel.live_jobs",
        lambda _: {},
    ),
    "cancel ends what has the id in the log, whatever its name": (
        "tests.agreement.test_histories.cancel_jobs",
        _whatever_has_the_id,
    ),
    "cancel ends a job of the number on the cluster at hand": (
        "stilt.backends.slurm.cancel._where",
        _at_hand,
    ),
    "the cluster is the one at hand": (
        "stilt.backends.slurm.observe.foreign_clusters",
        lambda _: (),
    ),
    "a run that waited is complete when its own work is": (
        "stilt.batch.plan.Plan.exit_code",
        property(lambda plan: EXIT_SOME_FAILED if plan.work else EXIT_COMPLETE),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    where, instead = FAULTS[fault]
    monkeypatch.setattr(where, instead)
    for seed in range(MOST_HISTORIES):
        try:
            check(tmp_path / f"p{seed}", seed, monkeypatch)
        except (AssertionError, LookupError, DamagedError):
            sys.stdout.write(f"{fault}: found by history {seed}\n")
            return
    pytest.fail(f"{MOST_HISTORIES} histories did not find it")
