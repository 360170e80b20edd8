"""``stilt run``: plan, hand over, start, wait. One path for every backend."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.backends import backend_named
from stilt.backends.interface import HandOver
from stilt.backends.liveness import Life
from stilt.backends.observe import fold_and_observe
from stilt.batch.handover import Unfinished, Work, name_batch, register, write_batch
from stilt.batch.lock import run_lock
from stilt.batch.manifest import Manifest
from stilt.batch.plan import EVERYTHING, Selection, Settings, plan
from stilt.batch.present import Listing
from stilt.batch.queued import queued
from stilt.batch.rivals import give_way
from stilt.batch.settings import changes
from stilt.config.digests import config_digest, footprint_digest, transport_digest
from stilt.config.load import dump_config, load_config
from stilt.foundations.errors import NotFinishedError
from stilt.foundations.ownership import name_owner
from stilt.foundations.paths import Layout, local_path
from stilt.foundations.progress import is_terminal
from stilt.foundations.quantities import counted
from stilt.foundations.writers import this_writer
from stilt.log.index import OutputIndex
from stilt.log.writer import SegmentWriter
from stilt.status.cost import advice, past_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.backends.interface import Backend, Sizes
    from stilt.batch.plan import Plan, Simulations
    from stilt.config.schema import Config
    from stilt.log.fold import State
    from stilt.transport.protocol import Engine


_DAMAGES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for.

    Attributes
    ----------
    backend
        Overrides ``execution.backend``.
    wait
        Whether to stay until the end; None: as the backend does.
    receptors
        A file in place of ``receptors.csv``.
    max_fails
        Stop a worker after so many failures; 0: never.
    """

    project: Path
    backend: str | None = None
    wait: bool | None = None
    n_workers: int | None = None
    cpus: int | None = None
    receptors: Path | None = None
    selection: Selection = EVERYTHING
    dry_run: bool = False
    max_fails: int = 0


def run(request: Request, say: Callable[[str], None]) -> int:
    """Hand over what is to be done and return the exit code.

    Raises
    ------
    StiltError
        If something is wrong with the input, the surroundings or the log.
    """
    project = _read(request)
    backend = backend_named(request.backend or project.config.execution.backend)
    sizes = backend.sizes(project.config, request.n_workers, request.cpus)
    this = _Run(request, project, backend, sizes, say)
    return this.preview() if request.dry_run else this.run()


@dataclass(frozen=True, slots=True)
class _Project:
    """What a run reads before it writes anything."""

    layout: Layout
    config: Config
    simulations: Simulations
    engine: Engine
    settings: Settings
    notes: tuple[str, ...]

    @property
    def engine_name(self) -> str:
        return f"{self.engine.name} {self.engine.version}"


def _read(request: Request) -> _Project:
    from stilt.receptors.read import read_receptors
    from stilt.transport.engines import load_engine

    root = local_path(request.project, "the project")
    config = load_config(root / "config.yaml")
    name_owner(root / "config.yaml", "the settings", "what they name runs as you")
    layout = Layout.of(root, config.output)
    simulations = read_receptors(request.receptors or layout.receptors_file, tuple(config.mets))
    engine = load_engine(config)
    notes = simulations.notes
    name = f"{engine.name} {engine.version}"
    settings = Settings(
        {met: transport_digest(config, met, name) for met in config.mets},
        {name: footprint_digest(config, name) for name in config.footprints},
        has_error_run=config.has_error_run,
    )
    return _Project(layout, config, simulations, engine, settings, notes)


