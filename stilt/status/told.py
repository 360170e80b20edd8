"""How a project stands, for a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.foundations.quantities import counted, duration, rate

if TYPE_CHECKING:
    from stilt.status.summary import Summary

STATES = ("complete", "empty", "running", "pending", "failed", "interrupted", "stale")


def summary_html(summary: Summary) -> str:
    """Return counts, pace, failures by reason, and how to go on."""
    from stilt.foundations.html import box, facts, grid, note

    counts = " · ".join(
        f"{getattr(summary, name):,} {name}" for name in STATES if getattr(summary, name)
    )
    pace = rate(summary.rate_per_hour / 3600) if summary.rate_per_hour else ""
    left = duration(summary.time_left_s) if summary.time_left_s is not None else ""
    reasons = sorted(summary.failures.items(), key=lambda item: -item[1])
    rows = [[f"{count:,}", reason, _example(summary, reason)] for reason, count in reasons]
    return box(
        counted(summary.total, "simulation"),
        facts([("", counts), ("of late", pace), ("left", left), ("as of", summary.as_of)]),
        grid(("failed", "reason", "for example"), rows) if rows else "",
        *map(note, summary.notes),
        note(go_on(summary)),
    )


def _example(summary: Summary, reason: str) -> str:
    example = summary.failure_examples.get(reason)
    return f"{example.sim}: {example.message}" if example else ""


def go_on(summary: Summary) -> str:
    """Return what to do next in Python."""
    if summary.in_hand:
        return f"{summary.in_hand:,} are queued or running: .status() tells how far they are"
    if summary.to_do or not summary.total:
        return ".run() runs what is not complete"
    if summary.left or summary.refused:
        return f"{all_complete(summary)}: .simulations, .footprints(), .plot()"
    return "all are complete: .simulations, .footprints(), .plot()"


def all_complete(summary: Summary) -> str:
    """Return that nothing is to do, and what else the log has without a result: of what was taken out since."""
    if summary.refused:
        return "Nothing of the last batch is to do; `stilt run` refuses what there is now, see the note above"
    if not summary.left:
        return "All simulations are complete"
    return (
        "All simulations that are asked for today are complete; "
        f"{summary.left:,} without a result are of receptors, mets, variants or realizations taken out since"
    )
