"""One simulation, from the receptor to published outputs, in a process of its own."""

from __future__ import annotations

import contextlib
import errno
import os
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stilt.config.digests import footprint_digest, transport_digest, transport_settings
from stilt.config.dump import plain
from stilt.config.sections import function_in
from stilt.footprint.labels import LABELS
from stilt.foundations.durable import adopt, made_folder, publish_as, publish_with
from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.foundations.inside import MisplacedError, remove_below
from stilt.foundations.room import no_room
from stilt.foundations.simulation import RELEASE_RULE, receptor_digest
from stilt.log.events import Done, Output
from stilt.log.states import PLAIN
from stilt.outputs.store import Own, Store
from stilt.particles.table import NOT_KEPT
from stilt.transport.engines import identity_of
from stilt.transport.protocol import Reason, TransportError
from stilt.version import __version__
from stilt.weighting.functions import load_function
from stilt.worker import memory
from stilt.worker.scratch import clear_workdir, make_workdir

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stilt.batch.chunks import ChunkEntry
    from stilt.batch.claims import Claims
    from stilt.config.schema import Config, FootprintGrid
    from stilt.footprint.calc import Footprint
    from stilt.foundations.paths import Layout
    from stilt.foundations.simulation import Simulation
    from stilt.log.events import Outcome
    from stilt.matrix.asked import Asked
    from stilt.matrix.stored import RowWriter
    from stilt.particles.table import ParticleTable
    from stilt.transport.protocol import Engine

KEEP_VARIABLE = "STILT_KEEP_WORK"
"""Environment: set to keep the work directories of failed simulations."""

LEFT = "left"
"""The reason of what was interrupted since a newer batch claims it."""

_OF_PARTICLES = frozenset({"model_log", "endpoints", NOT_KEPT})
"""What particle files say that footprints do not."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR})


@dataclass(frozen=True, slots=True)
class _Particles:
    """The particles of a simulation, and how they came to be.

    Attributes
    ----------
    errors
        Those of an error run, if they are new.
    kept
        Where they are stored, and those of an error run; None for what is in an archive. Empty: they are new.
    imprint
        What the names of the stored ones carry, or ``plain``.
    """

    table: ParticleTable
    provenance: dict[str, str]
    errors: ParticleTable | None = None
    model_peak_rss_bytes: int = 0
    kept: tuple[Path | None, ...] = ()
    imprint: str = ""


class ClaimedError(Exception):
    """A newer batch claims the simulation, whose results are that one's business now."""

    @property
    def holder(self) -> str:
        """The batch."""
        return str(self.args[0])


