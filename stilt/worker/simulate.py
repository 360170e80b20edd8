"""One simulation, from the receptor to published outputs, in a process of its own."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from stilt.archive.shelf import Shelf
from stilt.config.digests import footprint_digest, transport_digest, transport_settings
from stilt.foundations.durable import digest_file, publish_with
from stilt.foundations.errors import EnvironmentFailure
from stilt.log.events import Done, Output
from stilt.transport.protocol import Reason, TransportError
from stilt.version import __version__
from stilt.worker import memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from stilt.batch.chunks import ChunkEntry
    from stilt.config.schema import Config
    from stilt.footprint.calc import Footprint
    from stilt.foundations.paths import Layout
    from stilt.foundations.simulation import Simulation
    from stilt.log.events import Outcome
    from stilt.particles.table import ParticleTable
    from stilt.transport.protocol import Engine

KEEP_VARIABLE = "STILT_KEEP_WORK"
"""Environment: set to keep the work directories of failed simulations."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR})


@dataclass(frozen=True, slots=True)
class _Particles:
    """The particles of a simulation, and how they came to be."""

    table: ParticleTable
    log: str
    model_peak_rss_bytes: int
    provenance: dict[str, str]
    is_new: bool


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
    """

    def __init__(self, engine: Engine, config: Config, layout: Layout, scratch: Path) -> None:
        self.engine = engine
        self.config = config
        self.layout = layout
        self.scratch = scratch
        self.shelf = Shelf(layout, skip_damaged=True)
        name = f"{engine.name} {engine.version}"
        self._transport = {met: transport_digest(config, met, name) for met in config.mets}
        self._footprints = {name: footprint_digest(config, name) for name in config.footprints}

    def __call__(self, entry: ChunkEntry) -> Done:
        """Run one simulation and return its ``done`` event; its outputs are in place.

        Raises
        ------
        EnvironmentFailure
            If the output root or the scratch folder refuses to be written, which is no simulation's fault.
        """
        simulation = entry.simulation
        began = time.monotonic()
        memory.reset_peak()
        workdir = _make_workdir(self.scratch / simulation.sim)
        model_peak = 0
        failure: TransportError | None = None
        outcome: Outcome = "failed"
        outputs: tuple[Output, ...] = ()
        resident = memory.resident_bytes()
        try:
            particles = self._particles(entry, workdir)
            model_peak = particles.model_peak_rss_bytes
            outcome, outputs = self._publish(simulation, particles)
        except Exception as error:  # noqa: BLE001 - whatever one simulation does, the others go on
            failure = _classify(error, self.layout)
        self._keep_log(simulation, failure)
        _clear(workdir, keep=failure is not None and KEEP_VARIABLE in os.environ)
        return Done(
            sim=simulation.sim,
            outcome=outcome,
            at=time.time(),
            wall_s=round(time.monotonic() - began, 3),
            peak_rss_bytes=max(memory.peak_bytes(), resident + model_peak),
            outputs=outputs,
            reason="" if failure is None else str(failure.reason),
            message="" if failure is None else failure.message,
        )

    def _particles(self, entry: ChunkEntry, workdir: Path) -> _Particles:
        simulation = entry.simulation
        if entry.work == "footprints":
            stored = self._stored(simulation)
            if stored is not None:
                return stored
        return self._transported(simulation, workdir)

    def _stored(self, simulation: Simulation) -> _Particles | None:
        """Return the stored particles if they, and those of an error run, were made with today's settings."""
        from stilt.particles.parquet import read_particles

        path, *others = self._particle_files(simulation)
        try:
            provenance = self._read_provenance(path)
            stored = [provenance, *map(self._read_provenance, others)]
            wanted = self._transport[simulation.met]
            if any(each.get("transport_digest") != wanted for each in stored):
                return None
            archived = None if path.exists() else self.shelf.find(path)
            table = read_particles(path) if archived is None else archived.particles()
            return _Particles(table, "", 0, provenance, is_new=False)
        except Exception:  # noqa: BLE001 - missing, truncated, garbage: then there are none, and transport runs
            return None

    def _read_provenance(self, path: Path) -> dict[str, str]:
        from stilt.particles.parquet import read_provenance

        archived = None if path.exists() else self.shelf.find(path)
        return read_provenance(path) if archived is None else archived.provenance()

    def _particle_files(self, simulation: Simulation) -> list[Path]:
        """Return where the particles of a simulation are to be, and those of an error run if there is one."""
        paths = [self.layout.particles(simulation)]
        if self.config.has_error_run:
            paths.append(self.layout.error_particles(simulation))
        return paths

    def _transported(self, simulation: Simulation, workdir: Path) -> _Particles:
        from stilt.footprint.hnf import dilute_near_field
        from stilt.particles.parquet import write_particles

        result = self.engine.run(simulation, self.config, workdir)
        provenance = self._provenance(simulation) | {
            "met_files": "\n".join(map(str, result.met_files)),
            **result.provenance,
            "model_log": result.log,
        }

        def diluted(table: ParticleTable) -> ParticleTable:
            if self.config.hnf_plume:
                table = dilute_near_field(table, simulation.receptor, self.config.veght)
            return table

        table = diluted(result.particles)
        publish_with(
            self.layout.particles(simulation),
            lambda path: write_particles(path, table, provenance=provenance),
        )
        if result.error_particles is not None:
            errors = diluted(result.error_particles)
            publish_with(
                self.layout.error_particles(simulation),
                lambda path: write_particles(path, errors, provenance=provenance),
            )
        return _Particles(table, result.log, result.peak_rss_bytes, provenance, is_new=True)

    def _publish(
        self, simulation: Simulation, particles: _Particles
    ) -> tuple[Outcome, tuple[Output, ...]]:
        """Put the footprints into place and return the outcome with everything that there is.

        Where no footprint has anything in it there is no file: ``empty``. Where one has, all get one.
        """
        footprints = self._calculate(simulation, particles.table)
        paths = self._particle_files(simulation)
        if footprints and all(footprint.is_empty for footprint in footprints.values()):
            self._remove_footprints(simulation)
            return "empty", tuple(map(self._output, paths))
        for name, footprint in footprints.items():
            path = self.layout.footprint(name, simulation)
            publish_with(path, self._netcdf(name, footprint, simulation, particles.provenance))
            paths.append(path)
        return "complete", tuple(map(self._output, paths))

    def _calculate(self, simulation: Simulation, table: ParticleTable) -> dict[str, Footprint]:
        if not self.config.footprints:
            return {}
        from stilt.footprint.calc import calc_footprint

        return {
            name: calc_footprint(table, grid, simulation.receptor)
            for name, grid in self.config.footprints.items()
        }

    def _netcdf(
        self,
        name: str,
        footprint: Footprint,
        simulation: Simulation,
        provenance: Mapping[str, str],
    ) -> Callable[[Path], None]:
        from stilt.footprint.netcdf import write_footprint

        facts = {key: value for key, value in provenance.items() if key != "model_log"}
        facts |= {"footprint_name": name, "footprint_digest": self._footprints[name]}
        return lambda path: write_footprint(
            path, footprint, simulation.receptor, simulation.sim, provenance=facts
        )

    def _remove_footprints(self, simulation: Simulation) -> None:
        """Remove what other settings had left: an empty simulation has no footprint."""
        for name in self.config.footprints:
            self.layout.footprint(name, simulation).unlink(missing_ok=True)

    def _provenance(self, simulation: Simulation) -> dict[str, str]:
        """Return what the outputs say of their making; nothing that differs from one rerun to the next."""
        return {
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
        }

    def _output(self, path: Path) -> Output:
        """Return what the log is to say of an output; particles that were read may be in an archive."""
        relative = self.layout.relative(path)
        archived = None if path.exists() else self.shelf.find(path)
        if archived is not None:
            return Output(relative, archived.entry.size, archived.entry.digest)
        return Output(relative, *digest_file(path))

    def _keep_log(self, simulation: Simulation, failure: TransportError | None) -> None:
        """Keep the model's words for a failure, and drop those of an earlier one after a success."""
        path = self.layout.model_log(simulation)
        with contextlib.suppress(OSError):
            if failure is None:
                path.unlink(missing_ok=True)
            else:
                text = f"{failure.reason}: {failure.message}\n\n{failure.log}\n"
                data = text.encode(errors="replace")
                publish_with(path, lambda new: _write_once(new, data), durable=False)


