"""Generated histories: what ``status``, ``run``, ``log replay`` and Python say of them is what a plain model says."""

from __future__ import annotations

import copy
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from stilt.backends.in_hand import WorkInHand
from stilt.backends.observe import fold_and_observe
from stilt.backends.slurm.cancel import cancel_jobs
from stilt.batch.chunks import read_chunk
from stilt.batch.manifest import newest_of
from stilt.batch.plan import Plan, plan
from stilt.batch.queued import queued
from stilt.batch.today import Today, todays_engine
from stilt.config.load import load_config
from stilt.foundations.errors import EXIT_COMPLETE, EXIT_NOT_FINISHED, EXIT_SOME_FAILED
from stilt.foundations.identity import EngineIdentity
from stilt.foundations.paths import Layout
from stilt.foundations.writers import this_writer
from stilt.log import index
from stilt.log.events import Cancelled, Closed, Invalid
from stilt.log.index import OutputIndex
from stilt.log.writer import SegmentWriter
from stilt.receptors.read import read_receptors
from stilt.status.gather import gather
from stilt.status.opened import open_project
from stilt.status.recount import AllThere
from stilt.status.standing import Standing, read_manifests
from tests.agreement.places import Place, be_silent, clock_ahead, some_clock, some_place, submit
from tests.site import HERE, Site
from tests.status.conftest import STARTER_CONFIG, T0, ProjectLog, done, sim_id, started

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = pytest.mark.slow

HISTORIES = int(os.environ.get("STILT_HISTORIES", "1000"))
FROM = int(os.environ.get("STILT_HISTORIES_FROM", "0"))
SIMS = range(10)
STATES = ("pending", "running", "complete", "empty", "failed", "interrupted", "stale")
GOOD = ("complete", "empty")
MADE = (*GOOD, "stale")


@dataclass
class Model:
    """What is so, told event by event without a log.

    Attributes
    ----------
    state
        Each simulation as it stands, but for what a newer batch is about to do.
    hands
        Which simulations tasks have, by batch: those that live and have not ended them.
    begun
        Those among them of tasks that are at work, and go on when the batch is cancelled.
    waits
        What was registered and not begun since, whether anybody still has it or not.
    asked_for
        Those that receptors.csv has.
    since
        When what is running was begun, by the file server's clock.
    requeued
        What a task was at that waits in the queue again.
    unknown_jobs
        The names of jobs of which the log has lost what it had.
    """

    state: dict[int, str] = field(default_factory=lambda: dict.fromkeys(SIMS, "never"))
    hands: dict[str, set[int]] = field(default_factory=dict)
    begun: dict[str, set[int]] = field(default_factory=dict)
    waits: set[int] = field(default_factory=set)
    asked_for: set[int] = field(default_factory=lambda: set(SIMS))
    since: dict[int, float] = field(default_factory=dict)
    requeued: set[tuple[str, int]] = field(default_factory=set)
    unknown_jobs: set[str] = field(default_factory=set)

    @property
    def in_hand(self) -> set[int]:
        return set[int]().union(*self.hands.values())

    @property
    def counts(self) -> Counter[str]:
        """What ``status`` counts: what waits has not its older state any more, unless that is a result."""
        shown = {
            n: "pending" if state == "invalid" or (n in self.waits and state not in MADE) else state
            for n, state in self.state.items()
        }
        return Counter(state for state in shown.values() if state != "never")

    @property
    def to_do(self) -> set[int]:
        left = {n for n, state in self.state.items() if state not in GOOD}
        return (left & self.asked_for) - self.in_hand

    @property
    def exit_code(self) -> int:
        """What `run` ends with once it waited, if nothing goes on: done, failed in part, or not at its end."""
        if self.in_hand & self.asked_for or any(self.state[n] != "failed" for n in self.to_do):
            return EXIT_NOT_FINISHED
        return EXIT_SOME_FAILED if self.to_do else EXIT_COMPLETE

    @property
    def running_since(self) -> dict[str, float]:
        return {sim_id(n): self.since[n] for n, state in self.state.items() if state == "running"}

    @property
    def done(self) -> set[int]:
        return {n for n, state in self.state.items() if state in GOOD} - self.in_hand

    @property
    def redoing(self) -> set[int]:
        return {n for n in self.in_hand if self.state[n] in GOOD}


