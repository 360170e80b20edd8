"""What the product's fold says, in the words of ``spec/reader.py``."""

import importlib.util
import sys
from pathlib import Path

from msgspec import structs

from stilt.log.index import OutputIndex
from stilt.log.reader import read_segment

SPEC = Path(__file__).parents[2] / "spec"


def load_spec_reader():
    found = importlib.util.spec_from_file_location("spec_reader", SPEC / "reader.py")
    module = importlib.util.module_from_spec(found)
    sys.path.insert(0, str(SPEC))  # it imports what lies beside it
    try:
        found.loader.exec_module(module)
    finally:
        sys.path.remove(str(SPEC))
    return module


def claim(state, known):
    return {
        "batch": state.batch, "seq": state.seq, "attempt": state.attempt, "at": state.at,
        "outcome": state.outcome, "reason": state.reason, "message": state.message,
        "wall_s": state.wall_s, "peak_rss_bytes": state.peak_rss_bytes, "segment": state.life.name,
        "met": state.met, "receptor": state.receptor, "particles": state.particles, "facts": state.facts or {},
        "engine": structs.asdict(state.life.engine) if state.life.engine else None,
        "imprint": state.life.imprint, "known_receptor": known.receptor_of(state),
    }  # fmt: skip


def batch(state):
    tasks = {
        str(task): {"segment": life.name, "attempt": life.attempt, "closed": life.closed}
        for task, life in state.tasks.items()
    }
    return {"seq": state.seq, "total": state.total, "jobs": state.jobs,
            "cancelled": state.cancelled, "tasks": tasks}  # fmt: skip


def facts(state):
    """Return what a fold says of simulations and batches, for comparing."""
    return {
        "sims": {sim: claim(found, state) for sim, found in state.sims.items()},
        "earlier": {
            name: {sim: claim(found, state) for sim, found in sims.items()}
            for name, sims in state.earlier.items()
            if sims
        },
        "batches": {name: batch(found) for name, found in state.batches.items()},
    }


def product_says(log_dir, until=None, **options):
    index = OutputIndex(log_dir)
    state = index.fold(until, use_checkpoint=False, **options)
    segments = {}
    for path in index.segments():
        content = read_segment(path)
        begun = content.header.at if content.header else 0.0
        if until is None or begun <= until:
            name = path.relative_to(log_dir).as_posix()
            damage = sorted({damage.offset for damage in content.damage})
            segments[name] = {"verdict": content.verdict.value, "damage": damage}
    assert state.segments == len(segments)
    assert {damage.path for damage in state.damages} == {
        n for n, s in segments.items() if s["damage"]
    }
    assert state.damaged == sum(found["verdict"] == "damaged" for found in segments.values())
    return facts(state) | {"segments": segments, "unknown": state.unknown}
