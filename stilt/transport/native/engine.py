"""The engine as a worker sees it.

Nothing here loads numpy or numba before a run: ``status`` asks for the version too.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.foundations.durable import digest_file
from stilt.foundations.identity import EngineIdentity
from stilt.met.dataset.naming import table_of_met
from stilt.transport.native.roughness import HYSPLIT, roughness_source
from stilt.transport.native.settings import check_settings
from stilt.transport.native.tables import find_terrain
from stilt.transport.protocol import TransportResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stilt.config.schema import Config
    from stilt.foundations.simulation import Simulation
    from stilt.met.dataset.naming import Table
    from stilt.particles.table import ParticleTable
    from stilt.transport.native.analysis import Setting
    from stilt.transport.native.meteorology import Meteorology
    from stilt.transport.native.perturbation import Perturbation
    from stilt.transport.native.refusals import Rules
    from stilt.transport.native.roughness import RoughnessSource
    from stilt.transport.native.run import RunSettings
    from stilt.transport.refusals import Refusals, Starts

ALGORITHM = "1.4"
"""Raise it whenever the same settings and seed give other particles."""

_MOST_OPEN_SOURCES = 4


class NativeEngine:
    """HYSPLIT's particles, computed here.

    Parameters
    ----------
    roughness
        The setting of that name; HYSPLIT's table unless given.
    exe_dir
        ``hysplit.exe_dir``: a HYSPLIT, for its table of roughness lengths.
    inputs
        The files that a batch was handed over with, by name; None: they are looked for on this machine.
    is_single
        Round places as hycs_std's single precision does; only for comparisons with it.
    """

    name = "native"

    def __init__(
        self,
        roughness: float | str | None = None,
        exe_dir: str | None = None,
        inputs: Mapping[str, Path] | None = None,
        *,
        is_single: bool = False,
    ) -> None:
        self._is_single = is_single
        self._asked_for = HYSPLIT if roughness is None else roughness
        self._exe_dir = exe_dir
        self._inputs = inputs
        self._sources: dict[tuple[object, ...], Meteorology] = {}
        self._known: tuple[Setting, Rules] | None = None

    @cached_property
    def _roughness(self) -> RoughnessSource:
        return roughness_source(self._asked_for, self._exe_dir, self._inputs)

    @property
    def version(self) -> str:
        """The algorithm's version and the roughness of the ground."""
        return f"{ALGORITHM} ({self._roughness.label})"

    @cached_property
    def _terrain(self) -> Path | None:
        return find_terrain(self._exe_dir, self._inputs)

    @property
    def identity(self) -> EngineIdentity:
        """The algorithm, and the tables that it reads beside the meteorology."""
        digests = {name: digest_file(path)[1] for name, path in self.files.items()}
        return EngineIdentity(self.name, ALGORITHM, self._roughness.label, digests)

    @property
    def files(self) -> dict[str, Path]:
        """What it reads besides settings and meteorology, by name."""
        paths = (self._roughness.path, self._terrain)
        return {path.name: path for path in paths if path is not None}

    def prepare(self, config: Config) -> None:
        """Check the settings.

        Raises
        ------
        ProblemsError
            For settings that this engine cannot follow.
        EnvironmentFailure
            If a table of roughness lengths is asked for that is not there.
        """
        check_settings(config)
        _ = self._roughness  # refused here where there is no such table

    def refusals(self, starts: Starts, met: str, config: Config) -> Refusals:
        """Return the runs of receptors with a meteorology that this engine refuses."""
        from stilt.transport.refusals import judge

        return judge(starts, met, config, self._rules(config))

    def _rules(self, config: Config) -> Rules:
        """Return the rules, which know what they have seen of files until the settings are others."""
        from stilt.transport.native.refusals import Rules

        setting = self._setting(config)
        if self._known is None or self._known[0] != setting:
            self._known = setting, Rules(setting)
        return self._known[1]

    def compile_ahead(self) -> None:
        """Compile the loops, unless they are kept already."""
        from stilt.transport.native.warm import warm

        warm()

    def run(self, simulation: Simulation, config: Config, workdir: Path) -> TransportResult:
        """Transport the particles of one receptor; raise ``TransportError`` if it fails.

        What the simulations of a task share is kept beside ``workdir``.
        """
        from stilt.transport.facts import facts_of_release, only, with_ground
        from stilt.transport.native.randomness import Stream
        from stilt.transport.native.run import transport
        from stilt.transport.refusals import files_of

        check_settings(config)
        receptor = simulation.receptor
        files = files_of(simulation, config, self._rules(config))
        table_of_fields = table_of_met(config.mets[simulation.met])
        meteorology = self._meteorology(files, table_of_fields, config, workdir)
        settings = run_settings(config)
        columns = with_ground(settings.columns, receptor)
        settings = replace(settings, columns=columns, is_single=self._is_single)
        table = transport(meteorology, receptor, settings, Stream(config.seed, simulation.sim))
        errors = None
        if config.has_error_run:
            disturbed = run_settings(config, perturbation(config))
            stream = Stream(config.seed, simulation.sim, "error")
            errors = transport(meteorology, receptor, disturbed, stream)
        return TransportResult(
            particles=as_printed(only(table, config.varsiwant)),
            log=self._words(files, meteorology),
            met_files=files,
            error_particles=None if errors is None else as_printed(errors),
            provenance={"roughness": self._roughness.label, **meteorology.provenance},
            facts=facts_of_release(table, receptor),
        )

    def _words(self, files: tuple[Path, ...], meteorology: Meteorology) -> str:
        vertical = meteorology.vertical
        levels = f"{vertical.count} levels, {vertical.a:g} k^2 {vertical.b:+g} k {vertical.c:+g} m"
        met = [f"met {path}" for path in files]
        return "\n".join([f"native {self.version}", levels, *met, *meteorology.notes, ""])

    def _meteorology(
        self, files: tuple[Path, ...], table: Table, config: Config, workdir: Path
    ) -> Meteorology:
        from stilt.transport.native.meteorology import Meteorology
        from stilt.transport.native.store import ColumnStore

        setting = self._setting(config)
        key = (files, table, setting.top_m, setting.boundary, workdir.parent)
        if key not in self._sources:
            if len(self._sources) >= _MOST_OPEN_SOURCES:
                self._sources.pop(next(iter(self._sources)))
            store = ColumnStore(_shared_folder(workdir))
            self._sources[key] = Meteorology(files, setting, store, table)
        return self._sources[key]

    def _setting(self, config: Config) -> Setting:
        from stilt.transport.native.analysis import Setting
        from stilt.transport.native.fields import BoundaryOptions
        from stilt.transport.native.terrain import terrain_source

        return Setting(
            config.z_top,
            BoundaryOptions(config.kbls, config.kmixd, float(config.kmix0)),
            self._roughness,
            terrain_source(self._terrain),
        )


