"""Histories of real projects, with edited receptors, archives, lost and damaged files and another STILT_HOME.

What ``status``, ``run --dry-run``, ``log replay``, ``verify``, ``report``, ``check`` and Python say of them is what a
plain model says.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

import stilt
from stilt.check.finding import exit_code
from stilt.check.preflight import preflight
from stilt.commands.archive import archive
from stilt.commands.run import Request, run
from stilt.commands.verify import record, verify
from stilt.foundations.paths import Layout
from stilt.log.index import OutputIndex
from stilt.outputs.listing import Listing
from stilt.report.content import collect
from stilt.status.gather import gather
from stilt.status.opened import open_project
from tests.engines import Behaviour
from tests.projects import FOOTPRINT, Project, make_project
from tests.truth.edited import write_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.status.summary import Summary

pytestmark = pytest.mark.slow

HISTORIES = int(os.environ.get("STILT_HISTORIES_ON_DISK", "6"))
HEIGHTS = [5, 6, 7, 8, Behaviour.EMPTY, Behaviour.MODEL_ERROR]
NEVER = len(HEIGHTS)  # a receptor that comes later
PARTICLES, FOOTPRINTS = "particles", "footprints/default"
STATES = ("pending", "running", "complete", "empty", "failed", "interrupted", "stale")
GOOD = ("complete", "empty")


def sim_of(n: int) -> str:
    return f"fake_r{n}"


@dataclass
class Simulation:
    """One of them as it stands; ``where`` each output is: ``own``, ``lost``, ``damaged``, or the name of an archive."""

    outcome: str
    height: float
    made_for: float
    where: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """As ``status`` has it, which looks at no file."""
        if self.outcome in GOOD:
            return self.outcome if self.height == self.made_for else "stale"
        return "pending" if self.outcome in {"invalid", "never"} else self.outcome

    @property
    def lacks(self) -> bool:
        return self.outcome in GOOD and "lost" in self.where.values()

    @property
    def is_broken(self) -> bool:
        """Whether ``verify`` finds something."""
        return self.lacks or (self.outcome in GOOD and "damaged" in self.where.values())

    @property
    def is_to_do(self) -> bool:
        return self.lacks or self.state not in GOOD

    def make(self) -> None:
        """Run it once more: of footprints alone nothing else changes."""
        keeps = self.where[PARTICLES] if self.state in GOOD else "lost"
        self.made_for = self.height
        self.outcome = {Behaviour.EMPTY: "empty", Behaviour.MODEL_ERROR: "failed"}.get(
            self.height,
            "complete",  # type: ignore[call-overload]
        )
        if self.outcome == "failed":
            self.where = {}
            return
        self.where = {PARTICLES: "own" if keeps in {"lost", "damaged"} else keeps}
        if self.outcome == "complete":
            self.where[FOOTPRINTS] = "own"


@dataclass
class History:
    """A project, what is so of it by the model, and what was done to it."""

    project: Project
    random: Random
    sims: dict[int, Simulation]
    told: list[str] = field(default_factory=list)

    @property
    def layout(self) -> Layout:
        return Layout.of(self.project.path)

    def files(self, n: int, product: str) -> list[Path]:
        """Return an output's own files, under every name."""
        folder = self.project.output / product
        return [*folder.glob(f"*/{sim_of(n)}.*"), *folder.glob(f"*/.{sim_of(n)}.*")]

    def write_receptors(self) -> None:
        rows = [
            f"r{n},2015-12-10 {12 + n}:00,{-112 - n / 10},40.5,{sim.height:g}"
            for n, sim in self.sims.items()
        ]
        write_rows(self.project, *rows)
        file, later = self.layout.receptors_file, 2e9 + len(self.told)
        os.utime(file, (later, later))

    def pick(self, wanted: Callable[[Simulation], bool]) -> int | None:
        found = [n for n, sim in self.sims.items() if wanted(sim)]
        return self.random.choice(found) if found else None


def edit(history: History) -> None:
    """Move a receptor under its name, or move it back."""
    n = history.pick(lambda sim: sim.height < Behaviour.MODEL_ERROR)
    assert n is not None
    sim = history.sims[n]
    sim.height = sim.made_for if sim.height != sim.made_for else sim.height + 10
    history.write_receptors()


def add(history: History) -> None:
    """Ask for one more."""
    history.sims.setdefault(NEVER, Simulation("never", 9.0, 9.0))
    history.write_receptors()


def put_away(history: History) -> None:
    """Archive what is loose."""
    before = set(history.project.output.glob("archive/**/*.parquet"))
    archive(history.layout)
    after = set(history.project.output.glob("archive/**/*.parquet")) - before
    made = {str(path.parent.relative_to(path.parents[1])): path for path in after}
    names = {PARTICLES: made.get("particles"), FOOTPRINTS: made.get("default")}
    for sim in history.sims.values():
        for product, place in sim.where.items():
            if place == "own":
                assert names[product] is not None
                sim.where[product] = str(names[product])


def lose(history: History) -> None:
    """Remove an output, or the archive that it is in."""
    n = history.pick(lambda sim: sim.outcome in GOOD and not sim.is_broken)
    if n is None:
        return
    product, place = history.random.choice(sorted(history.sims[n].where.items()))
    if place == "own":
        for path in history.files(n, product):
            path.unlink()
        history.sims[n].where[product] = "lost"
        return
    Path(place).unlink()
    for sim in history.sims.values():
        sim.where = {name: "lost" if at == place else at for name, at in sim.where.items()}


