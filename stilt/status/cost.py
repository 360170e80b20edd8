"""How fast it goes, what simulations have cost, and what that suggests for the rest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stilt.log.states import SUCCESSES
from stilt.quantities import duration, size
from stilt.status.summary import PastRuns, Spread

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stilt.log.fold import State

LATELY_S = 600.0
SIMULATIONS_BACK = 5
SAMPLE = 20_000
TASK_AIM_S = 20 * 60
MOST_TASKS = 1000
MEBI = 2**20
OVERHEAD_BYTES = 300 * MEBI
START_S = 120

ENDED = SUCCESSES | {"failed"}
LOST = frozenset({"failed", "interrupted"})
ALL = ENDED | {"running", "interrupted", "invalid"}


def rate_per_second(
    state: State, batches: Collection[str], now: float, past: PastRuns | None
) -> float | None:
    """Return how many simulations of these batches end in a second, of late; None where none did.

    Of late: the last ten minutes, or five times what a simulation takes. Tasks that began together end together, so a
    shorter look would see either a burst or nothing.
    """
    lives = {name: life for batch in batches for name, life in state.batches[batch].lives.items()}
    begun = [life.at for life in lives.values() if life.at and life.task is not None]
    if past is None or not begun:
        return None
    window = max(LATELY_S, SIMULATIONS_BACK * past.wall_s.p95)
    since = max(min(begun), now - window)
    ended = sum(at >= since for at in state.columns(ENDED, lives=lives.keys()).at)
    return ended / max(now - since, 1.0) if ended else None


def past_runs(state: State) -> PastRuns | None:
    """Return what the simulations that ended have cost; None where none has."""
    good = state.columns(SUCCESSES)
    failed = state.columns({"failed"})
    measured = good if any(good.wall_s) else failed
    if not any(measured.wall_s):
        return None
    older = state.columns(ALL, earlier=True)
    lost = sum(state.columns(LOST).wall_s) + sum(state.columns(LOST, earlier=True).wall_s)
    return PastRuns(
        simulations=len(good.wall_s) + len(failed.wall_s),
        wall_s=spread(measured.wall_s),
        peak_rss_bytes=spread(measured.peak_rss_bytes),
        core_hours=round((sum(state.columns(ALL).wall_s) + sum(older.wall_s)) / 3600, 4),
        core_hours_wasted=round(lost / 3600, 4),
    )


def spread(values: Sequence[float]) -> Spread:
    """Return median, 95th percentile and maximum; of many values a sample, except for the maximum."""
    if len(values) > SAMPLE:
        from random import Random

        # by chance, not every n-th: chunks have a rhythm of their own
        ranked = sorted(Random(0).sample(values, SAMPLE))  # noqa: S311 - statistics
    else:
        ranked = sorted(values)
    last = len(ranked) - 1
    return Spread(ranked[round(0.5 * last)], ranked[round(0.95 * last)], max(values))


def suggest(
    past: PastRuns, left: int, cpus: int, n_workers: int | None = None
) -> dict[str, str | int]:
    """Return ``n_workers``, ``time`` and ``mem`` for what is left, from what simulations have cost.

    Tasks of about twenty minutes, a quarter of time and a third of memory to spare. A given ``n_workers`` is kept.
    """
    if left <= 0:
        return {}
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