@dataclass(frozen=True, slots=True)
class _Run:
    """One ``stilt run``."""

    request: Request
    project: _Project
    backend: Backend
    sizes: Sizes
    say: Callable[[str], None]

    def run(self) -> int:
        self.project.engine.prepare(self.project.config)
        layout = self.project.layout
        with run_lock(layout):
            state, todo = self._plan(settle=True)
            self._say_plan(todo)
            self._say_changes(state, todo)
            self._say_damage(state)
            if todo.work:
                # here, the workers load what is compiled, which costs this process half a second
                if self.backend.name != "local" or not _is_compiled(self.project):
                    _compile(self.project)
                handed = self._hand_over(state, todo)
                self.backend.start(handed)
        if not todo.work:
            return self._nothing_to_do(state, todo)
        if self.backend.name == "local" or self.request.wait:
            return self.backend.wait(handed)
        handed.log.close()
        return 0

    def preview(self) -> int:
        """Say what would be done, and write nothing."""
        state, todo = self._plan()
        self._say_plan(todo)
        self._say_changes(state, todo)
        if todo.work:
            manifest = name_batch(self._work(todo), self._draft(state, todo), _unfinished(state))
            handed = self._handed(manifest, todo)
            self.say(f"would hand over {manifest.total:,} as batch {manifest.batch}")
            self.say(self.backend.preview(handed).rstrip())
            self._say_cost(state, manifest.total)
        self.say("dry run: nothing was written")
        return 0

    def _say_cost(self, state: State, left: int) -> None:
        """Say what the past simulations suggest for those to come."""
        past = past_runs(state)
        if past is not None:
            for line in advice(past, left, self.sizes.cpus, slurm=self.backend.name == "slurm"):
                self.say(line)

    def _plan(self, *, settle: bool = False) -> tuple[State, Plan]:
        project = self.project
        index = OutputIndex(project.layout.log_dir)
        state, liveness = fold_and_observe(index, fresh=True)
        if settle and self.backend.settle(project.layout, state):
            state, liveness = fold_and_observe(index, fresh=True)

        if liveness.problem:
            self.say(f"{liveness.problem}: tasks on Slurm count as queued until it answers")

        def keeps(batch: str, task: int) -> bool:
            if not state.batches[batch].was_started(task):
                return False  # a hand-over that died: whoever does one holds the lock held here
            return liveness.of(batch, task).life is not Life.GONE

        def lives(batch: str, task: int) -> bool:
            return keeps(batch, task) and liveness.of(batch, task).life is Life.LIVE

        waiting = queued(project.layout, state, keeps)
        disk = Listing(project.layout)
        todo = plan(
            project.simulations,
            state.sims,
            project.settings,
            disk,
            queued=waiting,
            selection=self.request.selection,
        )
        if not self.request.selection.skip and waiting:
            _refuse_twice(project, todo, queued(project.layout, state, lives))
        if settle:
            disk.remove_leftovers(waiting)
        return state, todo

    def _hand_over(self, state: State, todo: Plan) -> HandOver:
        unfinished = _unfinished(state)
        layout = self.project.layout
        manifest = write_batch(layout, self._work(todo), self._draft(state, todo), unfinished)
        handed = self._handed(manifest, todo)
        register(handed.log, manifest, unfinished)
        try:
            give_way(OutputIndex(layout.log_dir), state, manifest.batch)
        except NotFinishedError:
            handed.log.close("gave way")
            raise
        return handed

    def _handed(self, manifest: Manifest, todo: Plan) -> HandOver:
        layout = self.project.layout
        log = SegmentWriter(
            layout.log_dir,
            manifest.batch,
            manifest.seq,
            this_writer("run"),
            transport=manifest.transports,
            footprints=manifest.footprints,
        )
        return HandOver(layout, self.project.config, manifest, log, todo.complete + todo.empty)

    def _work(self, todo: Plan) -> Work:
        project = self.project
        return Work(todo, project.simulations, dump_config(project.config), self.sizes.n_workers)

    def _draft(self, state: State, todo: Plan) -> Manifest:
        return Manifest(
            batch="",
            seq=1 + max((batch.seq for batch in state.batches.values()), default=0),
            config=config_digest(self.project.config),
            engine=self.project.engine_name,
            backend=self.backend.name,
            chunks=(),
            total=0,
            cpus=self.sizes.cpus,
            transports=dict(self.project.settings.transports),
            footprints=dict(self.project.settings.footprints),
            project_total=todo.total,
            likely_wall_s=_likely_wall_s(state),
            max_fails=self.request.max_fails,
        )

    def _say_plan(self, todo: Plan) -> None:
        facts = [f"{count:,} {why}" for why, count in todo.why.most_common()]
        other = {
            "already done": todo.complete + todo.empty,
            "queued or running": todo.queued,
            "not asked for": todo.left_out,
        }
        facts += [f"{count:,} {what}" for what, count in other.items() if count]
        for note in self.project.notes:
            self.say(f"receptors: {note}")
        self.say(f"{counted(todo.total, 'simulation')}: {', '.join(facts)}")

    def _say_changes(self, state: State, todo: Plan) -> None:
        """Name the settings that make results stale, which are about to be replaced."""
        if not todo.why["settings changed"]:
            return
        project = self.project
        newest = sorted(state.batches.values(), key=lambda batch: batch.seq, reverse=True)
        ids = [batch.id for batch in newest]
        words = changes(project.layout, ids, project.config, project.settings, project.engine_name)
        if words:
            self.say(words)

    def _say_damage(self, state: State) -> None:
        """Tell of damage in the log: whatever can't be read there counts as never run."""
        for damage in state.damages[:_DAMAGES_SHOWN]:
            self.say(f"the log is damaged: {damage}")

    def _nothing_to_do(self, state: State, todo: Plan) -> int:
        if not todo.queued:
            self.say("nothing to do")
            return 0
        self.say("nothing new to hand over; `stilt status` shows what is queued and running")
        if self.backend.name == "local" or self.request.wait:
            return self.backend.rejoin(self.project.layout, state)
        return 0


