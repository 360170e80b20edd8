"""What simulations cost together, and samples of them, are the same from a checkpoint and without."""

import random

import pytest

from stilt.foundations.writers import this_writer
from stilt.log import index as index_module
from stilt.log.events import Done, Started
from stilt.log.index import OutputIndex
from stilt.log.states import OUTCOMES
from stilt.log.writer import SegmentWriter

SIMS = 400


def append(log_dir, batch, seq, task, *events):
    writer = SegmentWriter(log_dir, batch, seq, this_writer("worker", task, 1))
    writer.append(*events)
    writer.close()


def done(sim, rng, outcome="complete", reason=""):
    return Done(f"hrrr_{sim:04d}", outcome, 1e9 + rng.random() * 1e4, rng.randrange(1, 90),
                rng.randrange(1 << 28), reason=reason, message=f"why {sim}" * bool(reason))  # fmt: skip


@pytest.fixture
def log_dir(tmp_path, monkeypatch):
    """Return a log of which most is in its checkpoint, and that has since taken back its extremes."""
    monkeypatch.setattr(index_module, "WORTH_A_CHECKPOINT", SIMS)
    rng = random.Random(5)
    failed = [done(sim, rng, "failed", rng.choice("ABC")) for sim in range(0, SIMS, 2)]
    good = [done(sim, rng) for sim in range(1, SIMS, 2)]
    append(tmp_path, "0001-a", 1, 0, *failed, *good)
    assert OutputIndex(tmp_path).fold().begun() == SIMS
    assert (tmp_path / "checkpoint").exists()
    extremes = {
        max(failed, key=lambda event: event.wall_s).sim,
        max(failed, key=lambda event: event.at).sim,
    }
    again = [Done(sim, "complete", 1e9 + 2e4, 5.0, 7) for sim in sorted(extremes)]
    append(tmp_path, "0002-b", 2, 0, *again, Started("hrrr_9999", 1e9))
    return tmp_path


def both(log_dir):
    return OutputIndex(log_dir).fold(), OutputIndex(log_dir).fold(use_checkpoint=False)


def test_sums_and_extremes_that_were_taken_back_no_longer_count(log_dir):
    kept, afresh = both(log_dir)
    for earlier in (False, True):
        assert kept.costs(earlier=earlier) == afresh.costs(earlier=earlier)
    assert kept.costs()["failed"].longest_s == max(kept.columns({"failed"}).wall_s)
    assert kept.costs()["running"].number == 1


def test_the_last_to_fail_is_the_last_of_those_that_still_have(log_dir):
    kept, afresh = both(log_dir)
    found = {reason: (state.sim, state.message) for reason, state in kept.last_failed().items()}
    assert found == {
        reason: (state.sim, state.message) for reason, state in afresh.last_failed().items()
    }
    assert found.keys() == set("ABC")


def test_simulations_since_a_moment_are_counted(log_dir):
    kept, afresh = both(log_dir)
    for moment in (1e9, 1e9 + 5e3, 1e9 + 1.5e4, 1e9 + 3e4):
        expected = sum(at >= moment for at in afresh.columns({"complete"}).at)
        assert kept.count_since(moment, {"complete"}, kept.lives.keys()) == expected
    assert kept.count_since(1e9, {"complete"}, []) == 0


@pytest.mark.parametrize("outcomes", [OUTCOMES, {"failed"}, {"complete"}], ids=str)
def test_a_sample_has_the_quantities_of_simulations_that_there_are(log_dir, outcomes):
    for state in both(log_dir):
        whole = quantities(state.columns(outcomes))
        assert sorted(quantities(state.columns(outcomes, sample=SIMS + 1))) == sorted(whole)
        some = quantities(state.columns(outcomes, sample=100))
        assert len(some) == 100
        assert set(some) <= set(whole)
        assert len(set(some)) > 50


def quantities(columns):
    return list(zip(columns.at, columns.wall_s, columns.peak_rss_bytes, strict=True))