class Simulator:
    """Simulates with the settings of one batch.

    Parameters
    ----------
    engine
        The transport engine, already prepared.
    config
        The batch's settings.
    layout
        Where outputs go.
    scratch
        The worker's folder on node-local scratch.
    imprint
        What the names of this worker's outputs carry.
    claims
        What newer batches claim.
    transports
        The digests of the settings as the batch has them, by meteorology.
    footprints
        The same by footprint product.
    rows
        What makes rows of the matrix that the settings ask for, and what writes them.
    """

    def __init__(
        self,
        engine: Engine,
        config: Config,
        layout: Layout,
        scratch: Path,
        *,
        imprint: str,
        claims: Claims,
        transports: Mapping[str, str] | None = None,
        footprints: Mapping[str, str] | None = None,
        rows: tuple[Asked, RowWriter] | None = None,
    ) -> None:
        self.engine = engine
        self.config = config
        self.layout = layout
        self.scratch = scratch
        self.imprint = imprint
        self.claims = claims
        self.store = Store(layout, skip_damaged=True)
        self._memory = memory.OwnPeak()
        label = identity_of(engine).label
        self._transport = transports or {
            met: transport_digest(config, met, label) for met in config.mets
        }
        self._functions = {
            name: load_function(grid.weight) for name, grid in config.footprints.items()
        }
        self._footprints = footprints or {
            name: footprint_digest(config, name) for name in config.footprints
        }
        self._rows = rows

    def __call__(self, entry: ChunkEntry) -> Done:
        """Run one simulation and return its ``done`` event; its outputs are in place.

        Raises
        ------
        EnvironmentFailure
            If the output root or the scratch folder refuses to be written, which is no simulation's fault.
        """
        simulation = entry.simulation
        began = time.monotonic()
        self._memory = memory.OwnPeak()
        workdir = make_workdir(self.scratch / simulation.sim)
        model_peak = 0
        failure: TransportError | None = None
        outcome: Outcome = "failed"
        outputs: tuple[Output, ...] = ()
        facts: dict[str, float] = {}
        kept = reason = message = ""
        own = self._memory.bytes
        try:
            particles = self._particles(entry, workdir)
            model_peak = particles.model_peak_rss_bytes
            footprints = self._calculate(entry, particles.table)
            facts = _facts(particles, footprints)
            outcome, outputs, kept = self._publish(entry, particles, footprints)
        except ClaimedError as error:
            outcome, reason = "interrupted", LEFT
            message = f"batch {error.holder} has it now"
        except Exception as error:  # noqa: BLE001 - whatever one simulation does, the others go on
            failure = _classify(error, self.layout)
            reason, message = str(failure.reason), failure.message
        if reason != LEFT:
            self._keep_log(simulation, failure)
        clear_workdir(workdir, keep=failure is not None and KEEP_VARIABLE in os.environ)
        return Done(
            sim=simulation.sim,
            outcome=outcome,
            at=time.time(),
            wall_s=round(time.monotonic() - began, 3),
            peak_rss_bytes=max(self._memory.look(), own + model_peak),
            outputs=outputs,
            reason=reason,
            message=message,
            met=simulation.met,
            receptor=simulation.receptor.digest,
            particles=kept,
            facts={} if reason else facts,
        )

    def _particles(self, entry: ChunkEntry, workdir: Path) -> _Particles:
        simulation = entry.simulation
        if entry.work == "footprints":
            stored = self._stored(simulation, entry.before)
            if stored is not None:
                return stored
        return self._transported(entry, workdir)

    def _stored(self, simulation: Simulation, before: tuple[str, ...]) -> _Particles | None:
        """Return stored particles of this receptor that were made with today's settings, if there are any.

        They are looked for where the log had them when this was planned, then under the plain name, where a run
        that was interrupted may have left them.
        """
        for imprint in dict.fromkeys((*before, PLAIN)):
            name = "" if imprint == PLAIN else imprint
            files = [path(simulation, name) for path in self._particle_paths]
            with contextlib.suppress(Exception):  # missing, truncated, garbage: then there are none
                found = [self.store.find(path) for path in files]
                said = [stored.provenance() if stored else {} for stored in found]
                if found[0] is not None and all(self._is_of(simulation, each) for each in said):
                    places = [
                        path if isinstance(stored, Own) else None
                        for path, stored in zip(files, found, strict=True)
                    ]
                    table = found[0].particles()
                    return _Particles(table, said[0], kept=tuple(places), imprint=imprint)
        return None

    def _is_of(self, simulation: Simulation, said: Mapping[str, str]) -> bool:
        """Tell whether particles say that they are of this receptor and of today's settings."""
        return (
            said.get("transport_digest") == self._transport[simulation.met]
            and receptor_digest(said) == simulation.receptor.digest
        )

    @property
    def _particle_paths(self) -> list[Callable[[Simulation, str], Path]]:
        """Where the particles of a simulation are to be, and those of an error run if there is one."""
        errors = [self.layout.error_particles] if self.config.has_error_run else []
        return [self.layout.particles, *errors]

    def _transported(self, entry: ChunkEntry, workdir: Path) -> _Particles:
        from stilt.footprint.hnf import dilute_near_field
        from stilt.met.dataset.naming import table_of_met
        from stilt.met.header import sides_of, signature
        from stilt.particles.endpoints import NOTE, encode, end_points
        from stilt.transport.facts import as_text, facts_of_particles

        simulation = entry.simulation
        result = self.engine.run(simulation, self.config, workdir)
        self._memory.look()
        table = table_of_met(self.config.mets[simulation.met])
        config, sides = self.config, sides_of(result.met_files, table)
        ends = end_points(result.particles, config.n_hours, config.outdt, sides)
        provenance = self._provenance(entry) | {
            "met_files": "\n".join(map(str, result.met_files)),
            "met_signatures": "\n".join(map(signature, result.met_files)),
            **result.provenance,
            **as_text(facts_of_particles(result.particles, self.config) | result.facts),
            NOTE: encode(ends),
            "model_log": result.log,
        }
        if config.keep.particles == "none":
            provenance[NOT_KEPT] = "1"

        def diluted(table: ParticleTable) -> ParticleTable:
            if self.config.hnf_plume:
                table = dilute_near_field(table, simulation.receptor, self.config.veght)
            return table

        errors = result.error_particles
        return _Particles(
            diluted(result.particles),
            provenance,
            errors=None if errors is None else diluted(errors),
            model_peak_rss_bytes=result.peak_rss_bytes,
        )

    def _publish(
        self, entry: ChunkEntry, particles: _Particles, footprints: Mapping[str, Footprint]
    ) -> tuple[Outcome, tuple[Output, ...], str]:
        """Put everything into place; return the outcome, the outputs and the imprint of archived particles.

        Where no footprint has anything in it there is no file: ``empty``. Where one has, all get one. Each file
        has a name of its own, which no other writer has: an older one that goes on late cannot replace it.
        """
        simulation = entry.simulation
        self._memory.look()
        self._refuse_if_claimed(simulation)
        paths = self._publish_particles(simulation, particles)
        archived = particles.imprint if None in particles.kept else ""
        if footprints and all(footprint.is_empty for footprint in footprints.values()):
            self._remove_footprints(simulation)
            self._remove_former(entry, archived)
            return "empty", tuple(map(self._output, paths)), archived
        self._refuse_if_claimed(simulation)
        for name, footprint in footprints.items():
            path = self.layout.footprint(name, simulation, self.imprint)
            plain = self.layout.footprint(name, simulation).name
            said = {key: text for key, text in particles.provenance.items() if key != LABELS}
            said |= _labels(entry)  # stored particles may have those of former days
            said |= _weighting(entry, name, self.config.footprints[name])
            write = self._netcdf(name, footprint, simulation, said)
            publish_as(path, plain, write, root=self.layout.output)
            paths.append(path)
        self._write_row(simulation, footprints)
        self._remove_former(entry, archived)
        return "complete", tuple(map(self._output, paths)), archived

    def _write_row(self, simulation: Simulation, footprints: Mapping[str, Footprint]) -> None:
        """Write the row of the matrix that is asked for; one that cannot be made is told by ``stilt jacobian``."""
        if self._rows is None:
            return
        asked, writer = self._rows
        with contextlib.suppress(InputError, OSError):  # the simulation is none the worse for it
            writer.add(asked.row(footprints[asked.name], simulation, self.imprint))

    def _publish_particles(self, simulation: Simulation, particles: _Particles) -> list[Path]:
        """Put particles into place, those that were kept under this writer's names too; return their paths."""
        from stilt.particles.parquet import write_particles

        if None in particles.kept:  # they stay where they are, those of an error run too
            name = "" if particles.imprint == PLAIN else particles.imprint
            return [path(simulation, name) for path in self._particle_paths]
        if particles.kept:
            paths = [path(simulation, self.imprint) for path in self._particle_paths]
            for kept, own, path in zip(particles.kept, paths, self._particle_paths, strict=True):
                if kept is not None:
                    with made_folder(own.parent, self.layout.output) as folder:
                        adopt(folder, kept.name, own.name, path(simulation, "").name)
            return paths
        tables = [particles.table, *([] if particles.errors is None else [particles.errors])]
        if NOT_KEPT in particles.provenance:
            tables = [table.without_rows() for table in tables]
        paths = []
        for table, path in zip(tables, self._particle_paths, strict=False):

            def write(file: Path, table: ParticleTable = table) -> None:
                write_particles(file, table, provenance=particles.provenance)

            paths.append(path(simulation, self.imprint))
            plain = path(simulation, "").name
            publish_as(paths[-1], plain, write, root=self.layout.output)
        return paths

    def _remove_former(self, entry: ChunkEntry, kept: str) -> None:
        """Remove the files of the result that this one takes the place of, but particles that are its own too."""
        simulation = entry.simulation
        for imprint in set(entry.before) - {PLAIN, self.imprint}:
            paths = [
                self.layout.footprint(name, simulation, imprint) for name in self.config.footprints
            ]
            if imprint != kept:
                paths += [path(simulation, imprint) for path in self._particle_paths]
            for path in paths:
                self._remove(path)

    def _refuse_if_claimed(self, simulation: Simulation) -> None:
        holder = self.claims.holder(simulation.sim)
        if holder:
            raise ClaimedError(holder)

    def _calculate(self, entry: ChunkEntry, table: ParticleTable) -> dict[str, Footprint]:
        if not self.config.footprints:
            return {}
        from stilt.footprint.calc import calc_footprint
        from stilt.weighting.weigh import weigh

        receptor = entry.receptor
        footprints = {}
        for name, grid in self.config.footprints.items():
            function = self._functions[name]
            own = table if function is None else function(table, receptor)
            kernel, numpar = entry.kernels.get(name), self.config.numpar
            weighed, facts = weigh(own, receptor, kernel, grid.lifetime_h, released=numpar)
            footprint = calc_footprint(weighed, grid, receptor)
            footprint.facts.update(facts)
            footprints[name] = footprint
        return footprints

    def _netcdf(
        self,
        name: str,
        footprint: Footprint,
        simulation: Simulation,
        provenance: Mapping[str, str],
    ) -> Callable[[Path], None]:
        from stilt.footprint.netcdf import write_footprint
        from stilt.transport.facts import as_text

        facts = {key: value for key, value in provenance.items() if key not in _OF_PARTICLES}
        facts |= {"footprint_name": name, "footprint_digest": self._footprints[name]}
        facts |= as_text(footprint.facts)
        facts |= {} if self.config.about is None else plain(self.config.about)
        return lambda path: write_footprint(
            path, footprint, simulation.receptor, simulation.sim, provenance=facts
        )

    def _remove_footprints(self, simulation: Simulation) -> None:
        """Take away the plain names that other settings had left: an empty simulation has no footprint."""
        for name in self.config.footprints:
            self._remove(self.layout.footprint(name, simulation))

    def _remove(self, path: Path) -> None:
        """Remove an output, if it is there."""
        remove_below(self.layout.output, self.layout.relative(path))

    def _provenance(self, entry: ChunkEntry) -> dict[str, str]:
        """Return what the outputs say of their making; nothing that differs from one rerun to the next."""
        simulation = entry.simulation
        rule = simulation.receptor.release_rule
        return {
            **({RELEASE_RULE: str(rule)} if rule > 1 else {}),
            "simulation": simulation.sim,
            "receptor": msgspec.json.encode(simulation.receptor).decode(),
            "met": simulation.met,
            "settings": msgspec.json.encode(
                transport_settings(self.config, simulation.met), order="deterministic"
            ).decode(),
            "model": self.engine.name,
            "model_version": self.engine.version,
            "transport_digest": self._transport[simulation.met],
            "stilt_version": __version__,
            **_labels(entry),
        }

    def _output(self, path: Path) -> Output:
        """Return what the log is to say of an output; particles that were read may be in an archive."""
        found = self.store.find(path)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return Output(self.layout.relative(path), *found.digest())

    def _keep_log(self, simulation: Simulation, failure: TransportError | None) -> None:
        """Keep the model's words for a failure, and drop those of an earlier one after a success."""
        path = self.layout.model_log(simulation)
        with contextlib.suppress(OSError, MisplacedError):
            if failure is None:
                self._remove(path)
            else:
                text = f"{failure.reason}: {failure.message}\n\n{failure.log}\n"
                data = text.encode(errors="replace")
                root = self.layout.output
                publish_with(path, lambda new: _write_once(new, data), root=root, durable=False)