def _refuse_twice(project: _Project, todo: Plan, live: set[str]) -> None:
    """Refuse to have two tasks at one simulation: the older one may end last and replace the newer outputs."""
    chosen = project.simulations.take(todo.transport) if live else []
    twice = sum(simulation.sim in live for simulation in chosen)
    if twice:
        raise NotFinishedError(
            f"--no-skip: {counted(twice, 'simulation')} of these are queued or running",
            "`stilt cancel` ends their jobs, or wait for them (`stilt status`); then run the same command again",
        )


def _is_compiled(project: _Project) -> bool:
    from stilt import footprint, particles
    from stilt.kernels.machine_code import has_kept

    modules = [particles, footprint] if project.config.footprints else [particles]
    engine = sys.modules.get(type(project.engine).__module__)
    if engine is not None and hasattr(project.engine, "compile_ahead"):
        modules.append(engine)
    return all(has_kept(Path(str(module.__file__)).parent) for module in modules)


def _compile(project: _Project) -> None:
    """Compile what a thousand tasks would otherwise compile at once."""
    if is_terminal(sys.stdout) and not _is_compiled(project):
        sys.stdout.write("compiling, once for all runs: some seconds\n")
    from stilt.kernels.compiled import compile_ahead
    from stilt.particles import rounding

    compile_ahead(rounding)
    engine_compiles = getattr(project.engine, "compile_ahead", None)
    if engine_compiles is not None:
        engine_compiles()
    if project.config.footprints:
        from stilt.footprint.calc import warm

        warm()


def _unfinished(state: State) -> Unfinished | None:
    """Return the newest batch if its hand-over died: nobody was asked to run it."""
    newest = max(state.batches.values(), key=lambda batch: batch.seq, default=None)
    if newest is None or newest.submissions or newest.intents or newest.tasks:
        return None
    return None if newest.cancelled is not None else Unfinished(newest.id, newest.seq)


def _likely_wall_s(state: State) -> float:
    """Return what nineteen of twenty simulations took at most, in seconds; 0 if none has ended."""
    walls = sorted(sim.wall_s for sim in state.sims.values() if sim.is_done)
    return walls[len(walls) * 19 // 20] if walls else 0.0
