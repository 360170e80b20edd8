"""Writing ARL files from any other meteorology, so that hycs_std reads it too: one file a day."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.errors import InputError
from stilt.foundations.failures import TransportError
from stilt.met.analysis import HYBRID, PRESSURE
from stilt.met.arl import HEADER_BYTES, read_arl
from stilt.met.dataset.analyses import analyses_of
from stilt.met.dataset.levels import SEA_LEVEL_HPA
from stilt.met.minutes import time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import arlmet
    from numpy.typing import NDArray

    from stilt.met.analysis import Analysis, GridHeader
    from stilt.met.arl import ArlFile, Level
    from stilt.met.dataset.analyses import DatasetAnalysis
    from stilt.met.files import Span
    from stilt.met.grid import Grid

    Field = NDArray[np.float32]

MODEL = "CFNC"
"""The four letters that these files name as their model: none that HYSPLIT treats in a way of its own."""

_SURFACE = (
    *("PRSS", "SHGT", "T02M", "U10M", "V10M", "USTR", "UMOF", "VMOF", "EXCO", "SHTF", "LHTF"),
    *("PBLH", "DSWF", "TCLD", "LCLD"),
)
_ALOFT = ("HGTS", "PRES", "TEMP", "UWND", "VWND", "WWND", "DZDT", "SPHU", "RELH")
_MOST_BYTES = 512 * 1024**2
"""Of the fields of some levels, which are read together."""

_WITH_RESIDUAL = {"WWND": "DIFW", "DZDT": "DIFW"}
"""What packing loses of vertical motion is much of it, so it gets a record too."""

_NEEDED = ("UWND", "VWND", "TEMP", "HGTS")
"""The last on levels of pressure only."""

_MOST_LEVELS = 74
_CLOSE_HPA = 0.002
_CLOSE_CELLS = 0.01
_FEWEST_TIMES = 2


def convert(
    name: str, files: Sequence[ArlFile], target: Path, spans: Sequence[Span] = ()
) -> Iterator[Path]:
    """Write the analyses of files of any other kind, day by day, and yield the files that were written.

    The same analyses give the same bytes. A file that is there and not older than what it is made of is left alone; one
    appears under its name when it is whole.

    Parameters
    ----------
    name
        Of the meteorology: files are called ``NAME_YYYYMMDD.arl``.
    files
        What they say of themselves.
    target
        Where to write; made if need be.
    spans
        Days that have none of this time are left out; none: all are written.

    Raises
    ------
    InputError
        If there is nothing to convert, or the format has no room for it.
    """
    sources = [file for file in files if file.format != "ARL"]
    if not sources:
        raise InputError(
            f"mets.{name} has no NetCDF, Zarr or GRIB files that can be used",
            "ARL files need no conversion"
            if files
            else "`stilt met` says what of its files cannot be used",
            code="MET_NOT_CONVERTED",
        )
    try:
        grids = analyses_of(sources)
        if not grids:
            raise InputError(
                f"mets.{name} has no levels, only surface fields",
                "add files of levels",
                code="MET_FIELD_LACKING",
            )
        target.mkdir(parents=True, exist_ok=True)
        for number, analyses in enumerate(grids):
            _refuse_what_does_not_fit(analyses)
            part = f"{name}-{number + 1}" if len(grids) > 1 else name
            for times in _days(analyses):
                goal = target / f"{part}_{time_of(times[0].minutes):%Y%m%d}.arl"
                if _is_wanted(times, spans) and not _is_made(goal, times):
                    _write_whole(goal, times)
                    yield goal
    except TransportError as error:
        raise InputError(
            str(error), "see what `stilt met` says of these files", code="MET_NOT_FOLLOWED"
        ) from error


def days_left_out(files: Sequence[ArlFile], spans: Sequence[Span]) -> tuple[int, int]:
    """Return how many days ``convert`` leaves out for the spans, and how many there are."""
    days = [
        times
        for analyses in analyses_of([file for file in files if file.format != "ARL"])
        for times in _days(analyses)
    ]
    return sum(not _is_wanted(times, spans) for times in days), len(days)


def _days(analyses: Sequence[DatasetAnalysis]) -> Iterator[list[DatasetAnalysis]]:
    for _, some in groupby(analyses, key=lambda each: time_of(each.minutes).date()):
        yield list(some)


def _is_wanted(times: Sequence[Analysis], spans: Sequence[Span]) -> bool:
    first, last = time_of(times[0].minutes), time_of(times[-1].minutes)
    return not spans or any(span.start <= last and first <= span.end for span in spans)


def _is_made(goal: Path, times: Sequence[DatasetAnalysis]) -> bool:
    """Tell whether a file is there and newer than everything that it is made of."""
    with suppress(OSError):
        made = goal.stat().st_mtime_ns
        return all(part.path.stat().st_mtime_ns <= made for each in times for part in each.parts)
    return False


def _refuse_what_does_not_fit(analyses: Sequence[DatasetAnalysis]) -> None:
    first = analyses[0]
    count = len(first.levels) - 1
    is_pressure = first.grid.level_type == PRESSURE
    lacking = [name for name in _NEEDED if name not in first.levels[1].variables]
    if not is_pressure:
        ground = [] if "PRSS" in first.levels[0].variables else ["PRSS"]
        lacking = [*(name for name in lacking if name != "HGTS"), *ground]
    if lacking:
        raise InputError(
            f"{first.path}: no {' and no '.join(lacking)}, which hycs_std needs",
            first.remedy,
            code="MET_FIELD_LACKING",
        )
    if count > _MOST_LEVELS:
        raise InputError(
            f"{first.path}: {count} levels, and hycs_std reads {_MOST_LEVELS}",
            "leave some of the highest out",
            code="MET_NOT_CONVERTED",
        )
    _refuse_few_points(first)
    if not first.horizontal.is_arls:
        raise InputError(
            f"{first.path}: an ARL header cannot say where this grid lies: {first.horizontal.words}",
            "use model: native, which reads the files as they are",
            code="MET_NOT_CONVERTED",
        )
    if len(analyses) < _FEWEST_TIMES:
        raise InputError(
            f"{first.path}: a single time, and hycs_std needs two in each file",
            "add more hours",
            code="MET_NOT_CONVERTED",
        )


def _refuse_few_points(first: DatasetAnalysis) -> None:
    """Refuse a grid so small that the list of its fields, which is one record, does not fit into one."""
    count = len(first.levels) - 1
    extra = ["DIFW", *(["PRES"] if _numbers(first) is None else [])]
    aloft = [*_present(first.levels[1], _ALOFT), *extra]
    fields = len(_present(first.levels[0], _SURFACE)) + count * len(aloft)
    room, index = first.grid.nx * first.grid.ny, HEADER_BYTES + 8 * (1 + count + fields)
    if index > room:
        raise InputError(
            f"{first.path}: {room} points are too few for ARL: a record of {room} bytes has to name all fields "
            f"of {count} levels ({index} bytes)",
            "take a larger area, or fewer levels",
            code="MET_NOT_CONVERTED",
        )


def _write_whole(goal: Path, times: Sequence[DatasetAnalysis]) -> None:
    """Write a file beside its name, look whether it says what it should, and give it its name."""
    unfinished = goal.with_name(f".{goal.name}.{os.getpid()}.lock")
    try:
        _write(unfinished, times)
        _refuse_other_grid(unfinished, times[0])
        unfinished.replace(goal)
    finally:
        unfinished.unlink(missing_ok=True)


def _write(path: Path, times: Sequence[DatasetAnalysis]) -> None:
    import arlmet
    import pandas as pd

    first = times[0]
    model, axis, grid = first.grid.model or MODEL, _axis(first), _grid(first.grid)
    with arlmet.File(path, mode="w", source=model, grid=grid, vertical_axis=axis) as file:
        for analysis in times:
            when = time_of(analysis.minutes).replace(tzinfo=None)
            _write_time(file.create_recordset(pd.Timestamp(when), forecast=0), analysis)
            file.flush()


def _axis(analysis: DatasetAnalysis) -> arlmet.VerticalAxis:
    """Return the levels as a header has them.

    It has one number for a hybrid level, whole hPa plus the share of the surface pressure. Levels that are more than
    that are written as sigma levels, whose pressures (PRES) both engines take from the records.
    """
    import arlmet

    heights = [level.height for level in analysis.levels[1:]]
    kind, numbers = analysis.grid.level_type, _numbers(analysis)
    if kind == PRESSURE:
        return arlmet.PressureAxis(levels=[0.0, *heights])
    if kind == HYBRID and numbers is not None:
        return arlmet.HybridAxis(levels=[1.0, *numbers])
    if kind == HYBRID:
        heights = [round(height / SEA_LEVEL_HPA, 5) for height in heights]
    return arlmet.SigmaAxis(levels=[1.0, *heights], offset=analysis.grid.pressure_offset)


def _numbers(analysis: DatasetAnalysis) -> list[float] | None:
    """Return the numbers of hybrid levels as six characters hold them; None if they hold less than there is."""
    hpa, share = analysis.hybrid
    whole = np.round(hpa)
    digits = np.where(whole + share < 1.0, 5, 5 - np.floor(np.log10(np.maximum(whole, 1.0))) - 1)
    rounded = np.array([round(s, int(d)) for s, d in zip(share, digits, strict=True)])
    is_same = np.abs(hpa - whole) + SEA_LEVEL_HPA * np.abs(share - rounded) < _CLOSE_HPA
    return (whole + rounded).tolist() if np.all(is_same & (rounded < 1.0)) else None


def _write_time(records: arlmet.RecordSet, analysis: DatasetAnalysis) -> None:
    reader, grid = analysis.reader(), analysis.grid
    area = (0, grid.ny), (0, grid.nx)
    for name in _present(analysis.levels[0], _SURFACE):
        records.create_datarecord(name, level=0, forecast=0, data=reader.field(name, 0, *area))
    names = _present(analysis.levels[1], _ALOFT)
    pressures = _pressures(analysis, area) if grid.level_type == HYBRID else []
    several = max(1, _MOST_BYTES // (4 * grid.ny * grid.nx * len(names)))
    levels = range(1, len(analysis.levels))
    for some in (levels[first : first + several] for first in range(0, len(levels), several)):
        # files give all levels at once: one by one, each field would be read anew for each of them
        fields = {name: reader.stack([(name, level) for level in some], *area) for name in names}  # noqa: PD013
        for place, level in enumerate(some):
            if pressures:
                data = pressures[level - 1]
                records.create_datarecord("PRES", level=level, forecast=0, data=data)
            for name in names:
                data, lost = fields[name][place], _WITH_RESIDUAL.get(name)
                records.create_datarecord(name, level=level, forecast=0, data=data, diff=lost)


def _pressures(
    analysis: DatasetAnalysis, area: tuple[tuple[int, int], tuple[int, int]]
) -> list[Field]:
    """Return the pressures of hybrid levels where the header does not say what they are, hPa."""
    if _numbers(analysis) is not None:
        return []
    ground = analysis.reader().field("PRSS", 0, *area).astype(np.float64)
    return [(a + b * ground).astype(np.float32) for a, b in zip(*analysis.hybrid, strict=True)]


def _present(level: Level, names: Sequence[str]) -> list[str]:
    """Return the names that a level has; of two humidities the first, which hycs_std takes for the other."""
    found = [name for name in names if name in level.variables]
    return [name for name in found if name != "RELH" or "SPHU" not in found]


def _grid(header: GridHeader) -> arlmet.Grid:
    import arlmet

    projection = arlmet.Projection(
        pole_lat=header.pole_lat,
        pole_lon=header.pole_lon,
        tangent_lat=header.ref_lat,
        tangent_lon=header.ref_lon,
        grid_size=header.size_km,
        orientation=header.orient,
        cone_angle=header.tang_lat,
        sync_x=header.sync_x,
        sync_y=header.sync_y,
        sync_lat=header.sync_lat,
        sync_lon=header.sync_lon,
    )
    return arlmet.Grid(projection, header.nx, header.ny)


def _refuse_other_grid(path: Path, analysis: DatasetAnalysis) -> None:
    """Refuse a grid of which an ARL header's seven characters a number say something else."""
    said, meant = read_arl(path).grid, analysis.horizontal
    off = _degrees_off(said, meant) if meant.is_longlat else _map_off(said, meant)
    if off > _CLOSE_CELLS:
        raise InputError(
            f"an ARL header cannot say where this grid lies: {meant.nx} x {meant.ny} points of {meant.spacing} "
            f"from {meant.sync_lon:g} E, {meant.sync_lat:g} N would be up to {off:.2g} cells off",
            "use model: native, which reads the files as they are",
            code="MET_NOT_CONVERTED",
        )


def _degrees_off(said: Grid, meant: Grid) -> float:
    return max(
        abs(said.ref_lon - meant.ref_lon) * meant.nx / meant.ref_lon,
        abs(said.ref_lat - meant.ref_lat) * meant.ny / meant.ref_lat,
        abs(said.sync_lon - meant.sync_lon) / meant.ref_lon,
        abs(said.sync_lat - meant.sync_lat) / meant.ref_lat,
    )


def _map_off(said: Grid, meant: Grid) -> float:
    corners = np.array([(x, y) for x in (1, meant.nx) for y in (1, meant.ny)], np.float64)
    found = np.array([said.to_grid(*meant.to_lonlat(*corner)) for corner in corners])
    return float(np.abs(found - corners).max())
