"""The checkpoint is a cache: with it the log says what it says without, and anything odd about it is no matter."""

import os
import random
import shutil

import pytest
from msgspec import structs

from stilt.kernels.compiled import compile_ahead
from stilt.log import checkpoint, joining
from stilt.log import index as index_module
from stilt.log.bulk import kernels
from stilt.log.index import OutputIndex
from stilt.log.states import ENDED, OUTCOMES
from tests.log.random_logs import header, line, write
from tests.log.spec_state import facts


@pytest.fixture(autouse=True, params=["by Python", "by machine code"])
def _always_worth_it(request, monkeypatch):
    monkeypatch.setattr(index_module, "WORTH_A_CHECKPOINT", 0)
    if request.param == "by machine code":
        compile_ahead(kernels)
        monkeypatch.setattr(joining, "WORTH_BULK", 0)


def everything(state):
    """Return what a state says, the cheap answers first: asking for ``sims`` makes objects of all rows."""
    named = lambda counts: {(life.name, *rest): n for (life, *rest), n in counts.items()}  # noqa: E731
    lives = set(sorted(state.lives)[::2])
    cheap = {
        "begun": state.begun(),
        "tally": named(state.tally()),
        "earlier tally": named(state.tally(earlier=True)),
        "having": {outcome: sorted(s.sim for s in state.having(outcome)) for outcome in OUTCOMES},
        "costs": [rounded(state.costs(earlier=earlier)) for earlier in (False, True)],
        "columns": [
            sorted(getattr(state.columns(outcomes), name))
            for name in ("at", "wall_s", "peak_rss_bytes")
            for outcomes in (OUTCOMES, {"complete", "empty"})
        ],
        "since": [
            state.count_since(moment, outcomes, some)
            for moment in sorted(state.columns(OUTCOMES).at)[::3]
            for outcomes in (OUTCOMES, {"complete", "empty"})
            for some in (state.lives.keys(), lives)
        ],
        "last failed": {reason: s.rank for reason, s in state.last_failed().items()},
        "latest": state.latest(),
        "counts": (state.segments, state.events, state.unknown, state.damaged),
        "damages": sorted(map(str, state.damages)),
        "lives": {life.name: structs.asdict(life) for life in state.lives.values()},
        "identified": state.identified,
    }
    return cheap | facts(state)


def rounded(costs):
    """Return costs by outcome, with sums as they are in any order of adding."""
    return {
        outcome: structs.replace(cost, wall_s=round(cost.wall_s, 6))
        for outcome, cost in costs.items()
    }


def whole(log_dir):
    return everything(OutputIndex(log_dir).fold(use_checkpoint=False))


def with_checkpoint(log_dir):
    state = OutputIndex(log_dir).fold()
    return with_sealed(state, whole(log_dir)) if state.sealed else everything(state)


def with_sealed(state, fresh):
    """Return what a state says, with what a fresh fold says of what sealed batches have ended."""
    said = everything(state)
    for batch in state.sealed:
        for sim, claim in fresh["earlier"].get(batch, {}).items():
            if claim["outcome"] in ENDED:
                said["earlier"].setdefault(batch, {}).setdefault(sim, claim)
    return said


@pytest.mark.parametrize("part", range(4))
def test_checkpoint_and_tail_are_the_whole(tmp_path, part):
    for seed in range(part * 60, (part + 1) * 60):
        rng = random.Random(seed)
        full = write(rng, tmp_path / f"{seed}-full")
        grown = tmp_path / str(seed)
        for stage in (0.3, 0.7, 1.0):
            for path in sorted(full.glob("*/*.log")):
                if rng.random() < 0.2 and stage < 1:
                    continue
                data = path.read_bytes()
                there = grown / path.relative_to(full)
                there.parent.mkdir(parents=True, exist_ok=True)
                size = max(int(len(data) * stage), there.stat().st_size if there.exists() else 0)
                there.write_bytes(data[:size])
            assert with_checkpoint(grown) == whole(grown), f"seed {seed} at {stage}"
        assert (grown / "checkpoint").exists() or not list(grown.glob("*/*.log"))
        assert with_checkpoint(grown) == whole(grown), f"seed {seed} with nothing new"


def test_folders_in_which_no_file_came_or_went_are_not_listed_again(tmp_path, monkeypatch):
    listed = set()
    names = OutputIndex._segment_names
    for seed in range(60):
        rng = random.Random(seed)
        log_dir = write(rng, tmp_path / str(seed))
        folders = sorted(path for path in log_dir.iterdir() if path.is_dir())
        for folder in folders:
            os.utime(folder, (1e9, 1e9))
        OutputIndex(log_dir).fold()
        monkeypatch.setattr(
            OutputIndex,
            "_segment_names",
            lambda self, batch: listed.add(batch) or names(self, batch),
        )
        listed.clear()
        state = OutputIndex(log_dir).fold()
        assert (OutputIndex(log_dir).unseen(state), listed) == ([], set())
        monkeypatch.undo()
        monkeypatch.setattr(index_module, "WORTH_A_CHECKPOINT", 0)
        assert with_checkpoint(log_dir) == whole(log_dir), f"seed {seed}"
        going_on = [path for path in log_dir.glob("*/*.log") if not state.files[name(path)].ended]
        for path in going_on[:1]:
            path.write_bytes(path.read_bytes() + b"half a line")
            assert with_checkpoint(log_dir) == whole(log_dir), f"seed {seed}, appended"
        for folder in folders[:1]:
            new = folder / f"0001-worker-9-01-node-{seed}.log"
            new.write_bytes(line(0, header(rng, folder.name, 1)))
            assert OutputIndex(log_dir).unseen(state) == [new]
            assert with_checkpoint(log_dir) == whole(log_dir), f"seed {seed}, came"
            os.utime(folder, (2e9, 1e9 + 1))
            OutputIndex(log_dir).fold()
            new.unlink()
            assert with_checkpoint(log_dir) == whole(log_dir), f"seed {seed}, went"


