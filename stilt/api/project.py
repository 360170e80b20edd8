"""A project in Python: run it, ask how it stands, and open what it made."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from stilt.api.project_simulation import ProjectSimulation
from stilt.foundations.errors import InputError
from stilt.foundations.names import ids_with
from stilt.foundations.paths import Layout, local_path
from stilt.foundations.recent import Recent

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Unpack

    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes

    from stilt.api.jacobian import Jacobian
    from stilt.config.schema import Config
    from stilt.log.fold import State
    from stilt.matrix.targets import Target
    from stilt.plot.field_map import LookOptions
    from stilt.plot.fields import How
    from stilt.receptors.sequence import Receptors
    from stilt.status.outdated import Outdated
    from stilt.status.standing import Standing
    from stilt.status.summary import Summary
    from stilt.weighting.kernels import Kernels


SOME = 3
"""So many ids are named where several are meant."""


class Project:
    """A folder with ``config.yaml`` and ``receptors.csv``, and what was made of it.

    Settings and receptors are read when they are first needed, and the log whenever it is asked for.

    Parameters
    ----------
    path
        The folder.

    Examples
    --------
    >>> project = stilt.Project("demo")  # doctest: +SKIP
    >>> project.run()  # doctest: +SKIP
    >>> project.simulations.query("state == 'failed'")  # doctest: +SKIP
    >>> project["jet_202606162200_-111.9_40.5_30"].footprint()  # doctest: +SKIP
    """

    def __init__(self, path: str | os.PathLike[str] = ".") -> None:
        self.path = local_path(path, "the project")
        self._folded: tuple[dict[Path, int], State] | None = None
        self._fold_now = Recent(self._fold)
        self._standing_now = Recent(self._standing)
        self._outdated_now = Recent(self._outdated)

    def __repr__(self) -> str:
        return f"Project({str(self.path)!r})"

    def _repr_html_(self) -> str:
        from stilt.api.html import project_html

        return project_html(self)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        settings: Mapping[str, Any],
        receptors: pd.DataFrame | None = None,
    ) -> Project:
        """Write ``config.yaml`` and ``receptors.csv`` into a folder, which is made, and return the project.

        Parameters
        ----------
        path
            The folder; it has neither of the files.
        settings
            The keys of config.yaml.
        receptors
            The columns of receptors.csv: ``time`` (UTC), ``longitude``, ``latitude``, ``altitude``, and labels;
            ``add_receptors`` adds them later.

        Raises
        ------
        StiltError
            If a setting or row is wrong, or a file is there; nothing is written then.
        """
        from stilt.api.creation import create

        return cls(create(local_path(path, "the project"), settings, receptors))

    def add_receptors(self, receptors: pd.DataFrame) -> list[str]:
        """Add rows to ``receptors.csv``, which is made where there is none, and return the ids that are new.

        Raises
        ------
        InputError, ProblemsError
            If a row is wrong; nothing is written then.
        """
        from stilt.api.receptor_frames import added

        new = added(self.path, receptors, self.config)
        for known in ("receptors", "_places"):
            self.__dict__.pop(known, None)
        self._standing_now.forget()
        self._outdated_now.forget()
        return new

    @cached_property
    def config(self) -> Config:
        """The settings of config.yaml."""
        from stilt.config.load import load_config

        return load_config(self.path / "config.yaml")

    @cached_property
    def layout(self) -> Layout:
        """Where everything lies."""
        return Layout.of(self.path, self.config.output)

    @cached_property
    def receptors(self) -> Receptors:
        """The simulations that receptors.csv asks for: each receptor with each meteorology, in each realization."""
        from stilt.config.variants import pairing
        from stilt.receptors.read import read_receptors

        return read_receptors(self.layout.receptors_file, *pairing(self.config))

    def run(
        self,
        *,
        backend: str | None = None,
        wait: bool | None = None,
        n_workers: int | None = None,
        cpus: int | None = None,
        say: Callable[[str], None] = print,
    ) -> Summary:
        """Run what is not yet complete, as ``stilt run`` does, and return the state afterwards.

        Parameters
        ----------
        backend
            ``local`` or ``slurm``; as config.yaml says unless given.
        wait
            Slurm: stay until the array ends. Local always waits.
        n_workers, cpus
            Chunks, and simulations that run at the same time in each.
        say
            What to do with a line for the user.

        Raises
        ------
        StiltError
            If something is wrong with the input, the surroundings or the log. Failed simulations raise nothing:
            they are in the summary.
        """
        from stilt.commands.run import Request, run

        run(Request(self.path, backend, wait, n_workers, cpus), say)
        self._fold_now.forget()
        self._standing_now.forget()
        self._outdated_now.forget()
        return self.status()

    def status(self, *, ask_slurm: bool = True) -> Summary:
        """Return the state, as ``stilt status --json`` prints it."""
        from stilt.status.gather import gather
        from stilt.status.opened import open_project

        return gather(open_project(self.path), ask_slurm=ask_slurm)

    @property
    def simulations(self) -> pd.DataFrame:
        """All simulations of receptors.csv with their state, as a frame indexed by simulation id.

        Columns: ``met``, ``time`` (UTC), ``longitude``, ``latitude``, ``height_m`` (of the first release point),
        ``mean_height_m`` (of all of them: the ``receptor_height`` of footprints), ``state``, ``outcome_at`` (UTC),
        ``wall_s``, ``peak_rss_bytes``, ``reason``, ``message``, ``batch``, those of ``stilt.transport.facts.FACTS``
        (what happened on the way, NaN where nothing did), and the labels.
        """
        from stilt.status.table import simulations_table

        self._standing_now.forget()
        return simulations_table(self.standing(), self.receptors)

    def footprints(self, name: str | None = None) -> xr.DataArray:
        """Return the footprints of all complete simulations as one array (receptor, hour, lat, lon), read lazily.

        ``hour`` is where a layer begins, in hours from the receptor's time; 0 for the one layer of an integrated
        footprint. Stale ones are among them, which ``StaleResults`` warns of: with another grid reading them fails,
        else they are as they were.

        Parameters
        ----------
        name
            A key of ``footprints`` in config.yaml; the first one unless given.
        """
        from stilt.api.collection import open_footprints

        found = open_footprints(self, name)
        self.remark_stale(found["receptor"].to_numpy().tolist(), self.footprint_name(name))
        return found

    def plot(
        self,
        sims: Iterable[str] | None = None,
        *,
        where: str | None = None,
        since: str | None = None,
        until: str | None = None,
        footprint: str | None = None,
        how: How = "mean",
        hour: int | None = None,
        axes: Axes | None = None,
        **look: Unpack[LookOptions],
    ) -> Axes:
        """Draw the mean or sum of footprints on a map and return its axes; all with results unless narrowed.

        ``sims``, ``where``, ``since`` and ``until`` choose as ``stilt.api.pictures.choose`` says, the rest is that of
        ``stilt.plot_footprint``.
        """
        from stilt.api.pictures import choose
        from stilt.plot.field_map import Look, draw_field
        from stilt.plot.maps import new_axes

        chosen = choose(self, sims, where=where, since=since, until=until, footprint=footprint)
        field = chosen.field(how, hour)
        drawn = axes or new_axes()
        draw_field(drawn, field, Look(**look))
        return drawn

    def jacobian(
        self,
        target: Target = None,
        bins: str | None = None,
        *,
        footprint: str | None = None,
        weight: xr.DataArray | None = None,
        species: str | None = None,
        tell: Callable[[int, int], None] | None = None,
        cpus: int = 1,
        resume: str | os.PathLike[str] | None = None,
    ) -> Jacobian:
        """Return the matrix of all complete simulations against bins of time and surface elements.

        Without target, bins, footprint, weight and species it is what ``jacobian:`` in config.yaml asks for, of the
        rows that workers made; else what these say, of footprints, in bins ``run`` unless given. ``stilt.jacobian``
        says what they may be; ``footprint`` is a key of ``footprints`` in config.yaml. With several
        ``cpus`` a script of yours needs ``if __name__ == "__main__":``, as for all processes of Python.
        """
        from stilt.api.collection import open_collection
        from stilt.api.gathered import gather
        from stilt.api.jacobian import jacobian
        from stilt.api.row_readers import SparseReader
        from stilt.matrix.asked import Asked

        kept = None if resume is None else local_path(resume, "resume")
        section = self.config.jacobian
        is_open = all(said is None for said in (target, bins, footprint, weight, species))
        if section is not None and is_open:
            return gather(
                self, Asked(self.config, section), tell=tell, cpus=cpus, resume=kept
            ).matrix
        files, footprints = open_collection(self, footprint)
        self.remark_stale(
            footprints["receptor"].to_numpy().tolist(), self.footprint_name(footprint)
        )
        return jacobian(
            footprints,
            target,
            bins or "run",
            weight=weight,
            species=species,
            tell=tell,
            read=SparseReader(files),
            cpus=cpus,
            resume=kept,
        )

    def monte_carlo_error(
        self,
        flux: xr.DataArray | None = None,
        *,
        footprint: str | None = None,
        species: str | None = None,
        parts: int = 20,
    ) -> xr.Dataset:
        """Return what a flux adds at each receptor, ``enhancement``, and its Monte-Carlo standard ``error``, ppm.

        The error comes from parts of the particles, which need to be kept: what other random numbers would change. Of
        realizations it is that of each; ``stilt.over_realizations`` has that of their mean.

        Parameters
        ----------
        flux, species
            As for ``stilt.enhancements``; 1 umol m-2 s-1 everywhere unless given, which makes it the footprint's sum.
        footprint
            A key of ``footprints`` in config.yaml; not one that a function weighs.
        parts
            How many; fewer of fewer particles, and NaN of one alone.
        """
        from stilt.api.monte_carlo import monte_carlo_error

        return monte_carlo_error(self, flux, footprint=footprint, species=species, parts=parts)

    def export(
        self,
        kind: str,
        output: str | os.PathLike[str],
        *,
        footprint: str | None = None,
        tell: Callable[[int, int], None] | None = None,
        **options: Any,
    ) -> Path:
        """Write the footprints of all complete simulations for another tool, as ``stilt.export``; return the folder."""
        from stilt.formats.export import export

        def particles(sim: str) -> pd.DataFrame:
            return self[sim].stored_particles().particles().to_pandas()

        footprints = self.footprints(footprint)
        return export(footprints, kind, output, particles=particles, tell=tell, **options)

    def particles(self, sims: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the particles of several simulations in one frame, with their id in the column ``sim``.

        Parameters
        ----------
        sims
            Their ids; all that are complete, empty or stale unless given, but for those whose receptor was edited.
        """
        import pandas as pd

        names = self.those(sims)
        self.remark_stale(names)
        stored = ((sim, self[sim].stored_particles()) for sim in names)
        parts = [each.particles().to_pandas().assign(sim=sim) for sim, each in stored]
        return pd.concat(parts, ignore_index=True)

    def those(self, sims: Iterable[str] | None) -> list[str]:
        """Return ids as they are given, else of all simulations that have results, which are of today's receptors.

        Raises
        ------
        InputError
            If there is none.
        """
        from stilt.api.collection import with_results

        if sims is None:
            return [simulation.sim for _, simulation in with_results(self)]
        found = list(sims)
        if not found:
            raise InputError(
                f"{self.path} has no complete simulation",
                "stilt run runs what is left",
                code="NO_RESULTS",
            )
        return found

    def endpoints(
        self, sims: Iterable[str] | None = None, *, weight: str | None = None
    ) -> pd.DataFrame:
        """Return where particles end, a row each: what ``background`` samples a field at.

        Columns: ``sim``, ``met``, ``indx``, ``time`` (min since the release, negative backward), ``at`` (UTC),
        ``long``, ``lati``, ``zagl`` (m above ground), ``pres`` (hPa; NaN unless ``varsiwant`` has it) and ``ended``:
        ``end`` (of the run), ``west``, ``east``, ``south``, ``north`` (the side of the meteorology through which it
        left), or ``left`` where that is not known. A particle that left before its first row has none:
        ``attrs["no_end"]`` has their number by simulation, where there are some. Results of versions that kept no end
        points have those of their particles.

        Parameters
        ----------
        sims
            Their ids; all that are complete, empty or stale unless given, but for those whose receptor was edited.
        weight
            A footprint product with kernels: a column ``weight`` says what each particle counts in it.
        """
        from stilt.api.endpoints import open_endpoints

        names = self.those(sims)
        self.remark_stale(names)
        return open_endpoints(self, names, weight)

    def kernels(self, name: str | None = None) -> Kernels:
        """Return the averaging kernels and weights of all receptors in a footprint product.

        Raises
        ------
        InputError
            If the product is not weighted, or its table is wrong.
        """
        from stilt.weighting.kernels import kernels_of

        name = self.footprint_name(name)
        found = kernels_of(self.config, self.receptors, is_part=True).get(name)
        if found is None:
            raise InputError(
                f"the footprints {name} are not weighted by kernels",
                "name a product with weight: kernel",
                code="WEIGHT_NOT_HERE",
            )
        return found

    def folded(self) -> State:
        """Return what the log said a moment ago: as ``standing`` has it, if somebody has asked how all stands.

        It is folded afresh only if a segment has come or grown since.
        """
        standing = self._standing_now.known
        return standing.state if standing is not None else self._fold_now()

    def standing(self) -> Standing:
        """Return how each simulation stood a moment ago."""
        return self._standing_now()

    def remark_stale(self, sims: Sequence[str], product: str | None = None) -> None:
        """Warn with ``StaleResults`` if stale results of these are used: of a footprint product, or particles (None).

        They are given by whole ids.
        """
        outdated, state = self._outdated_now(), self.folded()
        known = map(state.find, sims)
        stale = sum(
            sim is not None and sim.is_done and outdated.of_part(sim, product) for sim in known
        )
        if stale:
            from stilt.foundations.quantities import counted
            from stilt.foundations.remarks import StaleResults, remark

            remark(
                f"{stale:,} of {counted(len(sims), 'result')} {'is' if stale == 1 else 'are'} stale: settings or "
                "kernels are others by now; stilt run makes them anew",
                StaleResults,
            )

    def _outdated(self) -> Outdated:
        from stilt.status.opened import open_project
        from stilt.status.standing import Standing

        known = self._standing_now.known
        known = known or Standing(open_project(self.path), ask_slurm=False, folded=self._fold())
        return known.outdated

    def _standing(self) -> Standing:
        from stilt.status.opened import open_project
        from stilt.status.standing import Standing

        return Standing(open_project(self.path), folded=self._fold())

    def _fold(self) -> State:
        from stilt.log.index import OutputIndex

        index = OutputIndex(self.layout.log_dir)
        sizes = {path: path.stat().st_size for path in index.segments()}
        if self._folded is None or self._folded[0] != sizes:
            self._folded = sizes, index.fold()
        return self._folded[1]

    def footprint_name(self, name: str | None = None) -> str:
        """Return the name of a footprint product: the first of config.yaml unless it is given.

        Raises
        ------
        InputError
            If config.yaml has none of that name.
        """
        known = self.config.footprints
        if name is None and known:
            return next(iter(known))
        if name is None or name not in known:
            what = f"no footprint {name!r}" if name else "no footprints"
            raise InputError(
                f"{self.layout.config_file}: {what} there",
                f"it has {', '.join(known)}" if known else "add a grid under footprints",
                code="NAME_UNKNOWN",
            )
        return name

    def __len__(self) -> int:
        return len(self.receptors)

    def __iter__(self) -> Iterator[ProjectSimulation]:
        for simulation in self.receptors:
            yield ProjectSimulation(self, simulation)

    def __getitem__(self, sim: str | int) -> ProjectSimulation:
        """Return one simulation: by its id, a part that only one id has, or its place in receptors.csv."""
        if isinstance(sim, int):
            return ProjectSimulation(self, self.receptors[sim])
        return ProjectSimulation(self, self.receptors[self.place_of(sim)])

    def place_of(self, sim: str) -> int:
        """Return the place of a simulation among all, by its id, or by a part that only one id has.

        Raises
        ------
        InputError
            If there is none, or several.
        """
        place = self._places.get(sim)
        if place is not None:
            return place
        found = ids_with(self._places, sim)
        if len(found) == 1:
            return self._places[found[0]]
        if found:
            some = ", ".join(found[:SOME]) + ", ..." * (len(found) > SOME)
            raise InputError(
                f"{len(found):,} simulations have {sim!r} in their id: {some}",
                "give more of it",
                code="SIMULATION_AMBIGUOUS",
            )
        from difflib import get_close_matches

        near = get_close_matches(sim, self._places, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "`.simulations` lists the ids"
        raise InputError(
            f"{self.layout.receptors_file}: no simulation {sim!r}", hint, code="SIMULATION_UNKNOWN"
        )

    @cached_property
    def _places(self) -> dict[str, int]:
        return {sim: place for place, sim in enumerate(self.receptors.ids())}