def _labels(entry: ChunkEntry) -> dict[str, str]:
    return {LABELS: msgspec.json.encode(entry.labels).decode()} if entry.labels else {}


def _weighting(entry: ChunkEntry, name: str, grid: FootprintGrid) -> dict[str, str]:
    """Return what a footprint says of how its particles weigh, where they do."""
    kernel = entry.kernels.get(name)
    said = {} if kernel is None else {"kernel": msgspec.json.encode(kernel).decode()}
    path, function = function_in(grid.weight)
    if path:  # its folder is the digest of its bytes
        said["weights"] = f"{Path(path).name}:{function} {Path(path).parent.name}"
    return said


def _facts(particles: _Particles, footprints: Mapping[str, Footprint]) -> dict[str, float]:
    from stilt.transport.facts import of_result

    return of_result(particles.provenance, (each.facts for each in footprints.values()))


def _write_once(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _classify(error: Exception, layout: Layout) -> TransportError:
    """Return the failure that an error means for its simulation.

    Raises
    ------
    EnvironmentFailure
        If it is not the simulation's.
    """
    if isinstance(error, TransportError):
        return error
    if isinstance(error, EnvironmentFailure):
        raise error
    if isinstance(error, MisplacedError):
        raise EnvironmentFailure(
            f"outputs have no place: {error.message}", error.hint, code=error.code
        ) from error
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, MemoryError):
        return TransportError(Reason.OUT_OF_MEMORY, "no memory left for this process", trace)
    if isinstance(error, OSError) and error.errno in _FULL:
        where = Path(os.fsdecode(error.filename)).parent if error.filename else layout.output
        said = no_room(error, where) or (f"{error.filename or where}: {error.strerror}", "")
        return TransportError(Reason.DISK_FULL, said[0], trace)
    if isinstance(error, OSError) and error.errno in _REFUSED:
        raise EnvironmentFailure(
            f"{error.filename or layout.output} cannot be written: {error.strerror}",
            "check the permissions and the mount of the output root, then run the same command again",
            code="OUTPUT_UNWRITABLE",
        ) from error
    return TransportError(
        Reason.INTERNAL, f"{type(error).__name__}: {error}".splitlines()[0], trace
    )