def _write_once(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _make_workdir(path: Path) -> Path:
    try:
        path.mkdir()
    except OSError as error:
        raise EnvironmentFailure(
            f"the work directory {path} cannot be made: {error.strerror}",
            "make room there, or set `execution: {scratch: FOLDER}` in config.yaml",
        ) from error
    return path


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
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, MemoryError):
        return TransportError(Reason.OUT_OF_MEMORY, "no memory left for this process", trace)
    if isinstance(error, OSError) and error.errno in _FULL:
        where = error.filename or layout.output
        return TransportError(Reason.DISK_FULL, f"{where}: {error.strerror}", trace)
    if isinstance(error, OSError) and error.errno in _REFUSED:
        raise EnvironmentFailure(
            f"{error.filename or layout.output} cannot be written: {error.strerror}",
            "check the permissions and the mount of the output root, then run the same command again",
        ) from error
    return TransportError(
        Reason.INTERNAL, f"{type(error).__name__}: {error}".splitlines()[0], trace
    )


def _clear(workdir: Path, *, keep: bool) -> None:
    if keep:
        with contextlib.suppress(OSError):
            workdir.rename(workdir.parent.parent / f"stilt-kept-{workdir.name}")
    else:
        shutil.rmtree(workdir, ignore_errors=True)
