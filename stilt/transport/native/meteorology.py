"""The meteorology of a run: its files by the grid they are on."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from stilt.met.analysis import state_of
from stilt.met.arl import ArlError
from stilt.met.dataset.analyses import analyses_of
from stilt.met.dataset.magic import kind_of
from stilt.met.header import read_header
from stilt.transport.native.analysis import Analyses
from stilt.transport.native.arl import AnalysisIndex, read_index, refuse_unknown_kind
from stilt.transport.native.fields import FieldSource
from stilt.transport.native.levels import vertical_grid
from stilt.transport.native.projection import map_grid
from stilt.transport.native.surface import sources, surface_of
from stilt.transport.protocol import Reason, TransportError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stilt.config.schema import Config
    from stilt.met.analysis import Analysis, GridHeader
    from stilt.met.arl import ArlFile
    from stilt.met.dataset.naming import Table
    from stilt.transport.native.analysis import OpenAnalysis, Setting
    from stilt.transport.native.store import ColumnStore


class Meteorology:
    """Some met files: one grid, or several for the same hours.

    Attributes
    ----------
    grids
        The analyses on each grid, the finest first; of equally fine ones in the order of the files.
    vertical
        The internal levels, the same on all of them.

    Raises
    ------
    TransportError
        ``MET_COVERAGE`` for files that this engine does not read.
    """

    def __init__(
        self, paths: Sequence[Path], setting: Setting, store: ColumnStore, table: Table = ()
    ) -> None:
        self._setting = setting
        self._files = files = files_of(paths, table)
        self.vertical = vertical_grid(kinds_of(files), setting.top_m)
        by_map: dict[tuple[object, ...], list[tuple[Analysis, ...]]] = {}
        for file in files:
            by_map.setdefault(_map_part(file[0].grid), []).append(file)
        grids = [Analyses(some, self.vertical, setting, store) for some in by_map.values()]
        self.grids = tuple(sorted(grids, key=_spacing_m))

    @property
    def notes(self) -> list[str]:
        """What a reader of the engine's words should know of the files."""
        return [
            f"{file[0].path}: has SPHU and RELH, of which SPHU is used (hycs_std takes RELH, where it comes last, "
            "for kg/kg)"
            for file in self._files
            if any({"SPHU", "RELH"} <= set(level.variables) for level in file[0].levels)
        ]

    @property
    def provenance(self) -> dict[str, str]:
        """What outputs are to say of the files: of other kinds than ARL, where the fields of the surface come from."""
        others = [file[0] for file in self._files if not isinstance(file[0], AnalysisIndex)]
        rows = [f"{name}: {source}" for each in others for name, source in self._surface(each)]
        return {"met_surface": "\n".join(rows)} if rows else {}

    def _surface(self, analysis: Analysis) -> list[tuple[str, str]]:
        setting = self._setting
        roughness = setting.roughness.load()
        source = FieldSource(analysis, map_grid(analysis.grid), roughness, setting.terrain)
        return sources(source, setting.boundary)

    @property
    def minutes(self) -> list[int]:
        """Times of the analyses on all grids, minutes since 1970, rising."""
        return sorted({minutes for analyses in self.grids for minutes in analyses.minutes})

    @property
    def opened(self) -> tuple[OpenAnalysis, ...]:
        """The analyses that runs have used."""
        return tuple(opened for analyses in self.grids for opened in analyses.opened)


def check_fields(analysis: Analysis, setting: Setting) -> None:
    """Look at what an analysis has as a run does.

    Raises
    ------
    TransportError
        If this engine does not compute with it: with what is wrong with it.
    """
    FieldSource(analysis, map_grid(analysis.grid), setting.roughness.load(), setting.terrain)


def surface_of_files(files: Sequence[ArlFile], config: Config) -> list[tuple[str, str]]:
    """Return what ``surface_of`` does, of the first time of files of one kind and grid."""
    grids = () if files[0].format == "ARL" else analyses_of(files)
    analysis = grids[0][0] if grids else files_of([files[0].path], files[0].table)[0][0]
    return surface_of(analysis, config)


def kinds_of(files: Sequence[tuple[Analysis, ...]]) -> list[Analysis]:
    """Return one analysis of each kind: grid, levels, fields."""
    return list({(each.grid, each.levels): each for file in files for each in file}.values())


def files_of(paths: Sequence[Path], table: Table) -> list[tuple[Analysis, ...]]:
    """Return the analyses of each ARL file, and of all NetCDF or GRIB files on one grid together.

    ``table`` is that of their meteorology: which variables are which fields.

    Raises
    ------
    TransportError
        For a kind of file that this engine does not read.
    """
    others = [path for path in paths if kind_of(path)]
    found: list[tuple[Analysis, ...]] = [arl_file(path) for path in paths if path not in others]
    if not others:
        return found
    try:
        headers = [read_header(path, table) for path in others]
    except (ArlError, OSError) as error:
        raise TransportError(Reason.MET_COVERAGE, str(error)) from error
    together = analyses_of(headers)
    if not together and not found:
        raise TransportError(
            Reason.MET_COVERAGE, f"{others[0]}: no file has levels, only surface fields"
        )
    return [*found, *together]


def arl_file(path: Path) -> tuple[AnalysisIndex, ...]:
    """Return the analyses of an ARL file, if all of them are of a kind that this engine reads.

    Raises
    ------
    TransportError
        If they are not.
    """
    file = _index_of(path, *state_of(path))
    for index in file:
        refuse_unknown_kind(index.grid, index.path)
    _refuse_changes(file)
    return file


def _spacing_m(analyses: Analyses) -> float:
    """Northward distance of the points in the middle of a grid."""
    header = analyses.grid.header
    row, column = header.ny // 2, header.nx // 2
    _, north = analyses.grid.cell_metres((row, row + 1), (column, column + 1))
    return float(np.round(north[0, 0], 3))


@lru_cache(maxsize=256)
def _index_of(path: Path, _size: int, _changed: int) -> tuple[AnalysisIndex, ...]:
    return tuple(sorted(read_index(path), key=lambda index: index.minutes))


def _map_part(grid: GridHeader) -> tuple[object, ...]:
    """Return what makes a grid another one: all of its header but whose it is and how its levels are meant."""
    numbers = (grid.pole_lat, grid.pole_lon, grid.ref_lat, grid.ref_lon, grid.size_km, grid.orient)
    place = (grid.tang_lat, grid.sync_x, grid.sync_y, grid.sync_lat, grid.sync_lon)
    return (*numbers, *place, grid.nx, grid.ny, grid.rotated, grid.rows)


def _refuse_changes(file: tuple[AnalysisIndex, ...]) -> None:
    """Refuse a file whose later times are not like its first.

    hycs_std stops at those whose records have another number, and reads others as if they were like the first.
    """
    first = file[0]
    for index in file:
        if (index.grid, index.levels) != (first.grid, first.levels):
            what = "grid" if index.grid != first.grid else "levels or variables"
            raise TransportError(
                Reason.MET_COVERAGE,
                f"{index.path}: its {what} change from one time to another; "
                "split it where they change",
            )
