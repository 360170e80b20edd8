"""Whether the meteorology is there, whole, and covers the receptors in time and space."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.check.finding import Finding, fine, note, warning, wrong_input
from stilt.foundations.errors import StiltError
from stilt.foundations.failures import TransportError
from stilt.foundations.quantities import counted, duration
from stilt.met.arl import ArlError, read_arl
from stilt.met.files import Span, expected_name, gaps, match
from stilt.met.listing import listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from stilt.config.schema import Config, Met
    from stilt.met.arl import ArlFile
    from stilt.receptors.sequence import Receptors

MOST_TIMES = 20_000
MOST_HEADERS = 2_000
"""Headers that are read; of more files, as many spread evenly (those of one folder look alike)."""

MOST_PLACES = 100_000
_NAMED = 4
_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one meteorology that the receptors need.

    Attributes
    ----------
    times
        File times, ascending.
    found
        The files, each once.
    missing
        File times without a file.
    """

    times: list[datetime]
    found: list[Path]
    missing: list[datetime]


@dataclass(frozen=True, slots=True)
class Demand:
    """What the receptors ask of one meteorology."""

    met: Met
    files: Files
    minutes: NDArray[np.int64]
    n_hours: int

    def uncovered(self, headers: Sequence[ArlFile]) -> list[tuple[Span, NDArray[np.bool_]]]:
        """Return the stretches that no analyses enclose, and which receptors need each."""
        other = self.minutes + 60 * self.n_hours
        starts, ends = _least(self.minutes, other), -_least(-self.minutes, -other)
        first = min(header.times[0] for header in headers)
        last = max(header.times[-1] for header in headers)
        begin = min(first, _EPOCH + int(starts.min()) * _MINUTE)
        finish = max(last, _EPOCH + int(ends.max()) * _MINUTE)
        stretches = [Span(begin, first), *gaps(headers), Span(last, finish)]
        needed = [
            (stretch, (starts < _minute(stretch.end)) & (ends > _minute(stretch.start)))
            for stretch in stretches
        ]
        return [(stretch, rows) for stretch, rows in needed if rows.any()]


def check_met(
    name: str, met: Met, config: Config, receptors: Receptors | None
) -> Iterator[Finding]:
    """Look a meteorology over for all receptors; for its folder only where there are none to be read."""
    area = f"met {name}"
    refused = _refused_folder(met.directory)
    if refused:
        yield wrong_input(area, f"{met.directory}: {refused}", f"mend mets.{name}.directory")
        return
    if receptors is None:
        return
    files = find_files(met, config.n_hours, receptors.minutes)
    if not files.found:
        example = expected_name(met, files.times[0])
        yield wrong_input(
            area,
            f"no file in {met.directory} matches {met.file_format!r} for any of the receptors' times",
            f"the first looked for was {example}: mend mets.{name}.file_format or directory",
        )
        return
    headers, damaged = read_headers(files.found)
    yield from _damaged(area, damaged)
    yield from _refused_by_engine(area, config, files.found, headers)
    if len(headers) == len(files.found):
        yield from _hours(area, Demand(met, files, receptors.minutes, config.n_hours), headers)
    else:
        yield from _missing_files(area, met, files)
    if headers:
        yield from _domain(area, headers, receptors, over_poles=config.model != "native")


def find_files(met: Met, n_hours: int, minutes: NDArray[np.int64]) -> Files:
    """Find the files of every file time that a receptor needs, and those next to them.

    A run can begin after the last analysis of its file and before the first of the next one.
    """
    wanted = file_times(minutes, n_hours, met.step_s)
    beside = set(file_times(minutes, n_hours, met.step_s, beside=1)) - set(wanted)
    known = listing(met.directory)
    known.refresh(older_than_s=0)
    by_name = {os.path.basename(path): path for path in reversed(known.paths)}  # noqa: PTH119 - texts
    found: dict[Path, None] = {}
    missing: list[datetime] = []
    for time in sorted({*wanted, *beside}):
        whole = by_name.get(expected_name(met, time))
        paths = (Path(whole),) if whole else match(met, time) if time not in beside else ()
        found.update(dict.fromkeys(paths))
        if not paths and time not in beside:
            missing.append(time)
    return Files(wanted, list(found), missing)


