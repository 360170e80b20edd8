"""Counting by arithmetic agrees with looking at each simulation, whatever batches went before."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from stilt.log.events import Closed
from tests.status.conftest import DEAD, T0, done, started

STATES = ("pending", "running", "complete", "empty", "failed", "interrupted", "stale")
SIMS = range(12)
OUTCOMES = ("complete", "empty", "failed", "interrupted", "running", "pending")


@pytest.mark.parametrize("seed", range(40))
def test_counts_are_those_of_each_simulation_looked_at(project_log, seed) -> None:
    random = Random(seed)
    truth: dict[int, str] = dict.fromkeys(SIMS, "pending")
    for number in range(1, random.randint(2, 4)):
        todo = [sim for sim, state in truth.items() if state not in {"complete", "empty"}]
        if (
            random.random() < 0.3
        ):  # a run of just those that failed leaves the others where they are
            todo = [sim for sim in todo if truth[sim] == "failed"] or todo
        if not todo:
            break
        random.shuffle(todo)
        half = random.randint(0, len(todo) - 1)
        chunks = [chunk for chunk in (todo[:half], todo[half:]) if chunk]
        batch = project_log.batch(f"{number:04d}-x", chunks, project_total=len(SIMS))
        for task, chunk in enumerate(chunks):
            events = []
            for place, sim in enumerate(chunk):
                outcome = random.choice(OUTCOMES)
                truth[sim] = "interrupted" if outcome == "running" else outcome
                if outcome == "pending":
                    continue
                at = 100.0 * number + place
                events.append(started(sim, at=at))
                if outcome != "running":
                    events.append(done(sim, outcome, at=at + 1, reason="X" * (outcome == "failed")))
            if events:
                finished = [Closed(at=T0 + 999)] if random.random() < 0.5 else []
                project_log.worker(batch, task, *events, *finished, who=DEAD)
    summary = project_log.summary()
    counted = {name: getattr(summary, name) for name in STATES if getattr(summary, name)}
    assert counted == Counter(truth.values())
    assert summary.total == len(SIMS)
    assert sum(summary.failures.values()) == counted.get("failed", 0)