def name(path):
    return f"{path.parent.name}/{path.name}"


def test_single_simulations_are_found_without_the_others(tmp_path):
    for seed in range(100):
        log_dir = write(random.Random(seed), tmp_path / str(seed))
        fresh = OutputIndex(log_dir).fold(use_checkpoint=False)
        OutputIndex(log_dir).fold()
        state = OutputIndex(log_dir).fold()
        for sim in ("a_1", "b_1", "a_3", "no_such"):
            found, expected = state.find(sim), fresh.find(sim)
            assert (found and found.rank) == (expected and expected.rank)
        assert with_sealed(state, everything(fresh)) == everything(fresh)


@pytest.fixture
def log_dir(tmp_path):
    folder = write(random.Random(11), tmp_path / "log")
    OutputIndex(folder).fold()
    assert (folder / "checkpoint").exists()
    return folder


def test_a_checkpoint_with_any_byte_changed_or_cut_off_is_as_good_as_absent(log_dir, tmp_path):
    good = (log_dir / "checkpoint").read_bytes()
    expected = everything(checkpoint.load(log_dir / "checkpoint"))
    path = tmp_path / "checkpoint"
    for place in range(0, len(good), 3):
        path.write_bytes(good[:place] + bytes([good[place] ^ 32]) + good[place + 1 :])
        state = checkpoint.load(path)
        assert state is None or everything(state) == expected, place
        path.write_bytes(good[:place])
        assert checkpoint.load(path) is None


@pytest.mark.parametrize("data", [b"", b"x", b"\0" * 500, b"0" * 20], ids=repr)
def test_what_is_no_checkpoint_is_dropped(log_dir, data):
    (log_dir / "checkpoint").write_bytes(data)
    assert with_checkpoint(log_dir) == whole(log_dir)


@pytest.mark.parametrize(
    "receptor", ["ab", "00000000000000AB", "0" * 16, "no digest at all", "0" * 32], ids=repr
)
def test_a_receptor_that_is_no_digest_is_the_same_with_a_checkpoint(tmp_path, receptor):
    rng = random.Random(1)
    (tmp_path / "x").mkdir()
    odd = {"event": "done", "sim": "a_1", "at": 1.0, "outcome": "complete", "receptor": receptor}
    (tmp_path / "x" / "1.log").write_bytes(line(0, header(rng, "x", 1)) + line(1, odd))
    OutputIndex(tmp_path).fold()
    assert OutputIndex(tmp_path).fold().sims["a_1"].receptor == receptor
    assert with_checkpoint(tmp_path) == whole(tmp_path)


def segment_of(log_dir):
    return max(log_dir.glob("*/*.log"), key=lambda path: path.stat().st_size)


INJURIES = {
    "a segment gone": lambda path: path.unlink(),
    "a segment shorter": lambda path: path.write_bytes(
        path.read_bytes()[: path.stat().st_size // 2]
    ),
    "a segment empty": lambda path: path.write_bytes(b""),
    "a segment longer": lambda path: path.write_bytes(path.read_bytes() + b"tail"),
    "another segment under the name": lambda path: path.write_bytes(
        b"00000000 [1]\n" * (1 + path.stat().st_size // 13)
    ),
}


@pytest.mark.parametrize("injury", INJURIES.values(), ids=INJURIES)
def test_a_checkpoint_that_does_not_fit_the_segments_is_dropped(log_dir, injury):
    injury(segment_of(log_dir))
    assert with_checkpoint(log_dir) == whole(log_dir)


def test_a_folder_that_can_not_be_written_is_no_obstacle(log_dir, monkeypatch):
    (log_dir / "checkpoint").unlink()
    expected = whole(log_dir)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert with_checkpoint(log_dir) == expected
    assert not (log_dir / "checkpoint").exists()

    def refuse(*_arguments, **_options):
        raise PermissionError

    monkeypatch.setattr("os.access", lambda *_: True)
    monkeypatch.setattr("stilt.log.checkpoint.publish_with", refuse)
    assert with_checkpoint(log_dir) == expected


def test_a_copy_of_the_log_takes_its_checkpoint_along(log_dir, tmp_path, monkeypatch):
    shutil.copytree(log_dir, tmp_path / "copy")
    expected = whole(log_dir)

    def refold(*_arguments, **_options):
        raise AssertionError

    monkeypatch.setattr(OutputIndex, "_fold", refold)
    assert with_checkpoint(tmp_path / "copy") == expected


def test_small_logs_have_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.undo()
    log_dir = write(random.Random(3), tmp_path / "log")
    OutputIndex(log_dir).fold()
    assert not (log_dir / "checkpoint").exists()


def test_what_a_killed_command_left_of_one_is_removed_and_what_is_being_written_is_not(tmp_path):
    write(random.Random(1), tmp_path)
    old, new = (tmp_path / f".tmp-{number}-checkpoint" for number in range(2))
    for path in (old, new):
        path.touch()
    os.utime(old, (1.0, 1.0))
    OutputIndex(tmp_path).fold()
    assert (tmp_path / "checkpoint").exists()
    assert not old.exists()
    assert new.exists()