@dataclass(frozen=True)
class History:
    """A project's log, what is so, and the site whose Slurm has its jobs."""

    log: ProjectLog
    model: Model
    site: Site
    own_clock_s: float


def make_history(folder: Path, seed: int) -> History:
    """Write a project and its log by chance; return it with what is so."""
    random = Random(seed)
    folder.mkdir()
    (folder / "config.yaml").write_text(STARTER_CONFIG)
    write_receptors(folder, SIMS)
    log, model, site = ProjectLog(Layout.of(folder)), Model(), Site({"one": [], HERE: []})
    for number in range(1, random.randint(2, 5)):
        chosen = choose(model, random)
        if not chosen:
            continue
        refused = chosen[: random.randint(1, len(chosen))] if random.random() < 0.3 else []
        chosen = chosen[len(refused) :]
        half = random.randint(0, max(len(chosen) - 1, 0))
        chunks = [chunk for chunk in (chosen[:half], chosen[half:]) if chunk]
        kept = {"name": f"{number:04d}-x", "project_total": len(SIMS), "refused": refused}
        before, batch = copy.deepcopy(model), kept["name"]
        place = hand_over(log, site, random, chunks, kept)
        model.state |= dict.fromkeys(refused, "failed")
        model.hands[batch] = set()
        model.waits = (model.waits - set(refused)) | set(chosen)
        is_old = random.random() < 0.2
        for task, chunk in enumerate(chunks):
            work(log, model, Task(random, batch, task, chunk, place, is_old))
        if random.random() < 0.1 and place.may_lose:
            what = random.choice(place.may_lose)
            lose(log, model, Lost(batch, what, before, chosen, refused))
        if random.random() < 0.15:
            cancel(log, batch)
            model.hands[batch] = model.begun.get(batch, set())
        if random.random() < 0.2:
            invalidate(log, model, random, batch, number)
        OutputIndex(log.layout.log_dir).fold()  # which may leave a checkpoint
    chunks = sorted(log.layout.chunks_dir.glob("*/????????????????*.json"))
    if chunks and random.random() < 0.2:
        damage(model, random.choice(chunks))
    if random.random() < 0.2:
        model.asked_for = set(random.sample(SIMS, random.randint(1, len(SIMS) - 1)))
        write_receptors(folder, model.asked_for)
    return History(log, model, site, some_clock(random))


def hand_over(
    log: ProjectLog,
    site: Site,
    random: Random,
    chunks: list[list[int]],
    kept: dict[str, Any],
) -> Place:
    """Register a batch somewhere, and return where."""
    if chunks and random.random() < 0.4:
        batch = log.batch(chunks=chunks, backend="slurm", closed=False, **kept)
        place = submit(log, site, random, batch, len(chunks))
        log.writers[-1].append(Closed(at=T0))
        return place
    place = some_place(random)
    log.batch(chunks=chunks, closed=place.is_closed, who=place.run, **kept)
    if place.is_silent:
        be_silent(log.writers[-1].path)
    return place


def write_receptors(folder: Path, asked_for: Iterable[int]) -> None:
    rows = [f"2024-07-01T18:00:00Z,-111.85,40.77,{n}\n" for n in asked_for]
    (folder / "receptors.csv").write_text("time,longitude,latitude,altitude\n" + "".join(rows))


@dataclass
class Lost:
    """What is lost of what the newest batch has written, all or that of one role, and how it stood before."""

    batch: str
    what: str
    before: Model
    chosen: list[int]
    refused: list[int]


def lose(log: ProjectLog, model: Model, lost: Lost) -> None:
    """Lose segments of the newest batch; of workers that live nobody knows then but what they are at."""
    for segment in (log.layout.log_dir / lost.batch).iterdir():
        if lost.what == "all" or segment.name.startswith(lost.what):
            segment.unlink()
    before, refused = lost.before, set(lost.refused)
    if lost.what == "all":
        model.state, model.waits = before.state, before.waits
    elif lost.what == "worker":
        model.state = before.state | dict.fromkeys(refused, "failed")
        model.waits = (before.waits - refused) | set(lost.chosen)
    else:
        model.state |= {n: before.state[n] for n in refused}
        model.waits = before.waits & (model.waits | refused)
        at_work = {n for n, state in model.state.items() if state == "running"}
        model.hands[lost.batch] &= at_work
        model.begun[lost.batch] = model.hands[lost.batch]
        model.unknown_jobs.add(f"stilt-{lost.batch}-0")


