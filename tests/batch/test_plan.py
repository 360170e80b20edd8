"""What there is to do, as a table: what the log says, what is on disk, what follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from stilt.batch.plan import Selection, Settings, plan
from stilt.foundations.simulation import Receptor, Simulation
from stilt.log.fold import Life, SimState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TODAY = Settings({"hrrr": "T"}, {"near": "F", "far": "G"})
SIM = "hrrr_201512100000_-112_40_5"


class Simulations(list[Simulation]):
    """A list that gives several at a time."""

    def take(self, indices: Sequence[int]) -> list[Simulation]:
        return [self[index] for index in indices]


def simulations(*hours: int, met: str = "hrrr") -> Simulations:
    return Simulations(
        Simulation(
            f"{met}_20151210{hour:02d}00_-112_40_5",
            met,
            Receptor(f"20151210{hour:02d}00", (-112.0,), (40.0,), (5.0,)),
        )
        for hour in hours
    )


@dataclass
class Disk:
    """Outputs by kind; all there unless said otherwise."""

    missing: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    def particles(self, date: str) -> frozenset[str]:
        return self._listing("particles", date)

    def footprints(self, name: str, date: str) -> frozenset[str]:
        return self._listing(name, date)

    def _listing(self, kind: str, date: str) -> frozenset[str]:
        self.asked.append(f"{kind} {date}")
        return frozenset() if kind in self.missing else frozenset({SIM})


def state(outcome: str, transport: str = "T", near: str = "F", reason: str = "") -> SimState:
    life = Life("b/s", "b", 1, transport={"hrrr": transport}, footprints={"near": near, "far": "G"})
    return SimState(sim=SIM, at=0.0, outcome=outcome, reason=reason, life=life)


CASES = {
    "never run": (None, (), "transport"),
    "complete": (state("complete"), (), "skip"),
    "empty": (state("empty"), ("near", "far"), "skip"),
    "complete, transport settings changed": (state("complete", transport="old"), (), "transport"),
    "complete, a footprint's settings changed": (state("complete", near="old"), (), "footprints"),
    "empty, a footprint's settings changed": (state("empty", near="old"), (), "footprints"),
    "complete, particles missing": (state("complete"), ("particles",), "transport"),
    "complete, a footprint missing": (state("complete"), ("far",), "footprints"),
    "empty, particles missing": (state("empty"), ("particles",), "transport"),
    "failed": (state("failed"), ("particles",), "transport"),
    "failed after its particles": (state("failed"), (), "footprints"),
    "interrupted": (state("interrupted"), ("particles",), "transport"),
    "running in a task that is gone": (state("running"), ("particles",), "transport"),
    "found damaged": (state("invalid"), (), "transport"),
}


@pytest.mark.parametrize(("known", "missing", "expected"), CASES.values(), ids=CASES)
def test_state_and_files_decide(known, missing, expected) -> None:
    todo = plan(
        simulations(0), {SIM: known} if known else {}, TODAY, Disk(missing=frozenset(missing))
    )
    found = "transport" if todo.transport else "footprints" if todo.footprints else "skip"
    assert found == expected
    assert todo.work + todo.complete + todo.empty == 1


def test_a_product_that_is_not_asked_for_any_more_changes_nothing() -> None:
    todo = plan(simulations(0), {SIM: state("complete")}, Settings({"hrrr": "T"}, {}), Disk())
    assert todo.complete == 1


def test_what_a_live_task_has_is_left_to_it() -> None:
    todo = plan(simulations(0), {SIM: state("running")}, TODAY, Disk(), queued={SIM})
    assert (todo.queued, todo.work) == (1, 0)


def test_no_skip_takes_everything_even_from_a_live_task() -> None:
    selection = Selection(skip=False)
    todo = plan(
        simulations(0), {SIM: state("complete")}, TODAY, Disk(), queued={SIM}, selection=selection
    )
    assert len(todo.transport) == 1


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(failed=True), 1),
        (Selection(reasons=frozenset({"TIMEOUT"})), 1),
        (Selection(reasons=frozenset({"KILLED"})), 0),
    ],
)
def test_only_failures_that_are_asked_for(selection: Selection, expected: int) -> None:
    known = {SIM: state("failed", reason="TIMEOUT")}
    todo = plan(simulations(0, 1), known, TODAY, Disk(), selection=selection)
    assert (todo.work, todo.left_out) == (expected, 2 - expected)


def test_work_is_ordered_by_meteorology_and_time() -> None:
    both = Simulations([*simulations(5, 3, 4), *simulations(2, 1, met="gfs")])
    todo = plan(both, {}, Settings({"hrrr": "T", "gfs": "U"}, {}), Disk())
    assert list(todo.transport) == [1, 2, 0, 4, 3]


def test_a_dated_folder_is_listed_and_files_are_not_asked_for() -> None:
    disk = Disk()
    many = simulations(*range(24))
    known = {each.sim: state("complete") for each in many}
    plan(many, known, TODAY, disk)
    assert set(disk.asked) == {"particles 2015-12-10", "near 2015-12-10", "far 2015-12-10"}


def test_the_million_is_not_touched_twice() -> None:
    class Counting(Simulations):
        iterated = 0

        def __iter__(self) -> Iterator[Simulation]:
            type(self).iterated += 1
            return super().__iter__()

    plan(Counting(simulations(0, 1, 2)), {}, TODAY, Disk())
    assert Counting.iterated == 1