def as_printed(table: ParticleTable) -> ParticleTable:
    """Return a table with the decimals that hycs_std prints.

    More would be noise: what is measured with the particles is uncertain by far more. And noise cannot be
    compressed: a table would take three times as many bytes.
    """
    import numpy as np

    from stilt.particles.columns import COLUMNS
    from stilt.particles.rounding import round_to_decimals
    from stilt.particles.table import ParticleTable

    columns = {}
    for name, values in table.columns.items():
        columns[name] = np.empty_like(values)
        round_to_decimals(values, 10.0 ** COLUMNS[name].decimals, columns[name])
    return ParticleTable(columns)


def _shared_folder(workdir: Path) -> Path | None:
    """Name the folder that a task's simulations share; none where nobody would remove it."""
    parent = workdir.parent
    return None if parent == Path(tempfile.gettempdir()) else parent / "columns"


def run_settings(config: Config, errors: Perturbation | None = None) -> RunSettings:
    """Return what a run is done with, from the config."""
    from stilt.transport.native.perturbation import NO_PERTURBATION
    from stilt.transport.native.run import RunSettings

    return RunSettings(
        n_hours=config.n_hours,
        numpar=config.numpar,
        columns=config.varsiwant,
        emission_hours=config.emisshrs,
        every_min=max(1, int(config.outdt)),
        is_turbulent=config.nturb == 0,
        tlfrac=config.tlfrac,
        hscale_s=config.hscale,
        veght=config.veght,
        zi_factors=tuple(config.ziscale) if config.zicontroltf else (),
        perturbation=NO_PERTURBATION if errors is None else errors,
    )


def perturbation(config: Config) -> Perturbation:
    """Return the errors that a second run is disturbed with; the parts that are not asked for are off."""
    from stilt.transport.native.perturbation import Perturbation

    return Perturbation(
        wind_sd=config.siguverr or 0.0,
        wind_min=config.tluverr or 1.0,
        wind_m=config.zcoruverr or 1.0,
        wind_km=config.horcoruverr or 1.0,
        mixed_sd=config.sigzierr or 0.0,
        mixed_min=config.tlzierr or 1.0,
        mixed_km=config.horcorzierr or 1.0,
    )
