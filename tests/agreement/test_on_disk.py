"""Histories of real projects: edited and removed receptors, other settings, homes and engines, archives, lost, damaged
and exchanged files, lost parts of the log, hand-overs to Slurm that wait, end, vanish or are cancelled.

What ``status``, ``run --dry-run``, ``log replay``, ``verify``, ``report``, ``check`` and Python say of them is what a
plain model says.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

import stilt
from stilt.backends.liveness import Fate
from stilt.batch.today import Today
from stilt.check.finding import exit_code
from stilt.check.preflight import preflight
from stilt.commands.run import Request, run
from stilt.commands.verify import verify
from stilt.foundations.errors import InputError
from stilt.foundations.paths import plain_and_imprint
from stilt.log.index import OutputIndex
from stilt.outputs.listing import Listing
from stilt.report.content import collect
from stilt.status.gather import gather
from stilt.status.hands import InHand
from stilt.status.opened import open_project
from tests.agreement import disk, handed
from tests.agreement.disk import GOOD, MADE, History, counts, new_sims, sim_of
from tests.projects import FOOTPRINT, Project, make_project
from tests.stub_slurm import give_stub_slurm

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.foundations.identity import EngineIdentity
    from stilt.log.fold import Life
    from stilt.status.summary import Summary

    Step = Callable[[History], None]

pytestmark = pytest.mark.slow

HISTORIES = int(os.environ.get("STILT_HISTORIES_ON_DISK", "8"))
FROM = int(os.environ.get("STILT_HISTORIES_ON_DISK_FROM", "0"))
STATES = ("pending", "running", "complete", "empty", "failed", "interrupted", "stale")
OFTEN = (disk.edit, disk.lose, handed.work, handed.hand_over)
STEPS = (
    *OFTEN,
    *OFTEN,
    *(disk.add, disk.remove, disk.set_particles, disk.set_grid, disk.move_home),
    *(disk.put_away, disk.spoil, disk.swap, disk.look_after, disk.lose_log),
    *(
        handed.work_off,
        handed.work_off_newest,
        handed.push_elsewhere,
        handed.lose_jobs,
        handed.cancel,
    ),
)


def dry_run(path: Path) -> tuple[int, int, int]:
    """Return how many simulations a dry run would hand over, leaves to others, and has of another engine."""
    lines: list[str] = []
    run(Request(path, dry_run=True), lines.append)
    text = "\n".join(lines)
    asked = (
        r"would hand over ([\d,]+)",
        r"([\d,]+) queued or running",
        r"([\d,]+) results? of ano",
    )
    found = (re.search(pattern, text) for pattern in asked)
    handed, queued, others = (int(each[1].replace(",", "")) if each else 0 for each in found)
    return handed, queued, others


def counted(summary: Summary) -> Counter[str]:
    return +Counter({name: getattr(summary, name) for name in STATES})


def compare(history: History) -> None:
    """Hold everything that says how the project stands against the model, and against each other."""
    path, sims, where = history.project.path, history.sims, str(history.told)
    if history.is_refused:
        assert any(exit_code([each]) == 2 for each in preflight(path)), where
        return
    said = gather(open_project(path))
    again = gather(open_project(path), use_checkpoint=False)
    assert counted(said) == counted(again) == counts(history), where
    asked_for = history.asked_for
    assert said.to_do == again.to_do == sum(map(history.is_left, asked_for.values())), where
    assert said.in_hand == again.in_hand == sum(sim.is_in_hand for sim in sims.values()), where
    redone = (sim for sim in sims.values() if sim.is_in_hand and history.state(sim) in GOOD)
    assert said.redoing == again.redoing == len(list(redone)), where
    replayed = OutputIndex(history.layout.log_dir).fold(use_checkpoint=False).sims
    ran = {sim: state.outcome.replace("running", "interrupted") for sim, state in replayed.items()}
    assert ran == {sim_of(n): sim.result.outcome for n, sim in sims.items() if sim.result}, where
    assert dry_run(path) == (
        sum(map(history.is_to_do, asked_for.values())),
        sum(map(history.is_queued, asked_for.values())),
        sum(map(history.is_of_another_engine, asked_for.values())),
    ), where
    assert all(folder.is_dir() for folder in history.theirs), where
    broken = {broken.sim for _, broken in verify(history.layout).broken}
    assert broken == {sim_of(n) for n, sim in sims.items() if sim.is_broken}, where
    compare_python(history, where)
    found = [
        finding for finding in preflight(path) if finding.area != "met fake"
    ]  # it has no files
    assert exit_code(found) == 0, (where, found)
    asked = next(finding.text for finding in found if finding.area == "receptors")
    assert asked.startswith(f"{len(asked_for)}, "), where


def compare_python(history: History, where: str) -> None:
    """Hold Python, and the report, against the model."""
    project, asked_for = stilt.Project(history.project.path), history.asked_for
    states = {sim_of(n): history.state(sim) for n, sim in asked_for.items()}
    table = project.simulations
    assert project.folded() is project.standing().state, where
    assert dict(zip(table.index, table["state"], strict=True)) == states, where
    assert {each.id: each.state for each in project} == states, where
    made = [
        sim_of(n)
        for n, sim in asked_for.items()
        if states[sim_of(n)] in MADE and sim.result and sim.result.recipe.height == sim.height
    ]
    if made:
        assert project.those(None) == made, where
    else:
        with pytest.raises(InputError):
            project.those(None)
    content = collect(project)
    assert counted(content.summary) == counts(history), where
    shown = {state: len(places) for state, places in content.places.items() if places}
    assert shown == Counter(states.values()), where


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has run once."""
    folder = tmp_path_factory.mktemp("made")
    project = make_project(folder / "project", footprints=f"{{default: {FOOTPRINT}}}")
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace(":FakeEngine", ":EngineAtHome"))
    with pytest.MonkeyPatch.context() as env:
        env.delenv("ENGINE_HOME", raising=False)
        History(project, Random(0), env, new_sims()).write_receptors()
        assert project.stilt("run", "--cpus", "1").code == 1  # one fails
    return project


