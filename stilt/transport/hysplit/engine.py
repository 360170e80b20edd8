"""HYSPLIT as a transport engine."""

from __future__ import annotations

import errno
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stilt.foundations.durable import digest_file
from stilt.foundations.failures import Reason, TransportError
from stilt.foundations.identity import EngineIdentity
from stilt.foundations.room import no_room
from stilt.transport.hysplit.control import without_repetitions
from stilt.transport.hysplit.locate import EXE_NAME, Installation, handed_over, locate
from stilt.transport.hysplit.namelist import SEEDING
from stilt.transport.hysplit.perturbation import error_kind
from stilt.transport.hysplit.settings import check_settings
from stilt.transport.protocol import TransportResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from stilt.config.schema import Config
    from stilt.foundations.simulation import Receptor, Simulation
    from stilt.transport.hysplit.dump import DumpParser
    from stilt.transport.hysplit.process import Ended
    from stilt.transport.refusals import Refusals, Starts

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class HysplitEngine:
    """NOAA's hycs_std in STILT mode.

    Parameters
    ----------
    exe_dir
        The folder of a build of the user's own, from ``hysplit.exe_dir``.
    inputs
        Program and tables that a batch was handed over with, by name; None: they are looked for on this machine.
    """

    name = "hysplit"

    programs = frozenset({EXE_NAME})
    """Files that are executed: they stay where they are."""

    def __init__(
        self, exe_dir: str | None = None, inputs: Mapping[str, Path] | None = None
    ) -> None:
        self._exe_dir = exe_dir
        self._inputs = inputs

    @cached_property
    def installation(self) -> Installation:
        """The program and its tables; raises a ``StiltError`` where there are none."""
        return locate(self._exe_dir) if self._inputs is None else handed_over(self._inputs)

    @property
    def version(self) -> str:
        """HYSPLIT's version, and the start of the program's digest where it is not the pinned build."""
        rule = f" seeding {SEEDING}" if SEEDING > 1 else ""
        return f"{self.installation.version}{rule}"

    @property
    def identity(self) -> EngineIdentity:
        """HYSPLIT's version, and the digests of program and tables."""
        digests = {name: digest_file(path)[1] for name, path in self.files.items()}
        return EngineIdentity(self.name, self.version, inputs=digests)

    @property
    def files(self) -> dict[str, Path]:
        """What it reads besides settings and meteorology, by name."""
        paths = (self.installation.exe, *self.installation.tables)
        return {EXE_NAME: paths[0], **{path.name: path for path in paths[1:]}}

    def prepare(self, config: Config) -> None:
        """Check the settings, and that the program can start here."""
        from stilt.transport.hysplit.probe import check_can_start

        check_settings(config)
        check_can_start(self.installation.exe)

    def refusals(self, starts: Starts, met: str, config: Config) -> Refusals:
        """Return the runs of receptors with a meteorology that hycs_std refuses."""
        from stilt.transport.hysplit.refusals import rules
        from stilt.transport.refusals import judge

        return judge(starts, met, config, rules)

    def compile_ahead(self) -> None:
        """Compile the particle parser before many workers ask for it at once."""
        from stilt.transport.hysplit.parse import warm

        warm()

    def run(self, simulation: Simulation, config: Config, workdir: Path) -> TransportResult:
        """Run hycs_std for one receptor, twice where wind or mixed-layer errors are asked for."""
        from stilt.transport.facts import facts_of_release, only, with_ground
        from stilt.transport.hysplit.refusals import rules
        from stilt.transport.refusals import files_of

        met_files = files_of(simulation, config, rules)
        kind = error_kind(config)
        wanted = config.varsiwant
        config = replace(config, varsiwant=with_ground(wanted, simulation.receptor))
        dump, words, ended = self._run_once(simulation, config, workdir / "main", met_files)
        peak = ended.peak_rss_bytes
        error_particles = None
        if kind:
            error_dump, error_words, ended = self._run_once(
                simulation, config, workdir / "error", met_files, error_run=kind
            )
            error_particles = only(error_dump.table(), wanted)
            peak = max(peak, ended.peak_rss_bytes)
            words += f"--- error run\n{error_words}"
        particles = dump.table()
        return TransportResult(
            particles=only(particles, wanted),
            log=words,
            met_files=met_files,
            error_particles=error_particles,
            peak_rss_bytes=peak,
            provenance=self._provenance(workdir / "main", simulation.receptor),
            facts=facts_of_release(particles, simulation.receptor),
        )

    def _run_once(
        self,
        simulation: Simulation,
        config: Config,
        folder: Path,
        met_files: Sequence[Path],
        *,
        error_run: int = 0,
    ) -> tuple[DumpParser, str, Ended]:
        """Run hycs_std once in a new folder; return its particles, its log and what it cost."""
        from stilt.transport.hysplit.dump import DumpParser
        from stilt.transport.hysplit.process import ModelProcess
        from stilt.transport.hysplit.verdict import Words, judge
        from stilt.transport.hysplit.workdir import lay_out

        try:
            lay_out(folder, simulation, config, self.installation, met_files, error_kind=error_run)
            dump = DumpParser(config.varsiwant, _expected_rows(config))
            with ModelProcess(self.installation.exe, folder) as process:
                ended = process.follow(dump, config.execution.timeout)
            words = Words.of(ended, folder)
        except OSError as error:
            if error.errno in _FULL:
                said = no_room(error, folder) or (f"{folder}: {error.strerror}", "")
                raise TransportError(Reason.DISK_FULL, said[0]) from error
            raise
        judge(
            ended,
            dump,
            words,
            config,
            is_inside=lambda: _can_start(simulation.receptor, met_files),
        )
        return dump, words.log(), ended

    def _provenance(self, folder: Path, receptor: Receptor) -> dict[str, str]:
        control = (folder / "CONTROL").read_text()
        return {
            "engine": f"{self.name} {self.version}",
            "engine_sha256": self.installation.sha256,
            "control": without_repetitions(control, len(receptor.heights_m)),
            "setup_cfg": (folder / "SETUP.CFG").read_text(),
        }


def _can_start(receptor: Receptor, met_files: Sequence[Path]) -> bool:
    """Tell whether every place can start on one of the grids; yes where a file does not say."""
    from stilt.met.arl import ArlError, read_arl

    try:
        grids = {read_arl(path).grid for path in met_files}
    except (ArlError, OSError):
        return True
    places = zip(receptor.longitudes, receptor.latitudes, strict=True)
    return all(any(grid.can_start(lon, lat) for grid in grids) for lon, lat in places)


def _expected_rows(config: Config) -> int:
    step = max(1, round(config.outdt))
    return config.numpar * (abs(config.n_hours) * 60 // step)
