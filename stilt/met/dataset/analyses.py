"""The times that some NetCDF or GRIB files have together: levels in one, surface fields in another, as they come."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.failures import Reason, TransportError
from stilt.met.analysis import SIGMA, GridHeader, state_of
from stilt.met.arl import Level
from stilt.met.dataset.quantities import PARTNERS
from stilt.met.dataset.reader import DatasetReader, Part
from stilt.met.minutes import minute_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.met.arl import ArlFile
    from stilt.met.grid import Grid


_ON_ALL_LEVELS = ("UWND", "VWND", "TEMP", "HGTS")
"""Of others a level without any counts as zero."""


@dataclass(frozen=True, slots=True)
class DatasetAnalysis:
    """One time, from the parts that have it; an ``Analysis``."""

    minutes: int
    horizontal: Grid
    grid: GridHeader
    levels: tuple[Level, ...]
    parts: tuple[Part, ...]

    @property
    def path(self) -> Path:
        """The file with the levels."""
        return self.parts[0].path

    @property
    def remedy(self) -> str:
        """What to do about a field that is lacking."""
        return "add a file that has it to the folder"

    @property
    def identity(self) -> tuple[object, ...]:
        """The files as they are now, the places in them, and which variables of them are which fields.

        Raises
        ------
        TransportError
            ``MET_MISSING`` if one is not there.
        """
        return tuple(
            (str(part.path.resolve()), *state_of(part.path), part.position, part.header.table)
            for part in self.parts
        )

    @property
    def hybrid(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of levels of the model: hPa, and the share of the surface pressure that is added; else nothing."""
        hpa, share = self.parts[0].content.axes.levels.hybrid
        return np.array(hpa), np.array(share)

    def reader(self) -> DatasetReader:
        """Return what reads its fields."""
        return DatasetReader(self.parts, self.levels)


def analyses_of(headers: Sequence[ArlFile]) -> list[tuple[DatasetAnalysis, ...]]:
    """Return the times that have levels, for each grid, rising.

    A time at which only surface fields are there is none, nor one without where others have some; of two files with
    one field the first by name is read.

    Raises
    ------
    TransportError
        ``MET_COVERAGE`` if the levels of a grid differ from file to file.
    """
    return list(_together(tuple(sorted(headers, key=lambda header: header.path))))


@lru_cache(maxsize=64)
def _together(headers: tuple[ArlFile, ...]) -> tuple[tuple[DatasetAnalysis, ...], ...]:
    grids: dict[Grid, list[ArlFile]] = {}
    for header in headers:
        grids.setdefault(header.grid, []).append(header)
    found = (_on_grid(grid, some) for grid, some in grids.items())
    return tuple(analyses for analyses in found if analyses)


def _on_grid(grid: Grid, headers: list[ArlFile]) -> tuple[DatasetAnalysis, ...]:
    constant = [Part(h, 0) for h in headers if h.is_constant]
    by_time: dict[int, list[Part]] = {}
    for header in headers:
        if not header.is_constant:
            for position, time in enumerate(header.times):
                by_time.setdefault(minute_of(time), []).append(Part(header, position))
    with_surface = {
        minutes
        for minutes, parts in by_time.items()
        if any(part.levels[0].variables for part in parts)
    }
    known: dict[tuple[object, ...], tuple[Level, ...]] = {}
    found = []
    for minutes, parts in sorted(by_time.items()):
        if all(len(part.levels) == 1 for part in parts) or (
            with_surface and minutes not in with_surface
        ):
            continue
        parts.sort(key=lambda part: len(part.levels) == 1)
        every = (*parts, *constant)
        kind = tuple(part.levels for part in every)
        if kind not in known:
            known[kind] = _levels(every)
        place = header_of(parts[0].header)
        found.append(DatasetAnalysis(minutes, grid, place, known[kind], every))
    return tuple(found)


def _levels(parts: Sequence[Part]) -> tuple[Level, ...]:
    """Return the levels of files together, with all of their fields."""
    aloft = [part for part in parts if len(part.levels) > 1]
    heights = [level.height for level in aloft[0].levels[1:]]
    for part in aloft[1:]:
        is_same_kind = part.header.level_type == aloft[0].header.level_type
        if [level.height for level in part.levels[1:]] != heights or not is_same_kind:
            raise TransportError(
                Reason.MET_COVERAGE,
                f"{part.path} has other levels than {aloft[0].path}: give all fields the same levels",
            )
    # of sigma files 1 is the ground; one that says 0 is taken by hycs_std, and by native, for of a kind of its own
    ground = 1.0 if aloft[0].header.level_type == SIGMA else 0.0
    surface = Level(ground, _each_once(part.levels[0].variables for part in parts))
    levels = [
        Level(height, _each_once(part.levels[number].variables for part in aloft))
        for number, height in enumerate(heights, 1)
    ]
    _refuse_half_a_wind(parts, {*surface.variables, *levels[0].variables})
    for name in _ON_ALL_LEVELS:
        without = [level.height for level in levels if name not in level.variables]
        if 0 < len(without) < len(levels):
            raise TransportError(
                Reason.MET_COVERAGE,
                f"{aloft[0].path}: {name} is missing at the level {without[0]:g}",
            )
    return surface, *levels


def _refuse_half_a_wind(parts: Sequence[Part], names: set[str]) -> None:
    """Refuse a wind to the east or north of a grid that runs otherwise, where the other one is lacking.

    Raises
    ------
    TransportError
        ``MET_COVERAGE``.
    """
    for name, other in PARTNERS.items():
        for part in parts if name in names and other not in names else ():
            found = part.content.fields.get(name)
            if found is not None and found.is_turned:
                raise TransportError(
                    Reason.MET_COVERAGE,
                    f"{part.path}: {name} is eastward or northward, and is not turned along the grid without {other}",
                )


def _each_once(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in names for name in some))


def header_of(header: ArlFile) -> GridHeader:
    """Return what a file says of its grid as computations take it."""
    grid = header.grid
    return GridHeader(
        model=header.model,
        pole_lat=grid.pole_lat,
        pole_lon=grid.pole_lon,
        ref_lat=grid.ref_lat,
        ref_lon=grid.ref_lon,
        size_km=grid.size_km,
        orient=grid.orientation,
        tang_lat=grid.tangent_lat,
        sync_x=grid.sync_x,
        sync_y=grid.sync_y,
        sync_lat=grid.sync_lat,
        sync_lon=grid.sync_lon,
        pressure_offset=header.pressure_offset,
        nx=grid.nx,
        ny=grid.ny,
        level_type=header.level_type,
        rotated=grid.rotated,
        rows=grid.rows,
    )
