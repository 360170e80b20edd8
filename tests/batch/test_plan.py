"""What there is to do, as a table: what the log says, what is on disk, what follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from stilt.batch.plan import Selection, plan
from stilt.batch.today import Today
from stilt.config.load import parse_config
from stilt.foundations.identity import EngineIdentity
from stilt.foundations.paths import Layout
from stilt.foundations.simulation import Receptor, Simulation
from stilt.log.fold import Life, SimState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GRID = "{xmin: -113, xmax: -110, ymin: 40, ymax: 42, xres: 0.1, yres: 0.1}"
CONFIG = f"""
mets:
  hrrr: {{directory: /m, file_format: "%Y", file_tres: 1d}}
  gfs: {{directory: /m, file_format: "%Y", file_tres: 1d}}
footprints: {{near: {GRID}, far: {GRID}}}
n_hours: -1
"""
ENGINE = EngineIdentity("hysplit", "v5", inputs={"hycs_std": "aa"})
LAYOUT = Layout.of("/nowhere")
SIM = "hrrr_201512100000_-112_40_5"


def today(text: str = CONFIG, engine: EngineIdentity = ENGINE) -> Today:
    return Today(LAYOUT, parse_config(text, "config.yaml"), engine)


TODAY = today()


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
    """Outputs by product; all there, under the names that the log has, unless said otherwise."""

    missing: frozenset[str] = frozenset()
    turned_back: frozenset[str] = frozenset()
    imprint: str = ""
    asked: list[str] = field(default_factory=list)

    def has(self, product: str, date: str, file: str) -> bool:  # noqa: ARG002 - the protocol's
        self.asked.append(f"{product} {date}")
        return product not in self.missing

    def has_own(self, product: str, date: str, file: str) -> bool:
        return file[:1] != "." or self.has(product, date, file)

    def imprint_of(self, *_: str) -> str:
        return self.imprint

    def is_exposed(self, product: str, *_: str) -> bool:
        return product not in self.turned_back


@dataclass
class Past:
    """What the log says."""

    sims: dict[str, SimState]

    def receptor_of(self, state: SimState) -> str:
        return state.receptor

    def may_be_of(self, state: SimState, receptor: Receptor) -> bool:
        return state.receptor in {"", receptor.digest}


RECEPTOR = simulations(0)[0].receptor.digest


def state(
    outcome: str,
    config: str = CONFIG,
    reason: str = "",
    receptor: str = RECEPTOR,
    engine: EngineIdentity = ENGINE,
) -> SimState:
    made = today(config, engine)
    life = Life(
        "b/s",
        "b",
        1,
        transport=made.transports,
        footprints=made.footprints,
        engine=engine,
        imprint="i",
    )
    life.name = f"b/{config}{engine}"
    return SimState(sim=SIM, at=0.0, outcome=outcome, reason=reason, receptor=receptor, life=life)


OTHER_HOURS = CONFIG.replace("n_hours: -1", "n_hours: -2")
OTHER_GRID = CONFIG.replace("near: {xmin: -113", "near: {xmin: -114")
OTHER_ENGINE = EngineIdentity("hysplit", "v6", inputs={"hycs_std": "bb"})
NATIVE = EngineIdentity("native", "1")


CASES = {
    "never run": (None, (), "transport"),
    "complete": (state("complete"), (), "skip"),
    "empty": (state("empty"), ("footprints/near", "footprints/far"), "skip"),
    "complete, transport settings changed": (state("complete", OTHER_HOURS), (), "transport"),
    "complete, a footprint's settings changed": (state("complete", OTHER_GRID), (), "footprints"),
    "empty, a footprint's settings changed": (state("empty", OTHER_GRID), (), "footprints"),
    "complete, particles missing": (state("complete"), ("particles",), "transport"),
    "complete, a footprint missing": (state("complete"), ("footprints/far",), "footprints"),
    "empty, particles missing": (state("empty"), ("particles",), "transport"),
    "failed": (state("failed"), ("particles",), "transport"),
    "failed after its particles": (state("failed"), (), "footprints"),
    "interrupted": (state("interrupted"), ("particles",), "transport"),
    "running in a task that is gone": (state("running"), ("particles",), "transport"),
    "found damaged": (state("invalid"), (), "transport"),
    "complete, of another receptor": (state("complete", receptor="0" * 16), (), "transport"),
    "complete, of a receptor that the log does not name": (
        state("complete", receptor=""),
        (),
        "skip",
    ),
    "complete, by another version of the engine": (
        state("complete", engine=OTHER_ENGINE),
        (),
        "skip",
    ),
    "complete, by another engine": (state("complete", engine=NATIVE), (), "transport"),
}


@pytest.mark.parametrize(("known", "missing", "expected"), CASES.values(), ids=CASES)
def test_state_and_files_decide(known, missing, expected) -> None:
    todo = plan(
        simulations(0), Past({SIM: known} if known else {}), TODAY, Disk(missing=frozenset(missing))
    )
    found = "transport" if todo.transport else "footprints" if todo.footprints else "skip"
    assert found == expected
    assert todo.work + todo.complete + todo.empty == 1


def test_a_product_that_is_not_asked_for_any_more_changes_nothing() -> None:
    without = today(CONFIG.replace(f", far: {GRID}", ""))
    todo = plan(simulations(0), Past({SIM: state("complete")}), without, Disk())
    assert todo.complete == 1


def test_what_a_live_task_has_is_left_to_it() -> None:
    queued = {SIM: hash(simulations(0)[0].receptor)}
    todo = plan(simulations(0), Past({SIM: state("running")}), TODAY, Disk(), queued=queued)
    assert (todo.queued, todo.work) == (1, 0)


def test_what_a_live_task_has_of_a_receptor_that_was_edited_since_is_work() -> None:
    todo = plan(simulations(0), Past({}), TODAY, Disk(), queued={SIM: 0})
    assert (todo.queued, todo.work) == (0, 1)


def test_results_of_another_version_of_the_engine_are_counted_and_redone_when_asked_for() -> None:
    past = Past({SIM: state("complete", engine=OTHER_ENGINE)})
    assert plan(simulations(0), past, TODAY, Disk()).other_engine == 1
    todo = plan(simulations(0), past, TODAY, Disk(), selection=Selection(redo_engine=True))
    assert todo.why == {"made by another engine": 1}


def test_footprints_of_particles_of_another_version_of_the_engine_need_transport() -> None:
    past = Past({SIM: state("complete", OTHER_GRID, engine=OTHER_ENGINE)})
    todo = plan(simulations(0), past, TODAY, Disk())
    assert (len(todo.transport), len(todo.footprints)) == (1, 0)


def test_a_plain_name_that_was_turned_back_is_noted() -> None:
    disk = Disk(turned_back=frozenset({"particles"}))
    todo = plan(simulations(0), Past({SIM: state("complete")}), TODAY, disk)
    plain = f"{SIM}.parquet"
    assert todo.unexposed == [("particles", "2015-12-10", f".{plain}.i", plain)]
    assert todo.complete == 1


def test_no_skip_takes_everything_even_from_a_live_task() -> None:
    selection = Selection(skip=False)
    todo = plan(
        simulations(0),
        Past({SIM: state("complete")}),
        TODAY,
        Disk(),
        queued={SIM: 0},
        selection=selection,
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
    known = Past({SIM: state("failed", reason="TIMEOUT")})
    todo = plan(simulations(0, 1), known, TODAY, Disk(), selection=selection)
    assert (todo.work, todo.left_out) == (expected, 2 - expected)


def test_work_is_ordered_by_meteorology_and_time() -> None:
    both = Simulations([*simulations(5, 3, 4), *simulations(2, 1, met="gfs")])
    todo = plan(both, Past({}), TODAY, Disk())
    assert list(todo.transport) == [1, 2, 0, 4, 3]


def test_a_dated_folder_is_listed_and_files_are_not_asked_for() -> None:
    disk = Disk()
    many = simulations(*range(24))
    known = {each.sim: state("complete") for each in many}
    for each in many:
        known[each.sim].receptor = each.receptor.digest
    plan(many, Past(known), TODAY, disk)
    kinds = ("particles", "footprints/near", "footprints/far")
    assert set(disk.asked) == {f"{kind} 2015-12-10" for kind in kinds}


def test_the_million_is_not_touched_twice() -> None:
    class Counting(Simulations):
        iterated = 0

        def __iter__(self) -> Iterator[Simulation]:
            type(self).iterated += 1
            return super().__iter__()

    plan(Counting(simulations(0, 1, 2)), Past({}), TODAY, Disk())
    assert Counting.iterated == 1