def file_times(
    minutes: NDArray[np.int64], n_hours: int, step_s: int, *, beside: int = 0
) -> list[datetime]:
    """Return the file times that runs from these minutes need, ascending and each once.

    ``beside`` adds so many on either side of each run.
    """
    import numpy as np

    step = max(1, step_s // 60)
    starts = np.unique(np.minimum(minutes, minutes + 60 * n_hours))
    ends = starts + 60 * abs(n_hours)
    first, last = np.unique(np.stack([starts // step - beside, ends // step + beside]), axis=1)
    longest = int((last - first).max(initial=0))
    steps = first[:, None] + np.arange(longest + 1)[None, :]
    wanted = np.unique(steps[steps <= last[:, None]]) * step
    if len(wanted) > MOST_TIMES:
        wanted = wanted[np.linspace(0, len(wanted) - 1, MOST_TIMES).astype(int)]
    return [_EPOCH + minute * _MINUTE for minute in wanted.tolist()]


def read_headers(files: Sequence[Path]) -> tuple[list[ArlFile], list[str]]:
    """Return the headers of the files, and what is wrong with those that do not read."""
    step = max(1, -(-len(files) // MOST_HEADERS))
    headers: list[ArlFile] = []
    damaged: list[str] = []
    for path in files[::step]:
        try:
            headers.append(read_arl(path))
        except (ArlError, OSError) as error:
            damaged.append(str(error))
    return headers, damaged


def _refused_folder(directory: str) -> str | None:
    try:
        with os.scandir(directory) as entries:
            return None if next(entries, None) else "the folder is empty"
    except FileNotFoundError:
        return "there is no such folder"
    except OSError as error:
        return error.strerror


def _damaged(area: str, damaged: Sequence[str]) -> Iterator[Finding]:
    if damaged:
        more = f" and {len(damaged) - 1} more files" if len(damaged) > 1 else ""
        yield warning(
            area,
            f"does not read as ARL: {damaged[0]}{more}",
            "download it again if it is damaged; HYSPLIT may read it all the same, so hours and "
            "domain were not checked",
        )


def _refused_by_engine(
    area: str, config: Config, files: Sequence[Path], headers: Sequence[ArlFile]
) -> Iterator[Finding]:
    """Ask the engine, if it can tell, about one file of each kind: by grid, levels and variables."""
    from stilt.transport.engines import load_engine

    try:
        refuse = getattr(load_engine(config), "refuse_met", None)
    except StiltError:
        return  # check_engine tells
    if refuse is None:
        return
    read = {header.path: (header.model, header.grid, header.levels) for header in headers}
    kinds = {read.get(path, path): path for path in reversed(files[:MOST_HEADERS])}
    for path in sorted(kinds.values()):
        try:
            refuse(path, config)
        except TransportError as error:
            yield wrong_input(
                area, f"refused: {error.message}", "mend the files, or use model: hysplit"
            )


def _missing_files(area: str, met: Met, files: Files) -> Iterator[Finding]:
    if not files.missing:
        yield fine(area, f"{counted(len(files.found), 'file')}, none missing")
        return
    names = [expected_name(met, time) for time in files.missing]
    yield wrong_input(
        area,
        f"{len(files.missing):,} of {len(files.times):,} files are missing: {_some(names)}",
        f"add them, or take the receptors of these times out{_step(met, names)}",
    )


def _step(met: Met, missing: Sequence[str]) -> str:
    """Tell of the other reason why files seem to be missing."""
    return f"; or mend file_tres ({met.file_tres}) if files are further apart" if missing else ""


def _hours(area: str, demand: Demand, headers: Sequence[ArlFile]) -> Iterator[Finding]:
    """Count the simulations of which some hour is not covered, and name these hours."""
    import numpy as np

    uncovered = demand.uncovered(headers)
    if not uncovered:
        steps = {header.step for header in headers if header.step}
        covered = Span(headers[0].times[0], headers[-1].times[-1])
        every = f", every {duration(min(steps).total_seconds())}" if steps else ""
        yield fine(area, f"{counted(len(demand.files.found), 'file')}, {covered}{every}")
        return
    affected = int(np.logical_or.reduce([rows for _, rows in uncovered]).sum())
    names = [expected_name(demand.met, time) for time in demand.files.missing]
    spans = "; ".join(_some([str(span) for span, _ in uncovered]).split(", "))
    yield wrong_input(
        area,
        f"no meteorology {spans}: {affected:,} of {len(demand.minutes):,} simulations cannot run"
        + (f"; missing files: {_some(names)}" if names else ""),
        f"add the files, or take the receptors of these times out{_step(demand.met, names)}",
    )


def _domain(
    area: str, headers: Sequence[ArlFile], receptors: Receptors, *, over_poles: bool
) -> Iterator[Finding]:
    grids = {header.grid: header for header in headers}
    places = _places(receptors)
    outside = [
        (lon, lat)
        for lon, lat in places
        if not any(grid.can_start(lon, lat, over_poles=over_poles) for grid in grids)
    ]
    for grid, header in grids.items():
        yield note(
            area,
            f"{header.model}: {grid.nx} x {grid.ny} points of {grid.spacing}, "
            f"{len(header.levels)} levels{_box(grid.outline())}",
        )
    if outside:
        shown = [f"{lon:g} {lat:g}" for lon, lat in outside]
        yield wrong_input(
            area,
            f"{len(outside):,} of {len(places):,} places of receptors are outside of its domain or on its "
            f"outermost cells: {_some(shown)} (longitude latitude)",
            "their simulations would fail: take them out, or use meteorology that has them",
        )


def _places(receptors: Receptors) -> list[tuple[float, float]]:
    import numpy as np

    places = np.unique(np.stack([receptors.longitudes, receptors.latitudes], axis=1), axis=0)
    if len(places) > MOST_PLACES:
        places = places[np.linspace(0, len(places) - 1, MOST_PLACES).astype(int)]
    return [(lon, lat) for lon, lat in places.tolist()]


def _box(outline: Sequence[tuple[float, float]]) -> str:
    lons, lats = zip(*outline, strict=True)
    if max(lons) - min(lons) > 180:  # noqa: PLR2004 - across the antimeridian a box would mislead
        return f", {min(lats):.0f} to {max(lats):.0f} N"
    return f", {min(lons):.0f} to {max(lons):.0f} E, {min(lats):.0f} to {max(lats):.0f} N"


def _least(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    import numpy as np

    return np.minimum(one, other)


def _minute(time: datetime) -> int:
    return int((time - _EPOCH) / _MINUTE)


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _NAMED:,} more" if len(texts) > _NAMED else ""
    return ", ".join(texts[:_NAMED]) + more
