"""HYSPLIT as a transport engine."""

from __future__ import annotations

import errno
from functools import cached_property
from typing import TYPE_CHECKING

from stilt.foundations.failures import Reason, TransportError
from stilt.foundations.room import no_room
from stilt.met.files import find_met_files
from stilt.transport.hysplit.locate import Installation, locate
from stilt.transport.hysplit.perturbation import error_kind
from stilt.transport.hysplit.settings import check_settings
from stilt.transport.protocol import TransportResult

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stilt.config.schema import Config
    from stilt.foundations.simulation import Simulation
    from stilt.transport.hysplit.dump import DumpParser
    from stilt.transport.hysplit.process import Ended

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class HysplitEngine:
    """NOAA's hycs_std in STILT mode.

    Parameters
    ----------
    exe_dir
        The folder of a build of the user's own, from ``hysplit.exe_dir``.
    """

    name = "hysplit"

    def __init__(self, exe_dir: str | None = None) -> None:
        self._exe_dir = exe_dir

    @cached_property
    def installation(self) -> Installation:
        """The program and its tables; raises a ``StiltError`` where there are none."""
        return locate(self._exe_dir)

    @property
    def version(self) -> str:
        """HYSPLIT's version, and the start of the program's digest where it is not the pinned build."""
        return self.installation.version

    def prepare(self, config: Config) -> None:
        """Check the settings, and that the program can start here."""
        from stilt.transport.hysplit.probe import check_can_start

        check_settings(config)
        check_can_start(self.installation.exe)

    def compile_ahead(self) -> None:
        """Compile the particle parser before many workers ask for it at once."""
        from stilt.transport.hysplit.parse import warm

        warm()

    def run(self, simulation: Simulation, config: Config, workdir: Path) -> TransportResult:
        """Run hycs_std for one receptor, twice where wind or mixed-layer errors are asked for."""
        met_files = find_met_files(config.mets[simulation.met], simulation.receptor, config.n_hours)
        kind = error_kind(config)
        dump, words, ended = self._run_once(simulation, config, workdir / "main", met_files)
        peak = ended.peak_rss_bytes
        error_particles = None
        if kind:
            error_dump, error_words, ended = self._run_once(
                simulation, config, workdir / "error", met_files, error_run=kind
            )
            error_particles = error_dump.table()
            peak = max(peak, ended.peak_rss_bytes)
            words += f"--- error run\n{error_words}"
        return TransportResult(
            particles=dump.table(),
            log=words,
            met_files=met_files,
            error_particles=error_particles,
            peak_rss_bytes=peak,
            provenance=self._provenance(workdir / "main"),
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
        judge(ended, dump, words, config)
        return dump, words.log(), ended

    def _provenance(self, folder: Path) -> dict[str, str]:
        return {
            "engine": f"{self.name} {self.version}",
            "engine_sha256": self.installation.sha256,
            "control": (folder / "CONTROL").read_text(),
            "setup_cfg": (folder / "SETUP.CFG").read_text(),
        }


def _expected_rows(config: Config) -> int:
    step = max(1, round(config.outdt))
    return config.numpar * (abs(config.n_hours) * 60 // step)
