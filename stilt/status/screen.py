"""The status screen: how far, how fast, when done, what failed and why, what runs where, what is stuck."""

from __future__ import annotations

import time
from shlex import quote
from typing import TYPE_CHECKING

from stilt.foundations.page import Page, columns
from stilt.foundations.quantities import counted, duration, rate, size
from stilt.status.happened import words
from stilt.status.moments import parse_moment
from stilt.status.told import all_complete

if TYPE_CHECKING:
    from stilt.status.summary import BatchSummary, PastRuns, RunningTask, Summary

TASKS_SHOWN = 8
BATCHES_SHOWN = 5
REASONS_SHOWN = 8
BAR_MOST = 60

STYLES = {
    "complete": "green",
    "empty": "green",
    "running": "cyan",
    "pending": "",
    "failed": "red",
    "interrupted": "yellow",
    "stale": "yellow",
}


def render(
    summary: Summary,
    width: int = 100,
    *,
    colour: bool = False,
    now: float = 0.0,
    argument: str | None = None,
    watching: bool = False,
    past: bool = False,
) -> str:
    """Return the screen for a terminal of that width.

    ``now`` (s since 1970) is what ages are counted to, when the summary was made unless given. ``argument`` is the
    project as it was given on the command line; the commands that are shown repeat it. ``watching`` is whether it is
    about to be drawn again, ``past`` whether it is of a moment that was chosen.
    """
    page = Page(width, colour=colour)
    where = _where(summary.project if argument is None else argument)
    now = now or parse_moment(summary.as_of)
    _head(page, summary)
    _counts(page, summary)
    _again(page, summary)
    _pace(page, summary, now)
    if told := words(summary.facts, summary.complete + summary.empty):
        page.prose(told)
    _rows(page, summary, where)
    _failures(page, summary, where)
    _running(page, summary, now)
    _waiting(page, summary)
    _batches(page, summary)
    _past_runs(page, summary)
    _damage(page, summary)
    for note in summary.notes:
        page.prose(f"note: {note}", "yellow", indent=0)
    if past:
        page.lines.append("")
        page.line(f"So it stood then. As it stands now: stilt status{where}")
    else:
        _next(page, summary, where, watching=watching)
    return page.text()


def _head(page: Page, summary: Summary) -> None:
    page.line((summary.project, "bold"))
    as_of = summary.as_of.replace("T", " ")
    page.prose(f"{counted(summary.total, 'simulation')} · as of {as_of}", "dim", indent=0)


def _counts(page: Page, summary: Summary) -> None:
    page.lines.append("")
    _bar(page, summary)
    shown = ["complete", "running", "pending", "failed"]
    shown += [name for name in ("empty", "interrupted", "stale") if getattr(summary, name)]
    cells = [(name, f"{getattr(summary, name):,}") for name in shown]
    page.flow([(number, _style(name, number)), f" {name}"] for name, number in cells)


def _again(page: Page, summary: Summary) -> None:
    if summary.redoing:
        page.prose(
            f"{summary.in_hand:,} queued or running, {summary.redoing:,} of them again: their results stand until then"
        )


def _style(name: str, number: str) -> str:
    return STYLES[name] if number != "0" else "dim"


