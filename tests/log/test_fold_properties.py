"""The fold is a join: what it says depends on the set of events only."""

import json
import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stilt.log.events import Identified
from stilt.log.fold import State
from stilt.log.joining import life_of
from stilt.log.reader import Scanner
from stilt.log.states import LeanEvent
from tests.log.random_logs import BATCHES, MOMENTS, header, line, sim_event, write
from tests.log.spec_state import facts, load_spec_reader, product_says

SCANNER = Scanner(LeanEvent)
rank = load_spec_reader().rank
# A busy machine is no reason to fail.
steady = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
chance = st.randoms(use_true_random=False)


def random_segments(rng):
    """Return name -> bytes of undamaged segments."""
    found = {}
    for serial in range(rng.randrange(1, 5)):
        batch, seq = rng.choice(BATCHES)
        events = [sim_event(rng) for _ in range(rng.randrange(1, 8))]
        head = header(rng, batch, seq)
        found[f"{batch}/{serial}.log"] = line(0, head) + line(1, *events)
    return found


def folded(pieces):
    """Fold (name, scan, events) pieces in the order given, as a reader that sees the log grow would."""
    state, lives = State(), {}
    for name, scan, events in pieces:
        lives.setdefault(name, life_of(name, scan))
        state.add(lives[name], events)
    return facts(state)


def pieces_of(segments):
    return [
        (name, scan, [event])
        for name, data in segments.items()
        for scan in [SCANNER.scan(data)]
        for event in scan.events
    ]


@steady
@given(chance)
def test_neither_order_nor_duplicates_matter(rng):
    segments = random_segments(rng)
    whole = folded(
        (name, scan, scan.events)
        for name, data in segments.items()
        for scan in [SCANNER.scan(data)]
    )
    pieces = pieces_of(segments)
    again = pieces + rng.sample(pieces, rng.randrange(len(pieces) + 1))
    rng.shuffle(again)
    assert folded(again) == whole


@steady
@given(chance)
def test_what_is_known_of_one_half_is_never_more_than_of_the_whole(rng):
    pieces = pieces_of(random_segments(rng))
    part = State()
    lives = {}
    for name, scan, events in rng.sample(pieces, len(pieces) // 2):
        part.add(lives.setdefault(name, life_of(name, scan)), events)
    ranks = {sim: state.rank for sim, state in part.sims.items()}
    identified = dict(part.identified)
    for name, scan, events in pieces:
        part.add(lives.setdefault(name, life_of(name, scan)), events)
    assert all(part.sims[sim].rank >= rank for sim, rank in ranks.items())
    assert all(part.identified[key] >= receptor for key, receptor in identified.items())


@steady
@given(chance)
def test_a_success_in_the_newest_batch_is_never_lost(rng):
    segments = random_segments(rng)
    state = State()
    for name, data in segments.items():
        scan = SCANNER.scan(data)
        state.add(life_of(name, scan), scan.events)
    claims = [
        (life_of(n, s), e)
        for n, s, es in pieces_of(segments)
        for e in es
        if not isinstance(e, Identified)
    ]
    for sim, found in state.sims.items():
        mine = [(life, event) for life, event in claims if event.sim == sim]
        taken_back = any(type(event).__name__ == "Invalid" for _, event in mine)
        newest = max(life.seq for life, _ in mine)
        succeeded = any(
            life.seq == newest and getattr(event, "outcome", "") in {"complete", "empty"}
            for life, event in mine
        )
        if succeeded and not taken_back:
            assert found.is_done


@steady
@given(chance)
def test_more_is_known_at_a_later_moment(tmp_path_factory, rng):
    log_dir = write(rng, tmp_path_factory.mktemp("log"))
    before = None
    for until in sorted({0.5, *MOMENTS}):
        now = product_says(log_dir, until)
        if before is not None:
            assert before["sims"].keys() <= now["sims"].keys()
            assert before["batches"].keys() <= now["batches"].keys()
            assert before["segments"].keys() <= now["segments"].keys()
            for batch, known in before["batches"].items():
                assert known["total"] <= now["batches"][batch]["total"]
                assert known["seq"] <= now["batches"][batch]["seq"]
            for sim, known in before["sims"].items():
                assert rank(known) <= rank(now["sims"][sim])
        before = now
    now.pop("segments")
    assert {key: before[key] for key in now} == {
        key: value for key, value in product_says(log_dir).items() if key in now
    }


def test_an_end_of_time_says_the_same_as_none(tmp_path):
    for seed in range(200):
        log_dir = write(random.Random(seed), tmp_path / str(seed))
        assert json.dumps(product_says(log_dir, 1e12), sort_keys=True) == json.dumps(
            product_says(log_dir), sort_keys=True
        )
