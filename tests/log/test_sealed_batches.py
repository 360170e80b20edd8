"""What batches that are over have left to later ones is counted alone, and says all that it did row by row."""

import random

import pytest

from stilt.batch.queued import has_ended
from stilt.kernels.compiled import compile_ahead
from stilt.log import checkpoint, joining
from stilt.log import index as index_module
from stilt.log.bulk import kernels
from stilt.log.index import OutputIndex
from tests.log.random_logs import line
from tests.log.test_checkpoint import everything, whole, with_sealed

SIMS = [f"a_{number}" for number in range(8)]


@pytest.fixture(autouse=True, params=["by Python", "by machine code"])
def _always_worth_it(request, monkeypatch):
    monkeypatch.setattr(index_module, "WORTH_A_CHECKPOINT", 0)
    if request.param == "by machine code":
        compile_ahead(kernels)
        monkeypatch.setattr(joining, "WORTH_BULK", 0)


class Writing:
    """Writes segments one after the other, by what would have happened."""

    def __init__(self, log_dir, rng) -> None:
        self.log_dir, self.rng = log_dir, rng
        self.chunks = {}
        self.serial = 0

    def segment(self, batch, events, *, role="worker", task=None, closed="finished"):
        self.serial += 1
        writer = {"role": role, "host": "n1", "pid": 7, "attempt": self.serial}
        head = {"event": "segment", "major": 1, "minor": 4, "batch": f"{batch:04d}-x", "seq": batch, "at": 1.0,
                "writer": writer | ({} if task is None else {"task": task})}  # fmt: skip
        if closed:
            events = [*events, {"event": "closed", "at": self.serial, "why": closed}]
        path = self.log_dir / f"{batch:04d}-x" / f"{role}-{self.serial:03d}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(line(n, event) for n, event in enumerate([head, *events])))

    def register(self, batch):
        chosen = self.rng.sample(SIMS, self.rng.randint(2, len(SIMS)))
        half = self.rng.randint(1, len(chosen) - 1)
        self.chunks[batch] = [chosen[:half], chosen[half:]]
        pending = [
            {"event": "pending", "batch": f"{batch:04d}-x", "seq": batch, "at": 1.0, "chunk": "cd"[task],
             "count": len(chunk), "task": task}
            for task, chunk in enumerate(self.chunks[batch])
        ]  # fmt: skip
        self.segment(batch, pending, role="run")

    def work(self, batch, task):
        """Let a task end all of its chunk, or be killed on the way."""
        chunk = self.chunks[batch][task]
        is_killed = self.rng.random() < 0.2
        reached = self.rng.randint(0, len(chunk)) if is_killed else len(chunk)
        events = [event for sim in chunk[:reached] for event in self.begun_and_ended(sim)]
        self.segment(batch, events, task=task, closed="" if is_killed else "finished")

    def begun_and_ended(self, sim):
        outcome = self.rng.choice(["complete", "complete", "empty", "failed", "interrupted"])
        ended = {"event": "done", "sim": sim, "at": self.serial + 1.5, "outcome": outcome, "met": "a",
                 "wall_s": self.rng.randint(1, 9), "peak_rss_bytes": self.rng.randint(1, 9)}  # fmt: skip
        ended |= {"reason": "R", "message": "m"} if outcome == "failed" else {}
        return [{"event": "started", "sim": sim, "at": self.serial + 1.0, "met": "a"}, ended]

    def invalidate(self, batch):
        sim, attempt = self.rng.choice(SIMS), self.rng.randint(1, self.serial)
        event = {"event": "invalid", "sim": sim, "at": 9.0, "path": "p", "why": "w", "attempt": attempt,
                 "batch": f"{batch:04d}-x", "seq": batch}  # fmt: skip
        self.segment(max(self.chunks), [event], role="verify")


def history(log_dir, rng):
    """Write a log of several batches over the same simulations, and return after each step."""
    writing = Writing(log_dir, rng)
    for batch in range(1, rng.randint(3, 6)):
        writing.register(batch)
        for task in (0, 1):
            writing.work(batch, task)
            yield
        if rng.random() < 0.2:  # one of an older batch begins once more
            writing.work(rng.randint(1, batch), rng.randrange(2))
            yield
        if rng.random() < 0.2:
            writing.invalidate(rng.randint(1, batch))
            yield


@pytest.mark.parametrize("part", range(2))
def test_checkpoints_on_the_way_change_nothing_that_is_said(tmp_path, part, monkeypatch):
    sealed, folded_afresh = 0, 0
    catch_up = OutputIndex._catch_up

    def counted(self, state):
        nonlocal folded_afresh
        is_well = catch_up(self, state)
        folded_afresh += state.is_outgrown
        assert is_well != state.is_outgrown
        return is_well

    monkeypatch.setattr(OutputIndex, "_catch_up", counted)
    for seed in range(part * 40, (part + 1) * 40):
        log_dir = tmp_path / str(seed)
        for step, _ in enumerate(history(log_dir, random.Random(seed))):
            if step % 3:
                continue
            state = OutputIndex(log_dir).fold()
            fresh = OutputIndex(log_dir).fold(use_checkpoint=False)
            assert not fresh.sealed
            for batch in fresh.batches:
                begun = [sim for sim in SIMS if fresh.left_by(batch, sim)]
                ended = [has_ended(state, sim, batch) for sim in begun]
                assert ended == [has_ended(fresh, sim, batch) for sim in begun], (seed, step)
            expected = everything(fresh)
            assert with_sealed(state, expected) == expected, (seed, step)
            sealed += bool(state.sealed)
    assert sealed > 10
    assert folded_afresh > 3


def test_a_checkpoint_does_not_grow_with_batches_that_are_over(tmp_path):
    writing = Writing(tmp_path, random.Random(1))
    rows = []
    for batch in range(1, 6):
        writing.register(batch)
        writing.chunks[batch] = [SIMS[:4], SIMS[4:]]
        for task in (0, 1):
            events = [event for sim in writing.chunks[batch][task] for event in done_well(sim)]
            writing.segment(batch, events, task=task)
        OutputIndex(tmp_path).fold()
        rows.append(len(checkpoint.load(tmp_path / "checkpoint").freeze()))
    assert rows == [len(SIMS)] * 5
    assert whole(tmp_path)["earlier"].keys() == {f"{batch:04d}-x" for batch in range(1, 5)}


def done_well(sim):
    return [
        {"event": "started", "sim": sim, "at": 1.0},
        {"event": "done", "sim": sim, "at": 2.0, "outcome": "complete"},
    ]