def _bar(page: Page, summary: Summary) -> None:
    """Draw the shares of good, failed and running simulations; each that exists has a cell at least."""
    total = max(summary.total, 1)
    share = 100 * summary.ended // total
    width = min(page.width - len("  100% ended") - 2, BAR_MOST)
    if width < 10 or not summary.total:  # noqa: PLR2004 - shorter says nothing
        page.line(f"  {share}% ended")
        return
    parts = (
        ("━", max(summary.complete + summary.empty - summary.redoing, 0), "green"),
        ("━", summary.failed, "red"),
        ("─", summary.running, "cyan"),
    )
    cells = [max(count * width // total, count > 0) for _, count, _ in parts]
    while sum(cells) > width:
        cells[cells.index(max(cells))] -= 1
    drawn: list[str | tuple[str, str]] = [
        (mark * n, style) for (mark, _, style), n in zip(parts, cells, strict=True)
    ]
    page.line("  ", *drawn, ("╌" * (width - sum(cells)), "dim"), f" {share}% ended")


def _pace(page: Page, summary: Summary, now: float) -> None:
    parts = []
    if summary.rate_per_hour:
        parts.append(f"{rate(summary.rate_per_hour / 3600)} of late")
    if summary.time_left_s is not None:
        ends = time.strftime("%a %H:%M UTC", time.gmtime(now + summary.time_left_s))
        parts.append(f"{duration(summary.time_left_s)} left, done about {ends}")
    if summary.last_event_at and summary.in_hand:
        parts.append(f"last event {duration(max(now - summary.last_event_at, 0))} ago")
    if parts:
        page.prose(" · ".join(parts))


def _rows(page: Page, summary: Summary, where: str) -> None:
    results = summary.complete + summary.empty + summary.stale
    if summary.rows is None or not results:
        return
    others = "" if summary.rows == results else ", and makes the others of footprints"
    page.prose(
        f"{summary.rows:,} of {counted(results, 'result')} with a row of H: stilt jacobian{where} gathers them{others}"
    )


def _failures(page: Page, summary: Summary, where: str) -> None:
    if not summary.failures:
        return
    page.heading("Failed", "red")
    ranked = sorted(summary.failures.items(), key=lambda item: (-item[1], item[0]))
    for reason, count in ranked[:REASONS_SHOWN]:
        page.prose(f"{count:,} {reason}", "red")
        example = summary.failure_examples.get(reason)
        if example is not None:
            if example.message:
                page.prose(example.message, indent=4)
            see = f"    see: stilt logs {quote(example.sim)}{where}"
            on = f"   (on {example.node})" if example.node else ""
            fits = columns(see) + columns(on) <= page.width
            page.line(see, (on if fits else "", "dim"))
    if len(ranked) > REASONS_SHOWN:
        page.line(f"  and {counted(len(ranked) - REASONS_SHOWN, 'further reason')}")


def _where(project: str) -> str:
    """Return the project as the last word of a command; the current folder needs none."""
    return "" if project == "." else f" {quote(project)}"


def _running(page: Page, summary: Summary, now: float) -> None:
    if not summary.running_tasks:
        return
    page.heading("Running")
    shown = sorted(summary.running_tasks, key=lambda task: (not task.stuck, task.since))
    rows = [_running_row(task, now) for task in shown[:TASKS_SHOWN]]
    page.table(("task", "node", "job", "for", "simulation"), rows, "rllrl", ("job", "node"))
    if len(shown) > TASKS_SHOWN:
        page.line(f"  and {counted(len(shown) - TASKS_SHOWN, 'further task')}")
    stuck = [task for task in shown if task.stuck]
    if stuck:
        text = f"{counted(len(stuck), 'task')} far longer at it than usual (marked !): look at the node"
        page.prose(text, "yellow")
    if summary.tasks_unknown:
        page.prose(
            f"of {counted(summary.tasks_unknown, 'task')} nothing is known: counted as last reported"
        )


def _running_row(task: RunningTask, now: float) -> tuple[str, ...]:
    more = f" +{len(task.sims) - 1}" if len(task.sims) > 1 else ""
    mark = "! " if task.stuck else "? " if task.life == "unknown" else ""
    return (
        "-" if task.task is None else str(task.task),
        task.node or "-",
        task.job or "-",
        duration(max(now - task.since, 0)) if task.since else "-",
        f"{mark}{task.sims[0] if task.sims else task.state.lower() or 'starting'}{more}",
    )


def _waiting(page: Page, summary: Summary) -> None:
    for job in summary.waiting:
        why = f": {job.reason}" if job.reason else ""
        page.prose(f"job {job.job}: {counted(job.tasks, 'task')} waiting in the queue{why}")


def _batches(page: Page, summary: Summary) -> None:
    if not summary.batches:
        return
    page.heading("Batches")
    states = ("complete", "empty", "failed", "interrupted", "running", "pending")
    latest = summary.batches[-BATCHES_SHOWN:]
    used = [name for name in states if any(getattr(batch, name) for batch in latest)]
    rows = [_batch_row(batch, used) for batch in reversed(latest)]
    page.table(("batch", "where", "total", *used), rows, "ll" + "r" * (1 + len(used)))
    if len(summary.batches) > BATCHES_SHOWN:
        page.line(f"  and before: {len(summary.batches) - BATCHES_SHOWN:,}")


def _batch_row(batch: BatchSummary, used: list[str]) -> tuple[str, ...]:
    where = f"{batch.backend} {','.join(batch.jobs)}".strip()
    counts = [f"{getattr(batch, name):,}" for name in used]
    return (
        batch.id,
        where + (" cancelled" if batch.cancelled else ""),
        f"{batch.total:,}",
        *counts,
    )


def _past_runs(page: Page, summary: Summary) -> None:
    past = summary.past_runs
    if past is None:
        return
    page.heading(f"Cost of {counted(past.simulations, 'simulation')}")
    wall, rss = past.wall_s, past.peak_rss_bytes
    rows = [("time", *(duration(value) for value in (wall.p50, wall.p95, wall.max)))]
    if rss.max:
        rows.append(("memory", *(size(value) for value in (rss.p50, rss.p95, rss.max))))
    page.table(("each", "median", "95%", "most"), rows, "lrrr")
    page.prose(_core_hours(past))
    if past.suggest and summary.to_do:
        wanted = "  ".join(f"{key}: {value}" for key, value in past.suggest.items())
        page.prose(f"for the {summary.to_do:,} to do, under execution:  {wanted}")


def _core_hours(past: PastRuns) -> str:
    text = f"{_hours(past.core_hours)} used"
    if past.core_hours_wasted > 0.005 * past.core_hours:
        text += f", {_hours(past.core_hours_wasted)} on what failed or was stopped"
    return text


def _hours(hours: float) -> str:
    """Return core-hours, or what a part of one is in time."""
    return f"{hours:,.1f} core-hours" if hours >= 1 else f"{duration(3600 * hours)} of core time"


def _damage(page: Page, summary: Summary) -> None:
    if summary.damaged:
        page.heading(f"Damaged: {counted(summary.damaged, 'place')} in the log", "red")
        for damage in summary.damages[:REASONS_SHOWN]:
            page.prose(damage)
    if summary.unknown_events:
        page.prose(
            f"{counted(summary.unknown_events, 'event')} of kinds that this stilt does not know"
        )


def _next(page: Page, summary: Summary, where: str, *, watching: bool) -> None:
    """Say what to type next, where there is something to do and nobody is doing it."""
    page.lines.append("")
    if not summary.total:
        page.line(f"Nothing was run yet: stilt run{where}")
    elif summary.in_hand:
        if summary.to_do:
            page.line(f"{counted(summary.to_do, 'simulation')} more to do: stilt run{where}")
        if watching:
            page.line(("Ctrl-C leaves this screen; the run goes on.", "dim"))
        else:
            page.line(f"Follow it: stilt status --watch{where}")
    elif summary.to_do == 0:
        if summary.left or summary.refused:
            page.prose(all_complete(summary) + ".", indent=0)
        else:
            page.line((all_complete(summary) + ".", "green"))
    else:
        page.line(
            f"{counted(summary.to_do, 'simulation')} to do and nothing running: stilt run{where}"
        )
