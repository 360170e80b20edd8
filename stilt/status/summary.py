"""The object that ``status --json`` and ``log replay --json`` print. Keys are only ever added."""

from __future__ import annotations

from msgspec import Struct


class BatchSummary(Struct, frozen=True, kw_only=True):
    """One hand-over: what it registered and where that stands."""

    id: str
    seq: int
    backend: str
    jobs: tuple[str, ...] = ()
    total: int = 0
    complete: int = 0
    empty: int = 0
    failed: int = 0
    interrupted: int = 0
    running: int = 0
    pending: int = 0
    cancelled: bool = False


class FailureExample(Struct, frozen=True, kw_only=True):
    """One of the simulations that failed for a reason, to look at."""

    sim: str
    message: str = ""
    batch: str = ""
    task: int | None = None
    node: str = ""
    at: float = 0.0


class RunningTask(Struct, frozen=True, kw_only=True):
    """A task that works on a simulation, as far as is known.

    ``life`` is what is known of its process: live, or unknown. ``stuck`` is set where the simulation takes far
    longer than others did.
    """

    batch: str
    task: int | None
    node: str = ""
    job: str = ""
    state: str = ""
    sims: tuple[str, ...] = ()
    since: float = 0.0
    life: str = "unknown"
    stuck: bool = False


class WaitingJob(Struct, frozen=True, kw_only=True):
    """Tasks of a batch that wait in the scheduler's queue, and why by its own word."""

    batch: str
    job: str
    tasks: int
    reason: str = ""


class Spread(Struct, frozen=True):
    """Median, 95th percentile and greatest of a quantity."""

    p50: float
    p95: float
    max: float


class PastRuns(Struct, frozen=True, kw_only=True):
    """What simulations that ended have cost, and what that suggests for the rest."""

    simulations: int
    wall_s: Spread
    peak_rss_bytes: Spread
    core_hours: float
    core_hours_wasted: float
    suggest: dict[str, str | int] = {}


class Happened(Struct, frozen=True, kw_only=True):
    """How many results that hold something happened to on the way, and its greatest value."""

    simulations: int
    greatest: float


class Summary(Struct, frozen=True, kw_only=True):
    """The state of a project at a moment; the states of simulations add up to ``total``.

    ``in_hand`` is how many tasks have, queued or running, for the first time or again; ``redoing`` are those among
    them that have a result which holds until then. ``to_do`` is what a ``stilt run`` would hand over now, if outputs
    are as the log has them. ``current`` is whether the newest batch was planned from the receptors and meteorologies
    of today. ``refused`` is whether today's settings or receptors do not hold: ``to_do`` is then by the last batch.
    ``rows`` is how many results, stale ones included, have a row of the matrix that ``jacobian:`` asks for; None
    where it asks for none.
    """

    project: str
    as_of: str
    total: int = 0
    pending: int = 0
    running: int = 0
    complete: int = 0
    empty: int = 0
    failed: int = 0
    interrupted: int = 0
    stale: int = 0
    failures: dict[str, int] = {}
    batches: tuple[BatchSummary, ...] = ()
    segments: int = 0
    events: int = 0
    damaged: int = 0
    unknown_events: int = 0
    damages: tuple[str, ...] = ()
    in_hand: int = 0
    redoing: int = 0
    to_do: int = 0
    current: bool = True
    refused: bool = False
    rows: int | None = None
    rate_per_hour: float | None = None
    time_left_s: float | None = None
    last_event_at: float | None = None
    failure_examples: dict[str, FailureExample] = {}
    tasks_live: int = 0
    tasks_unknown: int = 0
    running_tasks: tuple[RunningTask, ...] = ()
    waiting: tuple[WaitingJob, ...] = ()
    past_runs: PastRuns | None = None
    facts: dict[str, Happened] = {}
    notes: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        from stilt.status.told import summary_html

        return summary_html(self)

    @property
    def ended(self) -> int:
        """How many have ended by themselves and are not to be run again as things are."""
        return self.complete + self.empty + self.failed - self.redoing

    @property
    def left(self) -> int:
        """How many are without a result that holds, or are run again."""
        return self.total - self.complete - self.empty + self.redoing
