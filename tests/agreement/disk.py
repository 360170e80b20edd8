"""Real projects, what is done to them by chance, and what is so then by a plain model."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from stilt.commands.archive import archive
from stilt.commands.verify import record, verify
from stilt.foundations.errors import NotFinishedError
from stilt.foundations.paths import Layout
from tests.engines import Behaviour
from tests.truth.edited import change, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.projects import Project

HEIGHTS = [5, 6, 7, 8, Behaviour.EMPTY, Behaviour.MODEL_ERROR]
NEVER = len(HEIGHTS)  # a receptor that comes later
PARTICLES, FOOTPRINTS = "particles", "footprints/default"
GOOD = ("complete", "empty")
MADE = (*GOOD, "stale")
FIRST = "the first batch"
OUTCOMES = {Behaviour.EMPTY: "empty", Behaviour.MODEL_ERROR: "failed"}


class Recipe(NamedTuple):
    """What a result is made from, as far as histories change it."""

    height: float
    numpar: int = 10
    xres: float = 0.1


@dataclass
class Result:
    """What the log says that a batch left of a simulation; ``of`` is the part of the log that says it.

    ``where`` each output is: ``own``, ``lost``, ``damaged``, or the name of an archive.
    """

    of: str
    outcome: str
    recipe: Recipe
    home: str
    where: dict[str, str] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        return self.outcome in GOOD


class Hand(NamedTuple):
    """What a task that waits was handed over with."""

    recipe: Recipe
    home: str


@dataclass
class Simulation:
    """One of them as it stands.

    Attributes
    ----------
    height
        That of its receptor today.
    is_asked_for
        Whether receptors.csv has it.
    results
        What each part of the log says of it, the newest last.
    hands
        The batches that have it and have not begun it.
    waits
        The batches that it was registered in, and not begun by.
    claims
        The batches that claim it: those that list it, are in the log and were not cancelled.
    """

    height: float
    is_asked_for: bool = True
    results: list[Result] = field(default_factory=list)
    hands: dict[str, Hand] = field(default_factory=dict)
    waits: set[str] = field(default_factory=set)
    claims: set[str] = field(default_factory=set)

    @property
    def result(self) -> Result | None:
        return self.results[-1] if self.results else None

    @property
    def is_known(self) -> bool:
        """Whether the log has anything of it."""
        return bool(self.results or self.waits)

    @property
    def is_in_hand(self) -> bool:
        return bool(self.hands)

    @property
    def is_broken(self) -> bool:
        """Whether ``verify`` finds something."""
        known = self.result
        return bool(known and known.is_done and {"lost", "damaged"} & set(known.where.values()))

    @property
    def lacks(self) -> bool:
        known = self.result
        return bool(known and known.is_done and "lost" in known.where.values())


@dataclass
class History:
    """A project, what is so of it by the model, and what was done to it.

    Attributes
    ----------
    theirs
        Folders of others that live.
    is_refused
        Whether receptors.csv has what no simulation may be called.
    """

    project: Project
    random: Random
    env: pytest.MonkeyPatch
    sims: dict[int, Simulation]
    numpar: int = 10
    xres: float = 0.1
    home: str = ""
    told: list[str] = field(default_factory=list)
    theirs: list[Path] = field(default_factory=list)
    is_refused: bool = False

    @property
    def layout(self) -> Layout:
        return Layout.of(self.project.path)

    @property
    def asked_for(self) -> dict[int, Simulation]:
        return {n: sim for n, sim in self.sims.items() if sim.is_asked_for}

    def recipe(self, sim: Simulation) -> Recipe:
        """Return what it would be made from today; of one that nobody asks for the receptor does not matter."""
        known = sim.result
        height = sim.height if sim.is_asked_for or known is None else known.recipe.height
        return Recipe(height, self.numpar, self.xres)

    def state(self, sim: Simulation) -> str:
        """Return a state as ``status`` has it, which looks at no file."""
        known = sim.result
        if known is None or known.outcome == "invalid":
            return "pending"
        if known.is_done:
            return known.outcome if known.recipe == self.recipe(sim) else "stale"
        return "pending" if sim.waits else known.outcome

    def is_queued(self, sim: Simulation) -> bool:
        """Tell whether a task has it, of the receptor that it has today."""
        return any(hand.recipe.height == sim.height for hand in sim.hands.values())

    def is_left(self, sim: Simulation) -> bool:
        """Tell whether it is to be done if all outputs are as the log has them."""
        return self.state(sim) not in GOOD and not self.is_queued(sim)

    def is_to_do(self, sim: Simulation) -> bool:
        return self.is_left(sim) or (sim.lacks and not self.is_queued(sim))

    def is_of_another_engine(self, sim: Simulation) -> bool:
        """Tell whether it is done, and was by an engine that is not that of today."""
        known = sim.result
        is_done = self.state(sim) in GOOD and not self.is_queued(sim) and not sim.lacks
        return bool(known and is_done and known.home != self.home)

    def files(self, n: int, product: str) -> list[Path]:
        """Return an output's own files, under every name."""
        folder = self.project.output / product
        return [*folder.glob(f"*/{sim_of(n)}.*"), *folder.glob(f"*/.{sim_of(n)}.*")]

    def write_receptors(self) -> None:
        rows = [
            f"r{n},2015-12-10 {12 + n}:00,{-112 - n / 10},40.5,{sim.height:g}"
            for n, sim in self.asked_for.items()
        ]
        write_rows(self.project, *rows)
        file, later = self.layout.receptors_file, 2e9 + len(self.told)
        os.utime(file, (later, later))

    def pick(self, wanted: Callable[[Simulation], bool]) -> int | None:
        found = [n for n, sim in self.sims.items() if wanted(sim)]
        return self.random.choice(found) if found else None

    def make(self, sim: Simulation, batch: str, hand: Hand) -> None:
        """Let a batch make it: of footprints alone nothing else changes."""
        keeps = self._kept_particles(sim, hand)
        recipe, home = hand
        outcome = OUTCOMES.get(recipe.height, "complete")  # type: ignore[call-overload]
        for result in sim.results:  # what is in an archive stays there
            result.where = {
                product: "lost" if at == "own" and (product, at) != (PARTICLES, keeps) else at
                for product, at in result.where.items()
            }
        sim.results.append(Result(batch, outcome, recipe, home))
        if outcome != "failed":
            sim.results[-1].where[PARTICLES] = keeps or "own"
        if outcome == "complete":
            sim.results[-1].where[FOOTPRINTS] = "own"
        sim.waits.clear()

    def _kept_particles(self, sim: Simulation, hand: Hand) -> str:
        """Return where the particles are that the footprints alone are made from; nothing if these are made too."""
        known = sim.result
        if known is None or not known.is_done or known.home != hand.home:
            return ""
        at = known.where[PARTICLES]
        is_same = known.recipe[:2] == hand.recipe[:2]
        return at if is_same and at not in {"lost", "damaged"} else ""


