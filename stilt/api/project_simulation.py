"""One simulation of a project in Python, and its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stilt.footprint.labels import with_projection
from stilt.foundations.errors import InputError
from stilt.foundations.ownership import refuse_foreign_link
from stilt.outputs.store import Store

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from typing import Unpack

    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from stilt.api.project import Project
    from stilt.config.schema import Config, FootprintGrid
    from stilt.foundations.simulation import Receptor, Simulation
    from stilt.log.fold import SimState
    from stilt.outputs.store import Stored
    from stilt.plot.field_map import LookOptions


class ProjectSimulation:
    """One simulation of a project and its outputs.

    Attributes
    ----------
    project
        The project that it belongs to.
    simulation
        Its id, meteorology and receptor.
    """

    def __init__(self, project: Project, simulation: Simulation) -> None:
        self.project = project
        self.simulation = simulation

    def __repr__(self) -> str:
        return f"ProjectSimulation({self.id!r})"

    def _repr_html_(self) -> str:
        from stilt.api.html import simulation_html

        return simulation_html(self)

    @property
    def id(self) -> str:
        """The simulation id."""
        return self.simulation.sim

    @property
    def receptor(self) -> Receptor:
        """Where and when the air arrives."""
        return self.simulation.receptor

    @property
    def labels(self) -> dict[str, str | int | float | None]:
        """What receptors.csv has of it besides, by name."""
        return self.project.receptors.labels_of([self._place])[0]

    @property
    def grids(self) -> Mapping[str, FootprintGrid]:
        """The grids of its footprints, by name."""
        return self.settings.footprints

    @property
    def settings(self) -> Config:
        """The settings of config.yaml that are its own: those of its variant, if it is of one."""
        from stilt.config.variants import settings_of

        return settings_of(self.project.config, self.simulation.met)

    @property
    def state(self) -> str:
        """The state as ``status`` counts it; ``pending`` if it was never begun."""
        standing = self.project.standing()
        return standing.of(standing.state.find(self.id))

    def particles(self, *, error: bool = False) -> pd.DataFrame:
        """Return the particles: a row for each and each minute, columns as ``varsiwant`` names them.

        ``time`` is in minutes since the release (negative backward), ``foot`` in ppm per (umol m-2 s-1);
        ``attrs["units"]`` has all of them by name.

        Parameters
        ----------
        error
            Those of the wind-error or mixed-layer-error run beside the main one.

        Raises
        ------
        InputError
            If there are none, or those there are belong to another receptor.
        DamagedError
            If what lies there is not what the log vouches for.
        """
        stored = self.stored_particles(error=error)
        self.project.remark_stale([self.id])
        return stored.particles().to_pandas()

    def stored_particles(self, *, error: bool = False) -> Stored:
        """Return the particles as they are stored, without reading them.

        Raises
        ------
        InputError, DamagedError
            As ``particles``.
        """
        known = self._made("particles")
        receptor = self.project.folded().receptor_of(known)
        found = self._store.particles(self.simulation, known, receptor, error=error)
        if found is None:
            raise self._missing("particles", known)
        return found

    def footprint(self, name: str | None = None) -> xr.DataArray:
        """Return a footprint, ppm per (umol m-2 s-1), with dimensions time and latitude/longitude (or y/x).

        Parameters
        ----------
        name
            A key of ``footprints`` in config.yaml; the first one unless given.

        Raises
        ------
        InputError
            If there is none, or the one there is belongs to another receptor.
        DamagedError
            If what lies there is not what the log vouches for.
        """
        from stilt.api.accessor import register_accessor

        known = self._made("footprint")
        found = self._footprint(known, name)
        if found is None:
            raise self._missing("footprint", known)
        register_accessor()
        self.project.remark_stale([self.id], self.project.footprint_name(name))
        dataset = found.dataset()
        return with_projection(dataset["foot"].isel(receptor=0), dataset.attrs["crs"])

    def facts(self, name: str | None = None) -> dict[str, float]:
        """Return what happened to the receptor on the way, by the names of ``stilt.transport.facts.FACTS``.

        How far it lay below the ground, particles that left the meteorology's domain, and what a footprint's grid does
        not hold. Nothing is there of what did not happen.

        Parameters
        ----------
        name
            A footprint, to have what it says itself; else the log tells, of several footprints the greatest share.
        """
        from stilt.transport.facts import from_text

        known = self._made("particles")
        if name is None and known.facts:
            return dict(known.facts)
        receptor = self.project.folded().receptor_of(known)
        found = [self._store.particles(self.simulation, known, receptor)]
        if self.project.config.footprints:
            found.append(self._footprint(known, name))
        if not any(found):
            raise self._missing("particles", known)
        said = {key: text for each in found if each for key, text in each.provenance().items()}
        return from_text(said)

    def has_footprint(self, name: str | None = None) -> bool:
        """Return whether there is a footprint of this receptor, as a file of its own or in an archive."""
        try:
            return self._footprint(self._made("footprint"), name) is not None
        except InputError:
            return False

    def footprint_path(self, name: str | None = None) -> Path:
        """Return the file of a footprint, there or not: ``stilt archive`` moves it into an archive."""
        return self.project.layout.footprint(self.project.footprint_name(name), self.simulation)

    def plot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        footprint: str | None = None,
        name: str | None = None,
        figure: Figure | None = None,
        hour: int | None = None,
        particles: bool = True,
        dpi: float | None = None,
        **look: Unpack[LookOptions],
    ) -> Figure:
        """Draw footprint and particles.

        Parameters
        ----------
        path
            Where to save the picture, if anywhere.
        footprint, name
            A key of ``footprints`` in config.yaml; the first one unless given.
        figure
            An empty one to draw into.
        hour
            The footprint of one hour alone: -6 begins six hours before the receptor's time.
        particles
            Whether to draw them beside the footprint.
        dpi
            Dots per inch of the file.
        look
            Of the map, as ``stilt.plot_footprint`` has it.
        """
        from stilt.plot import draw
        from stilt.plot.field_map import Look

        if path is not None:
            refuse_foreign_link(Path(path))
        drawn = draw(
            self,
            name=name or footprint,
            figure=figure,
            look=Look(**look),
            hour=hour,
            particles=particles,
        )
        if path is not None:
            drawn.savefig(path, dpi=dpi or "figure")
        return drawn

    def last_event(self) -> SimState | None:
        """Return the latest event that the log has of it."""
        return self.project.folded().find(self.id)

    @property
    def _place(self) -> int:
        return self.project.place_of(self.id)

    @property
    def _store(self) -> Store:
        return Store(self.project.layout)

    def _footprint(self, known: SimState, name: str | None) -> Stored | None:
        receptor = self.project.folded().receptor_of(known)
        product = self.project.footprint_name(name)
        return self._store.footprint(product, self.simulation, known, receptor)

    def _made(self, what: str) -> SimState:
        """Return the state that its outputs are of, if they are of this receptor."""
        known = self.last_event()
        if known is None or known.outcome == "invalid":
            raise self._missing(what, known)
        if not self.project.folded().may_be_of(known, self.receptor):
            raise InputError(
                f"{self.id} has no {what}: what there is was made for another receptor of that name",
                "stilt run makes it anew; `stilt run --dry-run` says what was edited",
                code="RESULT_STALE",
            )
        return known

    def _missing(self, what: str, known: SimState | None) -> InputError:
        path = self.footprint_path() if what == "footprint" else self._particles_path
        state = "was never run" if known is None else f"is {known.outcome} {known.reason}".rstrip()
        return InputError(
            f"{self.id} has no {what} ({path}): it {state}",
            f"stilt logs {self.id}",
            code="RESULT_ABSENT",
        )

    @property
    def _particles_path(self) -> Path:
        return self.project.layout.particles(self.simulation)