def choose(model: Model, random: Random) -> list[int]:
    """Return what a ``run`` would take: what is to do, only what failed, or everything that nobody has."""
    chance = random.random()
    if chance < 0.2:
        chosen = [n for n in SIMS if n not in model.in_hand]  # --no-skip
    elif chance < 0.4:
        chosen = [n for n in model.to_do if model.state[n] == "failed"]
    else:
        chosen = sorted(model.to_do)
    random.shuffle(chosen)
    return chosen


@dataclass
class Task:
    """A task of a batch, where it is, and whether its settings were others than those of today."""

    random: Random
    batch: str
    number: int
    chunk: list[int]
    place: Place
    is_old: bool


def work(log: ProjectLog, model: Model, task: Task) -> None:
    """Let a task get somewhere, and be killed there, end, be at it still, or wait in the queue again."""
    random, batch, chunk, place = task.random, task.batch, task.chunk, task.place
    lives, events, number = place.lives, [], int(batch[:4])
    reached = random.randint(0, len(chunk))
    left = set(chunk)
    for at_, n in enumerate(chunk[:reached]):
        outcome = random.choice(("complete", "complete", "empty", "failed"))
        at = 100.0 * number + at_ + place.ahead_s
        events += [
            started(n, at=at),
            done(n, outcome, at=at + 1, reason="X" * (outcome == "failed")),
        ]
        model.state[n] = "stale" if task.is_old and outcome in GOOD else outcome
        model.waits.discard(n)
        left.discard(n)
    begun = chunk[reached] if reached < len(chunk) and random.random() < 0.7 else None
    is_requeued = bool(place.job and lives and random.random() < 0.3)
    if begun is not None:
        since = 100.0 * number + 50
        events.append(started(begun, at=since + place.ahead_s))
        model.state[begun] = "running" if lives and not is_requeued else "interrupted"
        model.since[begun] = T0 + since
        if is_requeued:
            model.requeued.add((batch, begun))
        model.waits.discard(begun)
    if events:
        if not lives and begun is None and reached == len(chunk):
            events.append(Closed(at=T0 + 999))
        with clock_ahead(place.ahead_s):
            writer = log.worker(batch, task.number, *events, who=place.who, outdated=task.is_old)
        if place.is_silent or is_requeued:
            be_silent(writer.path)
    is_running = bool(events or random.random() < 0.2) and not is_requeued
    if place.job and (lives or random.random() < 0.3):
        place.job.list(task.number, ("PENDING", "RUNNING")[is_running] if lives else "NODE_FAIL")
    if lives:
        if (events and not is_requeued) or (place.job and is_running):
            model.begun.setdefault(batch, set()).update(left)
        model.hands[batch] |= left


def cancel(log: ProjectLog, batch: str) -> None:
    writer = SegmentWriter(log.layout.log_dir, batch, int(batch[:4]), this_writer("cancel"))
    writer.append(Cancelled(batch, T0 + 5))
    writer.close()


def invalidate(log: ProjectLog, model: Model, random: Random, batch: str, seq: int) -> None:
    """Find an output of the newest batch damaged, of one that nobody has."""
    good = [
        n
        for n in SIMS
        if model.state[n] in GOOD
        and n not in model.in_hand
        and (known := OutputIndex(log.layout.log_dir).fold().find(sim_id(n)))
        and known.batch == batch
    ]
    if not good:
        return
    n = random.choice(good)
    event = Invalid(sim_id(n), "particles/x", "damaged", batch, seq, T0 + 6, attempt=1)
    writer = SegmentWriter(log.layout.log_dir, batch, seq, this_writer("verify"))
    writer.append(event)
    writer.close()
    model.state[n] = "invalid"