def sim_of(n: int) -> str:
    return f"fake_r{n}"


def edit(history: History) -> None:
    """Move a receptor under its name, or move it back."""
    n = history.pick(lambda sim: sim.is_asked_for and sim.height < Behaviour.MODEL_ERROR)
    if n is None:
        return
    sim = history.sims[n]
    before = sim.result.recipe.height if sim.result else sim.height
    sim.height = before if sim.height != before else sim.height + 10
    history.write_receptors()


def add(history: History) -> None:
    """Ask for one more."""
    history.sims.setdefault(NEVER, Simulation(9.0))
    history.write_receptors()


def edit_new(history: History) -> None:
    """Move the one that was added."""
    history.sims[NEVER].height += 10
    history.write_receptors()


def remove(history: History) -> None:
    """Ask for one no more, or again for one that was asked for before."""
    n = history.pick(lambda sim: not sim.is_asked_for or len(history.asked_for) > 1)
    assert n is not None
    history.sims[n].is_asked_for = not history.sims[n].is_asked_for
    history.write_receptors()


def name_as_error(history: History) -> None:
    """Ask for one whose particles would have the name of another's error particles."""
    write_rows(
        history.project, "r0,2015-12-10 12:00,-112,40.5,5", "r0.error,2015-12-10 13:00,-112,40.5,5"
    )
    history.is_refused = True


def set_particles(history: History) -> None:
    """Change a setting of the transport, or change it back."""
    before, history.numpar = history.numpar, 15 - history.numpar
    change(history.project, f"numpar: {before}\n", f"numpar: {history.numpar}\n")


def set_grid(history: History) -> None:
    """Change a grid, or change it back."""
    before, history.xres = history.xres, 0.2 if history.xres == 0.1 else 0.1
    change(history.project, f"xres: {before}", f"xres: {history.xres}")


def move_home(history: History) -> None:
    """Have another STILT_HOME, or the first one again: the engine reads a table there."""
    history.home = "" if history.home else "elsewhere"
    history.env.setenv("ENGINE_HOME", history.home)
    history.env.setenv("STILT_HOME", str(history.project.path.parent / f"home {history.home}"))


def put_away(history: History) -> None:
    """Archive what is loose, unless tasks have work in hand."""
    if any(sim.is_in_hand for sim in history.sims.values()):
        with pytest.raises(NotFinishedError):
            archive(history.layout)
        return
    before = set(history.project.output.glob("archive/**/*.pack"))
    archive(history.layout)
    after = set(history.project.output.glob("archive/**/*.pack")) - before
    for sim in history.sims.values():
        known = sim.result
        for product, place in known.where.items() if known and known.is_done else ():
            if place == "own":
                known.where[product] = _archive_with(after, product)


def _archive_with(archives: set[Path], product: str) -> str:
    (found,) = [path for path in archives if path.parent.name == product.rpartition("/")[2]]
    return str(found)


