"""What is known of the tasks of all batches: from the log, from this machine, from Slurm."""

from __future__ import annotations

import time
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from stilt.backends.liveness import Fate, Liveness, TaskFate
from stilt.foundations.writers import host_in_name, host_name, is_alive
from stilt.log.names import parse_name
from stilt.log.silence import Silence

if TYPE_CHECKING:
    from stilt.log.fold import BatchState, Life, State
    from stilt.log.index import OutputIndex

_RECENT_S = 600.0
"""Clocks differ and attributes are cached; a segment older than this was whole when it was read."""


def fold_and_observe(
    index: OutputIndex,
    *,
    fresh: bool = False,
    ask_slurm: bool = True,
    folded: State | None = None,
) -> tuple[State, Liveness]:
    """Fold the log and ask who lives, such that the two fit.

    A worker may end between the two. So when a task turns out to be gone that the log did not see
    end, the log is folded again: what the task wrote is all there by then.

    Parameters
    ----------
    index
        The log.
    fresh
        Ask Slurm even if a recent answer is at hand: for commands that start or stop something.
    ask_slurm
        False: make do with a recent answer.
    folded
        What the log said a moment ago, if it was folded then.
    """
    began = time.time()
    state = folded or index.fold()
    liveness = observe(index, state, fresh=fresh, ask_slurm=ask_slurm)
    if liveness.as_of >= began and _ended_unseen(index, state, liveness, began):
        state = index.fold()
    return state, liveness


def observe(
    index: OutputIndex, state: State, *, fresh: bool = False, ask_slurm: bool = True
) -> Liveness:
    """Say of each task of each batch whether it lives; asks Slurm at most once, and only if need be."""
    tasks: dict[tuple[str, int], TaskFate] = {}
    as_of, problem = time.time(), ""
    if any(batch.intents for batch in state.batches.values()):
        from stilt.backends.slurm.observe import observe_slurm, open_arrays

        found = open_arrays(state)
        if found:
            tasks, queue = observe_slurm(found, fresh=fresh, ask=ask_slurm)
            as_of, problem = queue.as_of or as_of, queue.problem
    silence = Silence(index.log_dir)
    for batch in state.batches.values():
        _add_local(batch, tasks, silence)
    at_work = any(task.is_running for task in tasks.values())
    return Liveness(as_of, tasks, problem, silence.server_time() if at_work else 0.0)


def _add_local(batch: BatchState, tasks: dict[tuple[str, int], TaskFate], silence: Silence) -> None:
    """Add what the log and this machine know of a batch's tasks."""
    begun = batch.tasks
    waiting = _hand_over(batch, silence)
    # of a task that was begun the log may have lost what registered it
    for task in {task for task, _ in batch.chunks} | begun.keys():
        life = begun.get(task)
        from_slurm = tasks.get((batch.id, task))
        if life is not None:
            own = _of_life(life, from_slurm, silence)
            if own is not None:
                tasks[batch.id, task] = own
        elif from_slurm is None or _may_be_offered_again(batch, task, from_slurm):
            tasks[batch.id, task] = waiting


def _may_be_offered_again(batch: BatchState, task: int, from_slurm: TaskFate) -> bool:
    """Tell whether a task is in no array that Slurm took: the run that waits for room offers it again."""
    return from_slurm.fate is Fate.GONE and not batch.was_accepted(task)


def _of_life(life: Life, from_slurm: TaskFate | None, silence: Silence) -> TaskFate | None:
    """Judge a task by its latest life; None where Slurm knows better."""
    if life.closed == "finished":
        return TaskFate(Fate.GONE, why="finished")
    alive = is_alive(life.writer) if life.writer else _may_still_begin(life)
    if alive:
        return _live(life)
    if from_slurm is not None and from_slurm.fate is not Fate.UNKNOWN:
        return None  # a life that ended here may go on elsewhere: Slurm requeues
    if life.closed:
        return None if from_slurm else TaskFate(Fate.GONE, why=f"stopped: {life.closed}")
    if alive is None:
        return _by_silence(life, from_slurm, silence)
    return None if from_slurm else _GONE


def _by_silence(life: Life, from_slurm: TaskFate | None, silence: Silence) -> TaskFate | None:
    """Judge a process that can't be seen from here by whether it touches its segment."""
    lives = silence.lives(life.writer, life.name)
    if lives:
        return _live(life)
    if from_slurm is not None:
        return None  # it may wait in the queue again
    if lives is False:
        return TaskFate(Fate.GONE, why="silent for long, and out of sight")
    return TaskFate(Fate.UNKNOWN, why="on another machine")


def _live(life: Life) -> TaskFate:
    node = life.writer.node or life.writer.host if life.writer else ""
    job = life.writer.job if life.writer else ""
    return TaskFate(Fate.LIVE, state="RUNNING", node=node, since=life.at, job=job)


def _may_still_begin(life: Life) -> bool | None:
    """Judge a worker by its segment's name where that has no header: it is about to write it, or was killed.

    A power loss leaves such a segment too. Its pid may be that of another program since.
    """
    name = parse_name(PurePath(life.name).name)
    if name is None or name.host != host_in_name(host_name()):
        return None
    try:
        return b"push-worker" in Path(f"/proc/{name.pid}/cmdline").read_bytes()
    except OSError:
        return False


_GONE = TaskFate(Fate.GONE, why="its process has ended")


def _hand_over(batch: BatchState, silence: Silence) -> TaskFate:
    """Judge the tasks that no worker has begun, by the process that handed the batch over."""
    runs = [life for life in batch.lives.values() if life.role == "run" and life.writer]
    states = [_is_at_it(life, silence) for life in runs]
    if any(states):
        return TaskFate(Fate.LIVE, state="PENDING")
    if None in states:
        return TaskFate(Fate.UNKNOWN, why="handed over on another machine")
    return _GONE


def _is_at_it(life: Life, silence: Silence) -> bool | None:
    """Tell whether a process that handed over lives, by what can be seen of it."""
    alive = is_alive(life.writer) if life.writer and not life.closed else False
    return silence.lives(life.writer, life.name) if alive is None else alive


def _ended_unseen(index: OutputIndex, state: State, liveness: Liveness, began: float) -> bool:
    """Tell whether a task is gone that may have written since the fold began."""
    wrote = any(
        _written_since(index.log_dir / life.name, began - _RECENT_S)
        for batch in state.batches.values()
        for task, life in batch.tasks.items()
        if life.closed != "finished" and liveness.of(batch.id, task).fate is Fate.GONE
    )
    return wrote or _lived_unseen(index, state, liveness)


def _lived_unseen(index: OutputIndex, state: State, liveness: Liveness) -> bool:
    """Tell whether a task is gone that began after the fold: it has a segment that the fold did not see."""
    for path in index.unseen(state):
        name = parse_name(path.name)
        if name is None or name.task is None:
            continue
        if liveness.of(path.parent.name, name.task).fate is Fate.GONE:
            return True
    return False


def _written_since(segment: Path, moment: float) -> bool:
    try:
        return segment.stat().st_mtime >= moment
    except OSError:
        return True
