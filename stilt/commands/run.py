"""``stilt run``: plan, hand over, start, wait. One path for every backend."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from stilt.backends import backend_named
from stilt.backends.in_hand import WorkInHand
from stilt.backends.interface import HandOver
from stilt.backends.observe import fold_and_observe
from stilt.batch.changes import changes
from stilt.batch.handover import Work, name_batch, register, unfinished_batch, write_batch
from stilt.batch.lock import run_lock
from stilt.batch.manifest import Manifest
from stilt.batch.numbers import greatest_number
from stilt.batch.plan import EVERYTHING, Selection, plan
from stilt.batch.queued import queued
from stilt.batch.refused import unsaid
from stilt.batch.reweighed import Weighing, reweighed
from stilt.batch.rivals import give_way, settled_runs
from stilt.commands.compiling import compile_all, is_compiled
from stilt.commands.fetch import fetched, has_distant, surveys, told_of
from stilt.commands.inputs import read_inputs
from stilt.commands.reconcile import (
    explain_edited,
    expose_all,
    hidden_outputs,
    identify,
    record,
    remove_leftovers,
    restore_names,
)
from stilt.config.digests import OWN_PARTICLES, config_digest
from stilt.config.followed import told
from stilt.config.load import dump_config
from stilt.foundations.errors import (
    EXIT_COMPLETE,
    EXIT_NOT_FINISHED,
    EXIT_SOME_FAILED,
    InputError,
    NotFinishedError,
)
from stilt.foundations.quantities import counted
from stilt.foundations.writers import this_writer
from stilt.log.batches import GAVE_WAY
from stilt.log.index import OutputIndex
from stilt.log.silence import SILENCE_S
from stilt.log.writer import SegmentWriter
from stilt.met.kept import keep_now
from stilt.outputs.listing import Listing
from stilt.status.cost import advice, past_runs
from stilt.transport.engines import prepare
from stilt.transport.foreseen import foresee

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from pathlib import Path

    from stilt.backends.interface import Backend, Sizes
    from stilt.batch.plan import Plan
    from stilt.commands.inputs import Inputs
    from stilt.log.events import Done
    from stilt.log.fold import State
    from stilt.transport.foreseen import Foreseen


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
    project = read_inputs(request.project, request.receptors, say)
    backend = backend_named(request.backend or project.config.execution.backend)
    sizes = backend.sizes(project.config, request.n_workers, request.cpus)
    this = _Run(request, project, backend, sizes, say)
    return this.preview() if request.dry_run else this.run()


@dataclass(frozen=True, slots=True)
class _Run:
    """One ``stilt run``."""

    request: Request
    project: Inputs
    backend: Backend
    sizes: Sizes
    say: Callable[[str], None]

    def run(self) -> int:
        self._refuse_settings()
        self._fetch()
        engine, config = self.project.engine, self.project.config
        layout = self.project.layout
        with run_lock(layout):
            state, todo = self._plan(settle=True)
            self._say_plan(todo)
            self._say_changes(state, todo)
            self._say_damage(state)
            todo, foreseen = self._refuse(todo)
            refused = unsaid(foreseen.refused, self.project.simulations, state)
            unsaid_first = list(islice(refused, 1))
            # here, the workers load what is compiled, which costs this process half a second
            if todo.work and (self.backend.name != "local" or not is_compiled(engine, config)):
                compile_all(engine, config, todo.work)
            if todo.work or unsaid_first:
                handed = self._hand_over(state, todo, chain(unsaid_first, refused))
            if todo.work:
                self.backend.start(handed)
            elif unsaid_first:
                handed.log.close()
        if not todo.work:
            return self._nothing_to_do(state, todo, foreseen)
        if self.backend.name == "local" or self.request.wait:
            return self._verdict(self.backend.wait(handed))
        handed.log.close()
        return 0

    def _refuse_settings(self) -> None:
        """Refuse what no simulation can run with, before anything is written; a dry run says the same."""
        prepare(self.project.engine, self.project.config)
        if self.sizes.n_workers is None:  # where nothing tells it either
            log = self.project.layout.log_dir
            self.sizes.chunks(1, _likely_wall_s(OutputIndex(log).fold()))

    def _fetch(self) -> None:
        """Bring here what is at a distance and needed: tasks read what is here only.

        Raises
        ------
        StiltError
            If nothing of it would help, it is too much, or it does not come.
        """
        if not has_distant(self.project.config):
            return
        _, todo = self._plan()
        found = surveys(self.project.config, self.project.simulations, todo.transport)
        foreseen = self._foreseen(todo)
        if foreseen.is_whole:
            raise InputError(
                f"nothing was handed over: {foreseen.words}",
                "`stilt check` says more",
                code="NOTHING_CAN_RUN",
            )
        for words in told_of(found, "fetching"):
            self.say(words)
        for _ in fetched(found):
            pass

    def _verdict(self, code: int) -> int:
        """Return the exit code that speaks of all that was asked for, once what this run handed over has ended.

        With ``--wait`` that is after what other runs have in hand, too.
        """
        later = replace(self.request.selection, skip=True)
        least, is_theirs = EXIT_COMPLETE, False
        while code in {EXIT_COMPLETE, EXIT_SOME_FAILED, EXIT_NOT_FINISHED}:
            if self.backend.was_left:
                return EXIT_NOT_FINISHED
            if code == EXIT_SOME_FAILED:
                least = code
            state, todo = self._plan(later)
            if is_theirs or not (todo.queued and self.request.wait):
                return max(todo.exit_code, least)
            self.say(f"{todo.queued:,} more are queued or running in other jobs: waiting for them")
            code = self.backend.rejoin(self.project.layout, state)
            # then they are lost, or in hands that nobody can wait for
            is_theirs = code == EXIT_NOT_FINISHED
        return code

    def _refuse(self, todo: Plan) -> tuple[Plan, Foreseen]:
        """Return what can be done, and what cannot succeed, which is said.

        Raises
        ------
        InputError
            If a meteorology or setting is refused that fails all.
        """
        foreseen = self._foreseen(todo)
        if foreseen.is_whole:
            raise InputError(
                f"nothing was handed over: {foreseen.words}",
                "`stilt check` says more",
                code="NOTHING_CAN_RUN",
            )
        for note in foreseen.notes:
            self.say(note)
        if not foreseen.count:
            return todo, foreseen
        self.say(
            f"{foreseen.words}; they count as failed and make no task (`stilt check` names them)"
        )
        indices = (index for each in foreseen.refused for index in each.runs.tolist())
        return todo.without(frozenset(indices)), foreseen

    def _foreseen(self, todo: Plan) -> Foreseen:
        project = self.project
        elsewhere = self.backend.name != "local"
        return foresee(
            project.engine,
            project.simulations,
            todo.transport,
            project.config,
            elsewhere=elsewhere,
        )

    def preview(self) -> int:
        """Say what would be done, and write nothing."""
        self._refuse_settings()
        state, todo = self._plan()
        self._say_plan(todo)
        self._say_changes(state, todo)
        found = surveys(self.project.config, self.project.simulations, todo.transport)
        for words in told_of(found, "would fetch"):
            self.say(words)
        todo, _ = self._refuse(todo)
        if todo.work:
            unfinished = unfinished_batch(self.project.layout, state)
            manifest = name_batch(self._work(state, todo), self._draft(state, todo), unfinished)
            handed = self._handed(manifest, todo)
            self.say(f"would hand over {manifest.total:,} as batch {manifest.batch}")
            self.say(self.backend.preview(handed).rstrip())
            if todo.footprints:
                self.say(
                    f"{len(todo.footprints):,} of {todo.work:,} are footprints alone, from stored particles: "
                    "no time of transport"
                )
            if todo.transport:
                self._say_cost(state, len(todo.transport))
        self.say("dry run: nothing was written")
        return 0

    def _say_cost(self, state: State, left: int) -> None:
        """Say what the past simulations suggest for those to come."""
        past = past_runs(state)
        if past is not None:
            for line in advice(past, left, self.sizes.cpus, slurm=self.backend.name == "slurm"):
                self.say(line)

    def _plan(
        self, selection: Selection | None = None, *, settle: bool = False
    ) -> tuple[State, Plan]:
        selection = selection or self.request.selection
        layout = self.project.layout
        index = OutputIndex(layout.log_dir)
        state, liveness = fold_and_observe(index, fresh=True)
        if settle and self.backend.settle(layout, state):
            state, liveness = fold_and_observe(index, fresh=True)
        if liveness.problem:
            self.say(f"{liveness.problem}: tasks on Slurm count as queued until it answers")
        hands = WorkInHand(index, state, liveness)
        waiting = queued(layout, state, hands.keeps, self.say)
        disk = Listing(layout)
        todo = self._planned(state, disk, waiting, selection)
        found = identify(layout, state, self.project.simulations, todo.unidentified)
        if settle and found:
            record(layout, found)
        unnamed = self.project.simulations.take(todo.unnamed)
        hidden = list(hidden_outputs(layout, state, unnamed)) if unnamed else []
        if hidden or found:
            disk = Listing(layout)
            if settle:
                restore_names(layout, hidden)
            else:
                disk.assume(hidden)
            todo = self._planned(state, disk, waiting, selection)
        if not selection.skip and waiting:
            _refuse_twice(self.project, todo, queued(layout, state, hands.lives))
        if settle:
            expose_all(layout, todo)
            remove_leftovers(layout, disk.finish(), state, hands.is_gone)
        return state, todo

    def _planned(
        self, state: State, disk: Listing, waiting: dict[str, int | None], selection: Selection
    ) -> Plan:
        project = self.project
        todo = plan(
            project.simulations,
            state,
            project.today,
            disk,
            queued=waiting,
            selection=selection,
            reweighed=reweighed(
                project.layout,
                state,
                project.today,
                Weighing(project.simulations, project.receptors, project.kernels),
            ),
        )
        # what another file of receptors does not have may be asked for by receptors.csv
        return todo if self.request.receptors is None else replace(todo, superseded=0)

    def _hand_over(self, state: State, todo: Plan, refused: Iterator[Done]) -> HandOver:
        layout = self.project.layout
        index = OutputIndex(layout.log_dir)
        unfinished = unfinished_batch(layout, state)
        work, draft = self._work(state, todo), self._draft(state, todo)
        manifest = write_batch(layout, work, draft, unfinished)
        keep_now()
        handed = self._handed(manifest, todo)
        is_known = unfinished is not None and unfinished.batch in state.batches
        register(handed.log, manifest, unfinished if is_known else None)
        began = time.monotonic()

        def confirm() -> None:
            if (
                time.monotonic() - began > SILENCE_S / 2
            ):  # others may think by now that this run is dead
                _go_on(index, state, handed)

        if manifest.chunks:
            _go_on(index, state, handed)
        return replace(handed, confirm=confirm, refused=handed.log.append_all(refused))

    def _handed(self, manifest: Manifest, todo: Plan) -> HandOver:
        layout = self.project.layout
        log = SegmentWriter(
            layout.log_dir,
            manifest.batch,
            manifest.seq,
            this_writer("run"),
            transport=manifest.transports,
            footprints=manifest.footprints,
            engine=manifest.identity,
        )
        done, waits = todo.complete + todo.empty, bool(self.request.wait)
        return HandOver(layout, self.project.config, manifest, log, done, waits=waits)

    def _work(self, state: State, todo: Plan) -> Work:
        project = self.project
        settings = dump_config(project.config)
        sims = state.sims
        return Work(
            todo,
            project.simulations,
            settings,
            self.sizes.chunks(todo.work, _likely_wall_s(state)),
            lambda sim: sims[sim].imprints if sim in sims else (),
            project.inputs,
            project.kernels_of,
        )

    def _draft(self, state: State, todo: Plan) -> Manifest:
        today = self.project.today
        return Manifest(
            batch="",
            seq=1 + greatest_number(self.project.layout, state),
            config=config_digest(self.project.config),
            engine=today.engine.label,
            backend=self.backend.name,
            chunks=(),
            total=0,
            cpus=self.sizes.cpus,
            transports=dict(today.transports),
            footprints=today.signed,
            project_total=todo.total,
            likely_wall_s=_likely_wall_s(state),
            max_fails=self.request.max_fails,
            identity=today.engine,
            programs=self.project.programs,
            receptors=self.project.receptors,
            levels=OWN_PARTICLES,
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
        for name, kernels in self.project.kernels.items():
            for note in kernels.notes:
                self.say(f"footprint {name}: {note}")
        for note in told(self.project.config):
            self.say(note)
        self.say(f"{counted(todo.total, 'simulation')}: {', '.join(facts)}")
        if todo.rowless:
            self.say(
                f"{todo.rowless:,} of those done have no row of the matrix that jacobian: asks for: `stilt jacobian` "
                "makes it of their footprints"
            )

    def _say_changes(self, state: State, todo: Plan) -> None:
        """Name what makes results stale, which are about to be replaced, and the engine that made others."""
        project = self.project
        newest = sorted(state.batches.values(), key=lambda batch: batch.seq, reverse=True)
        if todo.why["settings changed"] or todo.why["kernel changed"]:
            words = changes(project.layout, [batch.id for batch in newest], project.today)
            if words:
                self.say(words)
        for words in todo.remarks():
            self.say(words)
        if todo.edited:
            edited = project.simulations.take(todo.edited)
            words = explain_edited(project.layout, state, edited)
            if words:
                self.say(words)
        if todo.other_engine:
            self._say_engines(state, todo.other_engine)

    def _say_engines(self, state: State, count: int) -> None:
        """Say that results stand that another version of the engine has made, and what redoing them costs."""
        engine = self.project.today.engine
        lives = (life for life in state.lives.values() if life.role == "worker")
        differences = dict.fromkeys(
            difference
            for life in lives
            for difference in self.project.today.made_by(life).differences(engine)
        )
        self.say(
            f"{counted(count, 'result')} of another engine: {'; '.join(differences)}; kept as done, "
            "--redo-engine makes them again"
        )
        self._say_cost(state, count)

    def _say_damage(self, state: State) -> None:
        """Tell of damage in the log: whatever can't be read there counts as never run."""
        for damage in state.damages[:_DAMAGES_SHOWN]:
            self.say(f"the log is damaged: {damage}")

    def _nothing_to_do(self, state: State, todo: Plan, foreseen: Foreseen) -> int:
        if not todo.queued:
            self.say("nothing to hand over" if foreseen.count else "nothing to do")
            return EXIT_SOME_FAILED if foreseen.count else EXIT_COMPLETE
        self.say("nothing new to hand over; `stilt status` shows what is queued and running")
        if self.backend.name == "local" or self.request.wait:
            return self._verdict(self.backend.rejoin(self.project.layout, state))
        return 0


def _refuse_twice(project: Inputs, todo: Plan, live: Container[str]) -> None:
    """Refuse to have two tasks at one simulation: the older one may end last and replace the newer outputs."""
    chosen = project.simulations.take(todo.transport) if live else []
    twice = sum(simulation.sim in live for simulation in chosen)
    if twice:
        raise NotFinishedError(
            f"--no-skip: {counted(twice, 'simulation')} of these are queued or running",
            "`stilt cancel` ends their jobs, or wait for them (`stilt status`); then run the same command again",
            code="WORK_IN_HAND",
        )


def _go_on(index: OutputIndex, state: State, handed: HandOver) -> None:
    """Return if this run goes on with what it has registered; else give it up."""
    try:
        give_way(index, settled_runs(state), handed.log.written_to)
    except NotFinishedError:
        handed.log.close(GAVE_WAY)
        raise


def _likely_wall_s(state: State) -> float:
    """Return what nineteen of twenty simulations took at most, in seconds; 0 if none has ended."""
    walls = sorted(sim.wall_s for sim in state.sims.values() if sim.is_done)
    return walls[len(walls) * 19 // 20] if walls else 0.0