def damage(model: Model, chunk: Path) -> None:
    """Change a chunk: whoever has it goes on with what it is at, and nobody can begin with it any more.

    What waits in the queue again keeps what it was at, until it is there to see that.
    """
    batch, later = chunk.parent.name, chunk.stat().st_mtime + 1
    listed = {int(entry.sim.rpartition("_")[2]) for entry in read_chunk(chunk).simulations}
    chunk.write_bytes(b"{}")
    os.utime(chunk, (later, later))
    model.hands[batch] -= {
        n for n in listed if model.state[n] != "running" and (batch, n) not in model.requeued
    }


def planned(layout: Layout) -> Plan:
    """Return what ``run`` would do, of a project whose outputs are all there."""
    config = load_config(layout.config_file)
    index = OutputIndex(layout.log_dir)
    state, liveness = fold_and_observe(index)
    newest = newest_of(read_manifests(layout, state, []).values())
    made_by = newest.made_by if newest else EngineIdentity(config.model, "")
    config, engine = todays_engine(config, made_by)
    hands = WorkInHand(index, state, liveness)
    simulations = read_receptors(layout.receptors_file, tuple(config.mets))
    waiting = queued(layout, state, hands.keeps)
    return plan(simulations, state, Today(layout, config, engine), AllThere(), queued=waiting)


def check(folder: Path, seed: int, env: pytest.MonkeyPatch) -> None:
    """Hold everything that says how a project stands against the model, and against each other."""
    env.setattr(index, "WORTH_A_CHECKPOINT", 0 if seed % 2 else 1 << 60)
    history = make_history(folder, seed)
    history.site.stand_in(env, folder)
    history.log.release()
    if history.log.seq:
        where = f"history {seed}: {history.model}, {history.site.jobs}"
        with clock_ahead(history.own_clock_s):
            compare(history.log, history.model, where)
            compare_cancelled(history, where)
    shutil.rmtree(folder)


def compare(log: ProjectLog, model: Model, where: str) -> None:
    project = open_project(log.layout.project)
    said = gather(project)
    again = gather(project, use_checkpoint=False)
    assert said.in_hand == again.in_hand == len(model.in_hand), where
    assert said.redoing == again.redoing == len(model.redoing), where
    todo = planned(log.layout)
    assert todo.queued == len(model.in_hand & model.asked_for), where
    assert todo.complete + todo.empty == len(model.done & model.asked_for), where
    assert todo.work == len(model.to_do), where
    assert todo.exit_code == model.exit_code, where
    assert said.to_do == again.to_do == todo.work, where
    counted = Counter({name: getattr(said, name) for name in STATES})
    assert counted == Counter({name: getattr(again, name) for name in STATES}), where
    assert counted == model.counts, where
    since = {sim: task.since for task in said.running_tasks for sim in task.sims}
    assert since == pytest.approx(model.running_since, abs=1), where
    never_registered = len(SIMS) - said.total
    standing = Standing(project)
    each = Counter(standing.of(standing.state.find(sim_id(n))) for n in SIMS)
    each["pending"] -= never_registered
    assert each == counted, where
    assert sum(counted.values()) == said.total, where


def compare_cancelled(history: History, where: str) -> None:
    """Cancel: what has a batch's name ends, on any cluster, and nothing that has another; what is here goes on."""
    log, model, site = history.log, history.model, history.site
    names = {task.name for tasks in site.jobs.values() for task in tasks if not task.has_ended}
    if not names:
        return
    cancel_jobs(log.layout, OutputIndex(log.layout.log_dir).fold())
    left = {task.name for tasks in site.jobs.values() for task in tasks if not task.has_ended}
    assert left == names & ({"another"} | model.unknown_jobs), where
    ended = {name.split("-", 1)[1].rpartition("-")[0] for name in names - left}
    kept = set[int]().union(*(hand for batch, hand in model.hands.items() if batch not in ended))
    assert gather(open_project(log.layout.project)).in_hand == len(kept), where


def test_everything_says_the_same_of_a_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # nothing here has to survive
    for seed in range(FROM, FROM + HISTORIES):
        check(tmp_path / f"p{seed}", seed, monkeypatch)
