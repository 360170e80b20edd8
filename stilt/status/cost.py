"""How fast it goes, what simulations have cost, and what that suggests for the rest."""

from __future__ import annotations

import math
from heapq import nlargest
from typing import TYPE_CHECKING

from stilt.log.fold import SUCCESSES
from stilt.status.summary import PastRuns, Spread

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from stilt.log.fold import SimState, State

RECENT = 400
SAMPLE = 20_000
TASK_AIM_S = 20 * 60
MOST_TASKS = 1000
MEBI = 2**20
OVERHEAD_BYTES = 300 * MEBI
START_S = 120

ENDED = SUCCESSES | {"failed"}


def rate_per_second(state: State, batches: Collection[str], now: float) -> float | None:
    """Return how many simulations of these batches end in a second, by the latest that did; None before any."""
    latest = nlargest(
        RECENT,
        (
            sim.at
            for sim in state.sims.values()
            if sim.outcome in ENDED and sim.life.batch in batches
        ),
    )
    begun = [life.at for name in batches for life in state.batches[name].lives.values() if life.at]
    if not latest or not begun:
        return None
    whole = len(latest) < RECENT
    since = min(begun) if whole else latest[-1]
    return len(latest) / max(now - since, 1.0)


def past_runs(state: State) -> PastRuns | None:
    """Return what the simulations that ended have cost; None where none has."""
    ended = [sim for sim in state.sims.values() if sim.outcome in ENDED and sim.wall_s > 0]
    if not ended:
        return None
    good = [sim for sim in ended if sim.outcome in SUCCESSES] or ended
    older = [sim for batch in state.earlier.values() for sim in batch.values()]
    lost = [sim for sim in state.sims.values() if sim.outcome not in SUCCESSES]
    return PastRuns(
        simulations=len(ended),
        wall_s=spread([sim.wall_s for sim in good]),
        peak_rss_bytes=spread([float(sim.peak_rss_bytes) for sim in good]),
        core_hours=_hours([*state.sims.values(), *older]),
        core_hours_wasted=_hours([*lost, *(sim for sim in older if sim.outcome not in SUCCESSES)]),
    )


def _hours(sims: Iterable[SimState]) -> float:
    return round(sum(sim.wall_s for sim in sims) / 3600, 4)


def spread(values: Sequence[float]) -> Spread:
    """Return median, 95th percentile and maximum; of many values a sample, except for the maximum."""
    step = max(1, len(values) // SAMPLE)
    ranked = sorted(values[::step])
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


def clock(seconds: float) -> str:
    """Return a time limit as sbatch reads it, rounded up to five minutes: ``00:35:00``."""
    minutes = 5 * math.ceil(seconds / 300)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"