def lose(history: History) -> None:
    """Remove an output, or the archive that it is in."""
    n = history.pick(lambda sim: bool(sim.result and sim.result.is_done) and not sim.is_broken)
    if n is None:
        return
    where = history.sims[n].results[-1].where
    product, place = history.random.choice(sorted(where.items()))
    if place == "own":
        _lose_file(history, n, product)
        return
    Path(place).unlink()
    for result in (result for sim in history.sims.values() for result in sim.results):
        result.where = {name: "lost" if at == place else at for name, at in result.where.items()}


def lose_footprint(history: History) -> None:
    """Remove a footprint that is a file of its own."""
    n = history.pick(lambda sim: FOOTPRINTS in _loose(sim))
    assert n is not None
    _lose_file(history, n, FOOTPRINTS)


def _lose_file(history: History, n: int, product: str) -> None:
    for path in history.files(n, product):
        path.unlink()
    for result in history.sims[n].results:
        result.where |= {product: "lost"} if result.where.get(product) == "own" else {}


def spoil(history: History) -> None:
    """Write something else over an output."""
    n = history.pick(lambda sim: bool(_loose(sim)) and not sim.is_broken)
    if n is None:
        return
    product = history.random.choice(_loose(history.sims[n]))
    for path in history.files(n, product):
        if not path.is_symlink():
            path.write_bytes(b"something else")
    _mark_damaged(history.sims[n], product)


def swap(history: History) -> None:
    """Put another simulation's output in the place of one, and the other way round."""
    product = history.random.choice([PARTICLES, FOOTPRINTS])
    those = [n for n, sim in history.sims.items() if product in _loose(sim) and not sim.is_broken]
    if len(those) < 2:
        return
    first, second = history.random.sample(those, 2)
    files = [
        next(path for path in history.files(n, product) if path.name.startswith("."))
        for n in (first, second)
    ]
    contents = [path.read_bytes() for path in files]
    for path, content in zip(files, reversed(contents), strict=True):
        path.write_bytes(content)
    _mark_damaged(history.sims[first], product)
    _mark_damaged(history.sims[second], product)


def _loose(sim: Simulation) -> list[str]:
    known = sim.result
    if known is None or not known.is_done:
        return []
    return sorted(product for product, at in known.where.items() if at == "own")


def _mark_damaged(sim: Simulation, product: str) -> None:
    for result in sim.results:
        if result.where.get(product) == "own":
            result.where[product] = "damaged"


def copy_plain(history: History) -> None:
    """Have the project copied without names that begin with a dot; `verify` and `run` miss nothing for that."""
    for product in (PARTICLES, FOOTPRINTS):
        for path in (history.project.output / product).glob("*/.fake_*"):
            plain = path.with_name(path.name[1:].rpartition(".")[0])
            if plain.is_symlink():  # it would be copied as what it points to
                content = plain.read_bytes()
                plain.unlink()
                plain.write_bytes(content)
            path.unlink()


def look_after(history: History) -> None:
    """Have what is broken noted in the log."""
    record(history.layout, verify(history.layout))
    for sim in history.sims.values():
        if sim.is_broken:
            known = sim.results[-1]
            sim.results.append(Result("verify", "invalid", known.recipe, known.home))


def lose_log(history: History) -> None:
    """Lose what the log has of a batch that nobody is at any more."""
    held = {batch for sim in history.sims.values() for batch in sim.hands}
    folders = [
        folder for folder in sorted(history.layout.log_dir.glob("0*")) if folder.name not in held
    ]
    if folders:
        _lose_batch(history, history.random.choice(folders))


def lose_newest_log(history: History) -> None:
    """Lose what the log has of the newest batch."""
    _lose_batch(history, max(history.layout.log_dir.glob("0*")))


def _lose_batch(history: History, lost: Path) -> None:
    shutil.rmtree(lost)
    history.told.append(lost.name)
    name = FIRST if lost.name.startswith("0001") else lost.name
    for sim in history.sims.values():
        sim.results = [result for result in sim.results if result.of != name]
        sim.waits.discard(name)
        sim.claims.discard(name)


def new_sims() -> dict[int, Simulation]:
    """Return what there is once a project has run."""
    sims = {}
    for n, height in enumerate(HEIGHTS):
        outcome = OUTCOMES.get(height, "complete")  # type: ignore[call-overload]
        places = {"complete": (PARTICLES, FOOTPRINTS), "empty": (PARTICLES,)}.get(outcome, ())
        result = Result(FIRST, outcome, Recipe(height), "", dict.fromkeys(places, "own"))
        sims[n] = Simulation(height, results=[result])
    return sims


def counts(history: History) -> Counter[str]:
    """Return what ``status`` counts."""
    known = (sim for sim in history.sims.values() if sim.is_known)
    return Counter(history.state(sim) for sim in known)
