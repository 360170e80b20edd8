"""What is done to real projects that tasks do: here, on a Slurm where they wait, killed, and too late."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.foundations.errors import EXIT_NOT_FINISHED, EnvironmentFailure
from stilt.foundations.writers import owned_name
from tests.agreement.disk import Hand, History, Result, Simulation
from tests.engines import runs as ran
from tests.projects import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from tests.projects import Answer


def work(history: History) -> None:
    """Run here what is to do; what is queued is left to its tasks."""
    if any(sim.is_in_hand for sim in history.sims.values()):
        work_off(history)
        return
    taken = [sim for sim in history.asked_for.values() if history.is_to_do(sim)]
    before = history.project.batches()
    answer = history.project.stilt("run", "--cpus", "1")
    assert answer.code in {0, 1}, (history.told, answer.err)
    batch = _new_batch(history, before, taken)
    for sim in taken:
        sim.claims.add(batch)
        history.make(sim, batch, Hand(history.recipe(sim), history.home))


def hand_over(history: History) -> None:
    """Hand over to a Slurm where it waits."""
    taken = [sim for sim in history.asked_for.values() if history.is_to_do(sim)]
    before = history.project.batches()
    answer = history.project.stilt("run", "--backend", "slurm", "--n-workers", "2")
    assert answer.code in {0, 1}, (history.told, answer.err)
    batch = _new_batch(history, before, taken)
    for sim in taken:
        sim.hands[batch] = Hand(history.recipe(sim), history.home)
        sim.waits.add(batch)
        sim.claims.add(batch)
    forget_answers()


def _new_batch(history: History, before: list[str], taken: list[Simulation]) -> str:
    new = sorted(set(history.project.batches()) - set(before))
    assert len(new) == bool(taken), (history.told, new, taken)
    return new[0] if new else ""


def forget_answers() -> None:
    """Have the scheduler asked anew."""
    shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)


def work_off(history: History) -> None:
    """Let the tasks of the oldest batch that waits do their work; a newer one's simulations are left to that."""
    if batches := batches_in_hand(history):
        _work_off(history, batches[0])


def work_off_newest(history: History) -> None:
    """Let the newest batch be worked off first: older ones leave alone what it claims, though it is done."""
    if batches := batches_in_hand(history):
        _work_off(history, batches[-1])


def batches_in_hand(history: History) -> list[str]:
    return sorted({batch for sim in history.sims.values() for batch in sim.hands})


def _work_off(history: History, batch: str) -> None:
    held = [sim for sim in history.sims.values() if batch in sim.hands]
    for task in range(min(2, len(held))):
        answer = push(history, batch, task, ENGINE_HOME=held[0].hands[batch].home)
        assert answer.code in {0, 1}, (history.told, answer.err)
    for sim in held:
        hand = sim.hands.pop(batch)
        if max(sim.claims, default=batch) <= batch:
            history.make(sim, batch, hand)
    end_jobs(batch)


def push(history: History, batch: str, task: int, **env: str) -> Answer:
    """Work on a task, an hour of which Slurm has allowed by a clock that is two days behind."""
    began = int(time.time()) - 172_800
    limits = {"SLURM_JOB_START_TIME": str(began), "SLURM_JOB_END_TIME": str(began + 3600)}
    command = ("push-worker", "--batch", batch, "--task", str(task), "--cpus", "1")
    return history.project.stilt(*command, **limits, **env)


def push_elsewhere(history: History) -> None:
    """Let a task begin where the engine reads another table: it refuses, before anything is done."""
    if not (batches := batches_in_hand(history)):
        return
    batch = batches[0]
    home = next(sim.hands[batch].home for sim in history.sims.values() if batch in sim.hands)
    answer = push(history, batch, 0, ENGINE_HOME="" if home else "elsewhere")
    assert answer.code == EnvironmentFailure.exit_code, (history.told, answer.err)
    assert "another engine" in answer.err, (history.told, answer.err)


def kill(history: History) -> None:
    """Kill a task of the oldest batch in its second transport; its job waits in the queue again."""
    batch, runs = batches_in_hand(history)[0], history.project.path.parent / "killed.txt"
    hands = [sim.hands[batch] for sim in history.sims.values() if batch in sim.hands]
    runs.unlink(missing_ok=True)
    answer = push(history, batch, 0, ENGINE_HOME=hands[0].home, FAKE_DEATH="2", FAKE_RUNS=str(runs))
    assert answer.code == -signal.SIGKILL, (history.told, answer.err)
    *ended, killed = [int(name.removeprefix("fake_r")) for name in ran(runs, "begin")]
    for n in ended:
        history.make(history.sims[n], batch, history.sims[n].hands.pop(batch))
    sim = history.sims[killed]
    sim.results.append(Result(batch, "interrupted", *sim.hands[batch]))
    sim.waits.discard(batch)


IMPATIENT = """
import stilt.backends.slurm.wait as waiting
waiting.FIRST_LOOK_S = waiting.LOOK_EVERY_S = waiting.POLL_S = 0.5
"""


def wait(history: History) -> None:
    """Wait for a run while an older batch has the rest; its tasks are lost then, and something is left."""
    (older,) = batches_in_hand(history)
    taken = [sim for sim in history.asked_for.values() if history.is_to_do(sim)]
    before = history.project.batches()
    process = history.project.start("run", "--backend", "slurm", "--n-workers", "2", "--wait")
    queue = Path(os.environ["STUB_QUEUE"])
    wait_until(lambda: queue.read_text().count("\n") == 2, "both jobs are in the queue")
    batch = _new_batch(history, before, taken)
    for sim in taken:
        sim.claims.add(batch)
        sim.hands[batch] = Hand(history.recipe(sim), history.home)
    _work_off(history, batch)
    end_jobs(older)
    for sim in history.sims.values():
        sim.hands.clear()
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == EXIT_NOT_FINISHED, (history.told, err)
    forget_answers()


def lay_beside(history: History) -> None:
    """Have another run, which lives, be about to put its chunks into place."""
    folder = history.layout.chunks_dir / owned_name()
    folder.mkdir()
    history.theirs.append(folder)


def end_jobs(batch: str = "") -> None:
    """Let Slurm know no more of the jobs of a batch, or of any."""
    queue = Path(os.environ["STUB_QUEUE"])
    lines = queue.read_text().splitlines(keepends=True) if queue.exists() else []
    queue.write_text("".join(line for line in lines if batch not in line))
    forget_answers()


def lose_jobs(history: History) -> None:
    """Let all jobs vanish that wait."""
    end_jobs()
    for sim in history.sims.values():
        sim.hands.clear()


def cancel(history: History) -> None:
    """Cancel what waits."""
    answer = history.project.stilt("cancel")
    assert answer.code == 0, (history.told, answer.err)
    forget_answers()
    for sim in history.sims.values():
        sim.claims -= set(sim.hands)
        sim.hands.clear()
