"""How fast it goes, what simulations have cost, and what that suggests for the rest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stilt.foundations.quantities import duration, size
from stilt.log.costs import together, with_outcomes
from stilt.log.states import SUCCESSES
from stilt.status.summary import PastRuns, Spread

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stilt.log.fold import State

LATELY_S = 600.0
SIMULATIONS_BACK = 5
SAMPLE = 20_000
MEBI = 2**20
OVERHEAD_BYTES = 512 * MEBI
"""For a task's worker, and for the files that its simulations map: the kernel takes back what it needs of these."""

START_S = 120

ENDED = SUCCESSES | {"failed"}
LOST = frozenset({"failed", "interrupted"})


def rate_per_second(
    state: State, batches: Collection[str], now: float, past: PastRuns | None
) -> float | None:
    """Return how many simulations of these batches end in a second, of late; None where none did.

    Of late: the last ten minutes, or five times what a simulation takes. Tasks that began together end together, so a
    shorter look would see either a burst or nothing.
    """
    lives = [life for batch in batches for life in state.batches[batch].lives.values()]
    begun = [life.at - life.ahead_s for life in lives if life.at and life.task is not None]
    if past is None or not begun:
        return None
    window = max(LATELY_S, SIMULATIONS_BACK * past.wall_s.p95)
    since = max(min(begun), now - window)
    by_clock: dict[float, set[str]] = {}
    for life in lives:
        by_clock.setdefault(life.ahead_s, set()).add(life.name)
    ended = sum(
        state.count_since(since + ahead_s, ENDED, names) for ahead_s, names in by_clock.items()
    )
    return ended / max(now - since, 1.0) if ended else None


def past_runs(state: State) -> PastRuns | None:
    """Return what the simulations that ended have cost; None where none has."""
    now, older = state.costs(), state.costs(earlier=True)
    good, failed = with_outcomes(now, SUCCESSES), with_outcomes(now, {"failed"})
    measured, outcomes = (good, SUCCESSES) if good.wall_s else (failed, frozenset({"failed"}))
    if not measured.wall_s:
        return None
    sample = state.columns(outcomes, sample=SAMPLE)
    wall_s = together(*now.values(), *older.values()).wall_s
    lost_s = together(with_outcomes(now, LOST), with_outcomes(older, LOST)).wall_s
    return PastRuns(
        simulations=good.number + failed.number,
        wall_s=spread(sample.wall_s, measured.longest_s),
        peak_rss_bytes=spread(sample.peak_rss_bytes, measured.most_bytes),
        core_hours=round(wall_s / 3600, 4),
        core_hours_wasted=round(lost_s / 3600, 4),
    )


def spread(sample: Sequence[float], greatest: float) -> Spread:
    """Return median, 95th percentile and maximum of a quantity, of which there is a sample and the maximum."""
    ranked = sorted(sample)
    last = len(ranked) - 1
    return Spread(ranked[round(0.5 * last)], ranked[round(0.95 * last)], greatest)


def suggest(
    past: PastRuns, left: int, cpus: int, n_workers: int | None = None
) -> dict[str, str | int]:
    """Return ``n_workers``, ``time`` and ``mem`` for what is left, from what simulations have cost.

    Tasks of about twenty minutes, a quarter of time and a third of memory to spare, and ``OVERHEAD_BYTES`` a task.
    What simulations have of memory is their own: mapped files, which all of a task share, are not in it. A given
    ``n_workers`` is kept.
    """
    if left <= 0:
        return {}
    from stilt.backends.interface import MOST_TASKS, TASK_AIM_S

    tasks = n_workers or math.ceil(left * past.wall_s.p50 / (TASK_AIM_S * cpus))
    tasks = min(max(tasks, 1), left, n_workers or MOST_TASKS)
    rounds = math.ceil(math.ceil(left / tasks) / cpus)
    seconds = max(1.25 * rounds * past.wall_s.p95, 2 * past.wall_s.max) + START_S
    memory = cpus * past.peak_rss_bytes.max * 4 / 3 + OVERHEAD_BYTES
    return {
        "n_workers": tasks,
        "cpus-per-task": cpus,
        "time": f'"{clock(seconds)}"',
        "mem": f"{256 * math.ceil(memory / (256 * MEBI))}M",
    }


def advice(past: PastRuns, left: int, cpus: int, *, slurm: bool) -> list[str]:
    """Return in words what past simulations have cost, and what that makes of those that are left."""
    wall, memory = past.wall_s, past.peak_rss_bytes.max
    each = f"past simulations took {duration(wall.p50)} each (95% {duration(wall.p95)}, most {duration(wall.max)})"
    needed = f"; {left:,} need about {duration(left * wall.p50)} of core time"
    lines = [each + (f" and up to {size(memory)}" if memory else "") + needed]
    if slurm:
        wanted = "  ".join(f"{key}: {value}" for key, value in suggest(past, left, cpus).items())
        lines.append(f"they suggest, under execution:  {wanted}")
    return lines


def clock(seconds: float) -> str:
    """Return a time limit as sbatch reads it, rounded up to five minutes: ``00:35:00``."""
    minutes = 5 * math.ceil(seconds / 300)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"
