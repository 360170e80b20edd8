"""From folded log, fates and manifests to the summary. Pure: the same input, the same object."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stilt.backends.liveness import Fate
from stilt.batch.manifest import total_of
from stilt.foundations.quantities import counted, wholly_empty
from stilt.log.states import SUCCESSES
from stilt.status import cost
from stilt.status.counting import (
    batch_counts,
    count,
    count_refused,
    left_by_all,
    shown_as,
)
from stilt.status.happened import happened
from stilt.status.moments import iso
from stilt.status.summary import (
    BatchSummary,
    FailureExample,
    PastRuns,
    RunningTask,
    Summary,
    WaitingJob,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.batch.manifest import Manifest, Manifests
    from stilt.batch.today import Today
    from stilt.config.schema import Execution
    from stilt.log.fold import BatchState, Life, SimState, State
    from stilt.status.counting import Counts, Tally, Waiting
    from stilt.status.fates import Fates
    from stilt.status.standing import Standing


STUCK_FACTOR = 5
STUCK_LEAST_S = 300.0


def summarize(standing: Standing, *, current: bool, recount: Callable[[], int | None]) -> Summary:
    """Return the summary of how a project stands.

    ``current`` is whether the newest batch was planned from the receptors and meteorologies of today. ``recount`` tells
    what there is to do where the log alone cannot: None if it cannot be known. What is looked up meanwhile may add to
    the notes, which are read last.
    """
    state, fates, manifests, now = standing.state, standing.fates, standing.manifests, standing.now
    tally, waiting, in_hand = standing.tally, standing.waiting, standing.in_hand
    counts = count(state, tally, fates, standing.outdated)
    project_total = total_of(manifests)
    _let_wait(counts, waiting)
    summary = Summary(
        project=str(standing.project.layout.project),
        as_of=iso(now),
        total=state.begun() + waiting.new,
        in_hand=in_hand.total,
        redoing=in_hand.again,
        current=current,
        rows=_rows(tally, standing.outdated.today),
        pending=counts.states["pending"],
        running=counts.states["running"],
        complete=counts.states["complete"],
        empty=counts.states["empty"],
        failed=counts.states["failed"],
        interrupted=counts.states["interrupted"],
        stale=counts.states["stale"],
        failures=dict(counts.failures.most_common()),
        facts=happened(state),
        batches=_batches(state, tally, fates, manifests),
        segments=state.segments,
        events=state.events,
        damaged=state.damaged,
        unknown_events=state.unknown,
        damages=tuple(map(str, state.damages)),
        last_event_at=_last_event(state),
        failure_examples=_examples(state),
    )
    past = cost.past_runs(state)
    summary = _with_pace(_with_tasks(summary, state, fates, now, past), state, fates, now, past)
    to_do = _to_do(summary, project_total, recount)
    config = standing.project.config
    advised = _advised(past, to_do, config.execution if config else None)
    notes = [*standing.notes, *_remarks(summary, state, tally, project_total)]
    return replace(summary, to_do=to_do, past_runs=advised, notes=tuple(dict.fromkeys(notes)))


def _rows(tally: Tally, today: Today | None) -> int | None:
    """Count the results that have a row of the matrix that is asked for."""
    if today is None or not today.rows:
        return None
    return sum(
        number
        for (life, outcome, _), number in tally.items()
        if outcome in SUCCESSES and today.has_rows(life, outcome)
    )


def _last_event(state: State) -> float | None:
    """Return the moment of the last event by the file server's clock, where a writer's was another."""
    if not any(life.ahead_s for life in state.lives.values()):
        return state.latest()
    return max((sim.at - sim.life.ahead_s for sim in state.sims.values()), default=None)


def _to_do(summary: Summary, project_total: int, recount: Callable[[], int | None]) -> int:
    """Return how many simulations are left that no task has: by the receptors themselves where the log can't tell."""
    is_known = summary.current and summary.total == project_total > 0
    known = None if is_known else recount()
    return max(summary.left - summary.in_hand, 0) if known is None else known


def _remarks(summary: Summary, state: State, tally: Tally, project_total: int) -> list[str]:
    """Say what the numbers do not."""
    remarks = _began_nothing(state, tally) if summary.left and state.batches else []
    if summary.empty == summary.total > 0:
        remarks.append(wholly_empty(summary.total))
    gone = summary.total - project_total if project_total else 0
    if gone > 0 and summary.left:
        remarks.append(
            f"{gone:,} of these {'was' if gone == 1 else 'were'} not among the receptors of the last batch: "
            "`stilt run` takes up only what receptors.csv has"
        )
    return remarks


def _newest(state: State) -> BatchState:
    return max(state.batches.values(), key=lambda batch: batch.seq)


def _began_nothing(state: State, tally: Tally) -> list[str]:
    """Say of how many tasks of the newest batch the last life ended without beginning anything, and why."""
    busy = {life.name for life, _, _ in left_by_all(state, tally)}
    idle = Counter(
        life.closed
        for life in _newest(state).tasks.values()
        if life.closed not in {"", "finished"} and life.name not in busy
    )
    return [
        f"{counted(number, 'task')} ended without beginning a simulation ({why})"
        for why, number in sorted(idle.items())
    ]


def _let_wait(counts: Counts, waiting: Waiting) -> None:
    """Count what waits, and take it out of the state that an older batch left it in."""
    for (name, reason), number in Counter(waiting.again.values()).items():
        counts.states[name] -= number
        if name == "failed":
            counts.failures[reason] -= number
            counts.failures += Counter()  # drops reasons that no longer hold for any
    counts.states["pending"] += waiting.new + len(waiting.again)