@pytest.fixture
def history(
    finished: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> History:
    """Return a copy of it, to which nothing was done yet."""
    shutil.copytree(finished.path, tmp_path / "project", symlinks=True)
    project = Project(tmp_path / "project")
    give_stub_slurm(project, tmp_path)
    kernels = Path(os.environ["STILT_HOME"]) / "kernels"  # what is compiled stays where it is
    env = {"FAKE_RUNS": str(tmp_path / "runs.txt"), "TMPDIR": str(tmp_path)}
    for name, value in (project.env | env | {"NUMBA_CACHE_DIR": str(kernels)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ENGINE_HOME", raising=False)
    seed = getattr(request, "param", 0)
    return History(project, Random(seed), monkeypatch, new_sims())


@pytest.mark.parametrize("history", range(FROM, FROM + HISTORIES), indirect=True)
def test_everything_says_the_same_of_a_project_on_disk(history: History) -> None:
    for step in history.random.choices(STEPS, k=6):
        history.told.append(step.__name__)
        step(history)
        compare(history)


def test_a_copy_without_names_that_begin_with_a_dot_lacks_nothing(history: History) -> None:
    disk.copy_plain(history)
    compare(history)
    disk.set_grid(history)
    handed.work(history)
    compare(history)


_is_same = Today._is_same


def _by_any_name(listing: Listing, product: str, date: str, file: str) -> bool:
    folder = listing._folder(product, date)
    plain = plain_and_imprint(file)[0]
    return any(plain_and_imprint(name)[0] == plain for name in (*folder.files, *folder.archived))


def _by_all_it_reads(today: Today, life: Life, met: str, made_by: EngineIdentity) -> bool:
    return _is_same(today, life, met, made_by) and made_by == today.engine


def _by_the_log(summary: Summary, *_: object) -> int:
    return max(summary.left - summary.in_hand, 0)


FAULTS: dict[str, tuple[str, Callable[..., object], tuple[Step, ...]]] = {
    "an edited receptor is what it was": (
        "stilt.status.outdated.edited",
        lambda *_: frozenset(),
        (disk.edit,),
    ),
    "a result is of whatever has its name today": (
        "stilt.log.fold.State.may_be_of",
        lambda *_: True,
        (disk.edit,),
    ),
    "a table of another home makes results stale": (
        "stilt.batch.today.Today._is_same",
        _by_all_it_reads,
        (disk.move_home,),
    ),
    "a receptor that is gone is to do": (
        "stilt.status.summarize._to_do",
        _by_the_log,
        (disk.set_particles, disk.remove),
    ),
    "without a log there is nothing to do": (
        "stilt.status.recount._of_no_result",
        lambda *_: None,
        (disk.lose_newest_log,),
    ),
    "what is stale and queued is forgotten, to run": (
        "stilt.batch.queued.queued_by_batch",
        lambda *_: {},
        (disk.set_particles, handed.hand_over),
    ),
    "what is stale and queued is forgotten, to status": (
        "stilt.status.standing.count_in_hand",
        lambda *_: InHand(),
        (disk.set_particles, handed.hand_over),
    ),
    "a lost output is there, to run": (
        "stilt.outputs.listing.Listing.has",
        lambda *_: True,
        (disk.lose,),
    ),
    "an older result in an archive is the newer one that is lost": (
        "stilt.outputs.listing.Listing.has",
        _by_any_name,
        (disk.put_away, disk.set_grid, handed.work, disk.lose_footprint),
    ),
    "what is in an archive is lost, to run": (
        "stilt.outputs.listing.Listing.has",
        Listing.has_own,
        (disk.put_away,),
    ),
    "what is in an archive is lost, to verify": (
        "stilt.commands.verify._Archives.problem",
        lambda *_: "it is missing",
        (disk.put_away,),
    ),
    "whatever is in a file is right": (
        "stilt.commands.verify._problem",
        lambda *_: "",
        (disk.spoil,),
    ),
    "a file of another simulation is right": (
        "stilt.commands.verify._problem",
        lambda *_: "",
        (disk.swap,),
    ),
    "a killed worker is at work": (
        "stilt.status.fates.Fates._find",
        lambda *_: Fate.LIVE,
        (disk.set_particles, handed.hand_over, handed.kill),
    ),
    "an id may end as the files of error runs do": (
        "stilt.receptors.rows.reserved_ending",
        lambda _: "",
        (disk.name_as_error,),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(
    fault: str, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, instead, steps = FAULTS[fault]
    for step in steps:
        step(history)
    compare(history)
    monkeypatch.setattr(where, instead)
    with pytest.raises(AssertionError):
        compare(history)


FAULTS_OF_COMMANDS: dict[str, tuple[str, tuple[Step, ...]]] = {
    # what was found invalid of the batch that is lost then outranks the result of the new one
    "a batch number is used twice": (
        """
import stilt.batch.numbers as numbers
numbers.greatest_number = lambda _, state: max([b.seq for b in state.batches.values()], default=0)
""",
        (
            *(disk.set_particles, handed.work, disk.lose_footprint, disk.look_after),
            *(disk.lose_newest_log, handed.work),
        ),
    ),
    "a worker signs with whatever engine it has": (
        """
from stilt.foundations.identity import EngineIdentity
EngineIdentity.differences = lambda *_: []
""",
        (disk.add, handed.hand_over, handed.push_elsewhere),
    ),
    "an older worker makes what a newer batch claims": (
        """
from stilt.batch.claims import Claims
Claims.holder = lambda *_: ""
""",
        (disk.add, handed.hand_over, disk.edit_new, handed.hand_over, handed.work_off),
    ),
    "the time limit is by the controller's clock": (
        """
import os
import stilt.worker.push_worker as worker
worker.slurm_deadline = lambda: float(os.environ.get("SLURM_JOB_END_TIME", "0")) or None
""",
        (disk.add, handed.hand_over, handed.work_off),
    ),
    "what another run is about to put into place is a leftover": (
        """
import stilt.batch.handover as handover
handover.is_surely_gone = lambda *_: True
""",
        (handed.lay_beside, disk.add, handed.work),
    ),
    "a run that waits speaks of its own work": (
        """
from stilt.commands.run import _Run
_Run._verdict = lambda self, code: code
""",
        (disk.add, handed.hand_over, disk.set_particles, handed.wait),
    ),
}


@pytest.mark.parametrize("is_planted", [False, True], ids=["none", "planted"])
@pytest.mark.parametrize("fault", FAULTS_OF_COMMANDS)
def test_a_fault_that_is_planted_in_commands_is_found(
    fault: str, is_planted: bool, history: History, tmp_path: Path
) -> None:
    planted, steps = FAULTS_OF_COMMANDS[fault]
    (tmp_path / "sitecustomize.py").write_text(handed.IMPATIENT + planted * is_planted)
    history.env.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(AssertionError) if is_planted else nullcontext():
        for step in steps:
            step(history)
        compare(history)


def test_a_worker_that_is_killed_goes_on_where_it_was(history: History) -> None:
    for step in (disk.set_particles, handed.hand_over, handed.kill, handed.work_off):
        step(history)
        compare(history)
