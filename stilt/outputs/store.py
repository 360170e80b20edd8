"""Open an output wherever it lies, and only the one that the log vouches for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from stilt.config.variants import as_recorded
from stilt.foundations.durable import digest_file
from stilt.foundations.errors import DamagedError
from stilt.foundations.inside import check_below
from stilt.foundations.simulation import receptor_digest
from stilt.outputs.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import TypeAlias

    import xarray as xr

    from stilt.foundations.paths import Layout
    from stilt.foundations.simulation import Simulation
    from stilt.log.states import SimState
    from stilt.outputs.shelf import Found
    from stilt.particles.table import ParticleTable

    Stored: TypeAlias = "Own | Found"

_OF_FOOTPRINT = "footprint_digest"


class Own(NamedTuple):
    """An output as a file of its own; it answers as one in an archive does."""

    path: Path

    @property
    def where(self) -> Path:
        """The file."""
        return self.path

    def particles(self) -> ParticleTable:
        """Return the particle table that it is."""
        from stilt.particles.parquet import read_particles

        return read_particles(self.path)

    def provenance(self) -> dict[str, str]:
        """Return what it says of its making, without reading its values."""
        if ".parquet" in self.path.name:
            from stilt.particles.parquet import read_provenance

            return read_provenance(self.path)
        from stilt.footprint.netcdf import read_provenance as of_footprint

        return of_footprint(self.path)

    def dataset(self) -> xr.Dataset:
        """Return the footprint that it is."""
        from stilt.footprint.netcdf import read_footprint

        return read_footprint(self.path)

    def digest(self) -> tuple[int, str]:
        """Return its size and digest."""
        return digest_file(self.path)


class Store:
    """The outputs of a project: files of their own, and archives where there is no such file.

    Parameters
    ----------
    layout
        The project.
    skip_damaged
        Whether an archive that can't be read counts as none, rather than being an error.
    """

    def __init__(self, layout: Layout, *, skip_damaged: bool = False) -> None:
        self.layout = layout
        self.shelf = Shelf(layout, skip_damaged=skip_damaged)

    def find(self, path: Path) -> Stored | None:
        """Return an output by the path of its own file, wherever it lies now.

        Raises
        ------
        DamagedError
            If an archive that may hold it can't be read.
        """
        check_below(self.layout.output, self.layout.relative(path))
        return Own(path) if path.exists() else self.shelf.find(path)

    def find_all(self, paths: Iterable[Path]) -> list[Stored | None]:
        """Return several outputs as ``find`` does, with one look at each folder.

        Raises
        ------
        DamagedError
            As ``find``.
        """
        listed: dict[str, frozenset[str]] = {}
        own: dict[str, Path] = {}
        relatives = []
        for path in paths:
            relatives.append(relative := self.layout.relative(path))
            folder, _, name = relative.rpartition("/")
            if folder not in listed:
                check_below(self.layout.output, relative)
                listed[folder] = _names_in(self.layout.output / folder)
            if name in listed[folder]:
                own[relative] = path
        archived = iter(self.shelf.find_all(each for each in relatives if each not in own))
        return [Own(own[each]) if each in own else next(archived) for each in relatives]

    def particles(
        self, simulation: Simulation, state: SimState, receptor: str, *, error: bool = False
    ) -> Stored | None:
        """Return the particles that a state is about; ``receptor`` is the digest that the log has.

        Raises
        ------
        DamagedError
            If what lies there says of itself that it is another result.
        """
        found = self.find(particles_path(self.layout, simulation, state, error=error))
        return None if found is None else vouched(found, simulation, state, receptor)

    def footprint(
        self, name: str, simulation: Simulation, state: SimState, receptor: str
    ) -> Stored | None:
        """Return the footprint that a state is about, as ``particles``; one that is empty has none."""
        if state.outcome == "empty":
            return None
        found = self.find(self.layout.footprint(name, simulation, state.life.imprint))
        return None if found is None else vouched(found, simulation, state, receptor, name)


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - names are all that is needed
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()


def particles_path(
    layout: Layout, simulation: Simulation, state: SimState, *, error: bool = False
) -> Path:
    """Return where the particles of a state have their own file, or had it before they were archived."""
    path = layout.error_particles if error else layout.particles
    return path(simulation, state.particles_imprint)


def vouched(
    found: Stored, simulation: Simulation, state: SimState, receptor: str, footprint: str = ""
) -> Stored:
    """Return an output if what it says of itself is what the log says of it.

    Raises
    ------
    DamagedError
        If it is another one's.
    """
    said = found.provenance()
    wanted = {
        "receptor": receptor,
        "transport_digest": state.life.transport.get(simulation.met, ""),
        _OF_FOOTPRINT: as_recorded(state.life.footprints, simulation.met, footprint) or "",
    }
    for key, digest in wanted.items():
        own = receptor_digest(said) if key == "receptor" else said.get(key, "")
        if own and digest and own != digest:
            raise DamagedError(
                f"{found.where} is not the result of {simulation.sim} that the log vouches for: "
                f"its {key.replace('_', ' ')} is another one",
                "stilt run makes it again",
                code="RESULT_OF_ANOTHER",
            )
    return found