def _batches(
    state: State, tally: Tally, fates: Fates, manifests: Manifests
) -> tuple[BatchSummary, ...]:
    by_batch, refused = batch_counts(state, tally, fates), count_refused(state, tally)
    return tuple(
        _batch(batch, by_batch[batch.id], refused[batch.id], manifests.get(batch.id))
        for batch in sorted(state.batches.values(), key=lambda batch: (batch.seq, batch.id))
        if batch.chunks or refused[batch.id]
    )


def _batch(
    batch: BatchState, counts: Counter[str], refused: int, manifest: Manifest | None
) -> BatchSummary:
    total = batch.total + refused
    said = [event.backend for event in batch.submissions.values()]
    return BatchSummary(
        id=batch.id,
        seq=batch.seq,
        backend=manifest.backend if manifest else said[0] if said else "",
        jobs=tuple(batch.jobs),
        total=total,
        complete=counts["complete"],
        empty=counts["empty"],
        failed=counts["failed"],
        interrupted=counts["interrupted"],
        running=counts["running"],
        pending=max(total - counts.total(), 0) + counts["pending"],
        cancelled=batch.cancelled is not None,
    )


def _examples(state: State) -> dict[str, FailureExample]:
    """Return the latest failure for each reason: older ones may have been mended since."""
    return {reason: example_of(sim) for reason, sim in sorted(state.last_failed().items())}


def example_of(sim: SimState) -> FailureExample:
    """Return what a person wants to know of a failed simulation."""
    return FailureExample(
        sim=sim.sim,
        message=sim.message,
        batch=sim.batch,
        task=sim.life.task,
        node=node_of(sim.life),
        at=sim.at,
    )


def node_of(life: Life) -> str:
    """Return the node or host that a life was on."""
    return (life.writer.node or life.writer.host) if life.writer else ""


def _with_tasks(
    summary: Summary, state: State, fates: Fates, now: float, past: PastRuns | None
) -> Summary:
    """Add what runs where, what waits and what is stuck."""
    running: dict[str, list[SimState]] = {}
    for sim in state.having("running"):
        if shown_as("running", sim.life, fates) == "running":
            running.setdefault(sim.life.name, []).append(sim)
    limit = _stuck_after(past) if past else 0.0
    tasks = [_running_task(sims, fates, now, limit) for sims in running.values()]
    live, unknown, waiting = _count_tasks(state, fates)
    return replace(
        summary,
        running_tasks=tuple(sorted(tasks, key=lambda task: (task.batch, task.task or 0))),
        tasks_live=live,
        tasks_unknown=unknown,
        waiting=waiting,
    )


def _stuck_after(past: PastRuns) -> float:
    """Return the seconds after which a simulation has taken far longer than the others did."""
    return max(STUCK_FACTOR * past.wall_s.p95, past.wall_s.max, STUCK_LEAST_S)


def _running_task(sims: list[SimState], fates: Fates, now: float, limit: float) -> RunningTask:
    life = sims[0].life
    since = min(sim.at for sim in sims) - life.ahead_s
    told = fates.told(life.batch, life.task) if life.task is not None else None
    return RunningTask(
        batch=life.batch,
        task=life.task,
        node=node_of(life),
        job=(told.job if told else "") or (life.writer.job if life.writer else ""),
        state=told.state if told else "",
        sims=tuple(sorted(sim.sim for sim in sims)),
        since=since,
        life=fates.of(life).value,
        stuck=0 < limit < now - since,
    )


def _count_tasks(state: State, fates: Fates) -> tuple[int, int, tuple[WaitingJob, ...]]:
    """Count the tasks that live and those of which nothing is known, and list what waits in the queue."""
    fate_of: Counter[Fate] = Counter()
    waiting: Counter[tuple[str, str, str]] = Counter()
    for batch in state.batches.values():
        if not batch.chunks:
            continue
        lives = fates.latest_lives(batch)
        closed = {task for task, life in lives.items() if life.closed == "finished"}
        for pending in batch.chunks.values():
            if pending.task in closed:
                continue
            fate_of[fates.of_task(batch, pending.task)] += 1
            told = fates.told(batch.id, pending.task)
            if told.fate is Fate.LIVE and not told.is_running:
                waiting[batch.id, told.job.partition("_")[0], told.why] += 1
    jobs = tuple(
        WaitingJob(batch=batch, job=job, tasks=number, reason=why)
        for (batch, job, why), number in sorted(waiting.items())
    )
    return fate_of[Fate.LIVE], fate_of[Fate.UNKNOWN], jobs


def _with_pace(
    summary: Summary, state: State, fates: Fates, now: float, past: PastRuns | None
) -> Summary:
    """Add rate and time left where something is, or may be, at work."""
    at_work = {task.batch for task in summary.running_tasks}
    at_work |= {life.batch for life in _live_lives(state, fates)}
    rate = cost.rate_per_second(state, at_work, now, past) if at_work else None
    left = summary.in_hand
    return replace(
        summary,
        rate_per_hour=round(rate * 3600, 3) if rate else None,
        time_left_s=round(left / rate, 1) if rate and left else None,
    )


def _live_lives(state: State, fates: Fates) -> list[Life]:
    return [
        life
        for batch in state.batches.values()
        for life in batch.lives.values()
        if life.task is not None and not life.closed and fates.of(life) is Fate.LIVE
    ]


def _advised(past: PastRuns | None, to_do: int, execution: Execution | None) -> PastRuns | None:
    if past is None or execution is None or execution.backend != "slurm":
        return past
    return replace(past, suggest=cost.suggest(past, to_do, execution.cpus_per_task))