def spoil(history: History) -> None:
    """Put another's file in the place of an output."""
    n = history.pick(lambda sim: "own" in sim.where.values() and not sim.is_broken)
    if n is None:
        return
    sim = history.sims[n]
    product = history.random.choice([name for name, at in sorted(sim.where.items()) if at == "own"])
    for path in history.files(n, product):
        if not path.is_symlink():
            path.write_bytes(b"something else")
    sim.where[product] = "damaged"


def look_after(history: History) -> None:
    """Have what is broken noted in the log."""
    record(history.layout, verify(history.layout))
    for sim in history.sims.values():
        if sim.is_broken:
            sim.outcome = "invalid"


def work(history: History) -> None:
    """Run what is to do."""
    answer = history.project.stilt("run", "--cpus", "1")
    assert answer.code in {0, 1}, answer.err
    for sim in history.sims.values():
        if sim.is_to_do:
            sim.make()


STEPS = (edit, edit, add, put_away, lose, lose, spoil, look_after, work)


def handed_over(path: Path) -> int:
    """Return how many simulations a dry run says it would hand over."""
    lines: list[str] = []
    run(Request(path, dry_run=True), lines.append)
    found = re.search(r"would hand over ([\d,]+)", "\n".join(lines))
    return int(found.group(1).replace(",", "")) if found else 0


def counted(summary: Summary) -> Counter[str]:
    return +Counter({name: getattr(summary, name) for name in STATES})


def compare(history: History) -> None:
    """Hold everything that says how the project stands against the model, and against each other."""
    path, sims, where = history.project.path, history.sims, str(history.told)
    states = Counter(sim.state for sim in sims.values() if sim.outcome != "never")
    every = Counter(sim.state for sim in sims.values())
    said = gather(open_project(path))
    again = gather(open_project(path), use_checkpoint=False)
    assert counted(said) == counted(again) == states, where
    assert said.to_do == sum(sim.state not in GOOD for sim in sims.values()), where
    replayed = OutputIndex(history.layout.log_dir).fold(use_checkpoint=False).sims
    assert {n: sim.outcome for n, sim in sims.items() if sim.outcome != "never"} == {
        n: replayed[sim_of(n)].outcome for n in sims if sim_of(n) in replayed
    }, where
    assert handed_over(path) == sum(sim.is_to_do for sim in sims.values()), where
    broken = {broken.sim for _, broken in verify(history.layout).broken}
    assert broken == {sim_of(n) for n, sim in sims.items() if sim.is_broken}, where
    project = stilt.Project(path)
    table = project.simulations
    assert dict(zip(table.index, table["state"], strict=True)) == {
        sim_of(n): sim.state for n, sim in sims.items()
    }, where
    content = collect(project)
    assert counted(content.summary) == states, where
    assert {state: len(places) for state, places in content.places.items() if places} == every
    found = [
        finding for finding in preflight(path) if finding.area != "met fake"
    ]  # it has no files
    assert exit_code(found) == 0, (where, found)
    asked = next(finding.text for finding in found if finding.area == "receptors")
    assert asked.startswith(f"{len(sims)}, "), where


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has run once."""
    project = make_project(
        tmp_path_factory.mktemp("made") / "project", footprints=f"{{default: {FOOTPRINT}}}"
    )
    History(project, Random(0), new_sims()).write_receptors()
    assert project.stilt("run", "--cpus", "1").code == 1  # one fails
    return project


def new_sims() -> dict[int, Simulation]:
    sims = {n: Simulation("never", height, height) for n, height in enumerate(HEIGHTS)}
    for sim in sims.values():
        sim.make()
    return sims


@pytest.fixture
def history(
    finished: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> History:
    """Return a copy of it, to which nothing was done yet."""
    monkeypatch.setenv("FAKE_RUNS", str(tmp_path / "runs.txt"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    shutil.copytree(finished.path, tmp_path / "project", symlinks=True)
    seed = getattr(request, "param", 0)
    return History(Project(tmp_path / "project"), Random(seed), new_sims())


@pytest.mark.parametrize("history", range(HISTORIES), indirect=True)
def test_everything_says_the_same_of_a_project_on_disk(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in history.random.choices(STEPS, k=4):
        step(history)
        history.told.append(step.__name__)
        if history.random.random() < 0.2:
            history.told.append("another home")
            monkeypatch.setenv("STILT_HOME", str(tmp_path / "home"))
        compare(history)


FAULTS: dict[str, tuple[str, Callable[..., object], Callable[[History], None]]] = {
    "an edited receptor is what it was": (
        "stilt.status.outdated.edited",
        lambda *_: frozenset(),
        edit,
    ),
    "a lost output is there, to run": ("stilt.outputs.listing.Listing.has", lambda *_: True, lose),
    "what is in an archive is lost, to run": (
        "stilt.outputs.listing.Listing.has",
        Listing.has_own,
        put_away,
    ),
    "what is in an archive is lost, to verify": (
        "stilt.commands.verify._Archives.problem",
        lambda *_: "it is missing",
        put_away,
    ),
    "whatever is in a file is right": ("stilt.commands.verify._problem", lambda *_: "", spoil),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(
    fault: str, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, instead, step = FAULTS[fault]
    step(history)
    monkeypatch.setattr(where, instead)
    with pytest.raises(AssertionError):
        compare(history)
