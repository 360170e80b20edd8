"""Whether the meteorology is there, whole, and covers the receptors in time and space, and the engine takes it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stilt.check.finding import Finding, fine, from_error, no_effect, note, warning, wrong_input
from stilt.foundations.errors import StiltError
from stilt.foundations.failures import Reason, TransportError, told
from stilt.foundations.quantities import counted, duration
from stilt.met.arl import ArlError
from stilt.met.header import read_header
from stilt.met.needed import needed
from stilt.transport.foreseen import by_simulation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from stilt.config.schema import Config, Met
    from stilt.foundations.failures import Refused
    from stilt.met.arl import ArlFile
    from stilt.met.dataset.naming import Table
    from stilt.met.needed import Needed
    from stilt.receptors.sequence import Receptors
    from stilt.transport.protocol import Engine
    from stilt.transport.refusals import Refusals

_NAMED = 4

_HINTS = {
    Reason.MET_MISSING: "add the files, or take the receptors of these times out",
    Reason.MET_COVERAGE: "add or mend the files, or take these receptors out",
    Reason.MET_INTERVAL: "mend the files, or use model: native if it takes them",
    Reason.BAD_RECEPTOR: "take these receptors out, or use meteorology that has them",
}


def check_met(
    name: str, met: Met, config: Config, receptors: Receptors | None
) -> Iterator[Finding]:
    """Look a meteorology over for all receptors; for its folder only where there are none to be read."""
    area = f"met {name}"
    refused = "" if met.source else _refused_folder(met.directory)
    if refused:
        why, hint = f"{met.directory}: {refused}", f"mend mets.{name}.directory"
        if ":" in config.model:
            yield warning(area, why, f"{hint}, if your engine reads any", code="MET_MISSING")
        else:
            yield wrong_input(area, why, hint, code="MET_MISSING")
        return
    if receptors is None:
        return
    if met.source:
        yield from _at_a_distance(name, met, config, receptors)
    found = ask(name, config, receptors)
    yield from _left_out(area, found.needed)
    yield from _without_effect(name, met, config, receptors, found.needed)
    yield from _damaged(area, found.needed)
    yield from _refused(area, met, found, receptors)
    if found.needed.overlaps:
        yield note(area, found.needed.overlaps)
    headers = found.needed.headers
    if headers and not found.refused:
        yield fine(area, _described(headers))
    by_levels = sorted(headers, key=lambda header: len(header.levels))
    for grid, header in {header.grid: header for header in by_levels}.items():
        yield note(
            area,
            f"{header.model or header.format}: {header.grid.words}, "
            f"{counted(len(header.levels) - 1, 'level')} above the surface",
        )
        if config.model == "native":
            files = [each for each in headers if each.grid == grid]
            yield from (note(area, words) for words in _lacking(files, config))


def _at_a_distance(name: str, met: Met, config: Config, receptors: Receptors) -> Iterator[Finding]:
    """Say what is not here yet, and what stands against fetching it."""
    from stilt.met.distant.survey import survey

    area = f"met {name}"
    try:
        found = survey(name, met, receptors.minutes, config.n_hours)
        found.refuse_too_much()
    except StiltError as error:
        yield from from_error(area, error)
        return
    if found.silent:
        yield warning(
            area,
            f"{found.silent}; all that is needed is here",
            "none is needed now",
            code="MET_FETCH_FAILED",
        )
    if found.words:
        words = "to be fetched by `stilt run`, or before it by `stilt met --fetch`"
        yield note(area, f"{found.words}, {words}; what they hold is not known yet")


def ask(name: str, config: Config, receptors: Receptors) -> Refusals:
    """Return what the engine refuses of the receptors with a meteorology; of what holds for every engine at least."""
    from stilt.transport.engines import load_engine
    from stilt.transport.refusals import Starts, refusals, usual

    starts = Starts.of_all(receptors)
    engine: Engine | None = None
    try:
        engine = load_engine(config)
        asked = refusals(engine, starts, name, config)
    except StiltError:
        asked = None  # check_engine tells
    return asked or usual(starts, name, config)


def _refused_folder(directory: str) -> str | None:
    try:
        with os.scandir(directory) as entries:
            return None if next(entries, None) else "the folder is empty"
    except FileNotFoundError:
        return "there is no such folder"
    except OSError as error:
        return error.strerror


def _left_out(area: str, needed: Needed) -> Iterator[Finding]:
    if needed.left_out:
        names = _some([path.name for path in needed.left_out])
        count = counted(len(needed.left_out), "file")
        yield note(
            area, f"left out, since they cannot be used: {count}, {names}; `stilt met` says why"
        )


def _without_effect(
    name: str, met: Met, config: Config, receptors: Receptors, found: Needed
) -> Iterator[Finding]:
    """Say which settings of a meteorology change nothing for these files and receptors."""
    formats = {header.format for header in found.headers}
    if met.fields and formats == {"ARL"}:
        why = "ARL files say which field is which"
        yield note(f"met {name}", no_effect(f"mets.{name}.fields", why))
    if met.member is not None and formats == {"ARL"}:
        why = "ARL files hold no ensembles"
        yield note(f"met {name}", no_effect(f"mets.{name}.member", why))
    if met.nested and formats:
        alone = needed(replace(met, nested=False), receptors.minutes, config.n_hours)
        if _count(alone) == _count(found):
            why = "no two products have the same hours"
            yield note(f"met {name}", no_effect(f"mets.{name}.nested", why))


def _count(found: Needed) -> int:
    return sum(len(each.runs) for each in found.refused)


def _damaged(area: str, needed: Needed) -> Iterator[Finding]:
    """Name files that are cut off, and those that do not read where nothing better is there."""
    cut = [header.cut for header in needed.headers if header.cut]
    if cut:
        more = f" and {len(cut) - 1} more files" if len(cut) > 1 else ""
        yield warning(
            area,
            f"{cut[0]}{more}",
            "download it again: its later hours are missing",
            code="MET_UNREADABLE",
        )
    unread = [
        (path, supply.table)
        for supply in needed.supplies
        if supply.headers is None
        for path in supply.files
    ]
    damaged = [text for path, table in dict.fromkeys(unread) if (text := _complaint(path, table))]
    if damaged:
        more = f" and {len(damaged) - 1} more files" if len(damaged) > 1 else ""
        yield warning(
            area,
            f"does not read: {damaged[0]}{more}",
            "download it again if it is damaged; HYSPLIT may read it all the same, so hours and "
            "domain were not checked",
            code="MET_UNREADABLE",
        )


def _complaint(path: Path, table: Table) -> str:
    try:
        read_header(path, table)
    except (ArlError, OSError) as error:
        return str(error)
    return ""


def _refused(area: str, met: Met, found: Refusals, receptors: Receptors) -> Iterator[Finding]:
    """Say of each reason how many simulations cannot run, which, and what the first would fail with."""
    import numpy as np

    met_of, run_of, _ = receptors.apart(range(len(receptors)))
    mine = np.flatnonzero(met_of == receptors.mets.index(area.removeprefix("met ")))
    by_reason: dict[Reason, list[Refused]] = {}
    for each in found.refused:
        by_reason.setdefault(each.reason, []).append(by_simulation(each, mine, run_of[mine]))
    for reason, some in by_reason.items():
        sims = [
            each.sim for each in receptors.take(np.sort(np.concatenate([s.runs for s in some])))
        ]
        files = ""
        if reason is Reason.MET_MISSING and found.needed.missing:
            files = f"; missing files: {_some(found.needed.missing)}"
        yield wrong_input(
            area,
            f"{len(sims):,} of {len(mine):,} simulations cannot run: {told(some)}{files}; the first {sims[0]}",
            _hint(area, met, reason, found.needed),
            sims,
            code=str(reason),
        )


def _hint(area: str, met: Met, reason: Reason, needed: Needed) -> str:
    if reason is Reason.MET_MISSING and needed.is_nothing_there:
        return f"mend {area.replace('met ', 'mets.')}.file_format or directory"
    if reason is Reason.MET_MISSING and met.file_tres is not None:
        return f"{_HINTS[reason]}; or mend file_tres ({met.file_tres}) if files are further apart, or leave it out"
    return _HINTS.get(reason, "mend this")


def _lacking(files: Sequence[ArlFile], config: Config) -> list[str]:
    """Say which quantities of the surface are not in files of one grid, as ``stilt met`` does."""
    from stilt.transport.native.meteorology import surface_of_files
    from stilt.transport.native.surface import lacking

    try:
        return lacking(surface_of_files(files, config))
    except TransportError:
        return []  # the engine's refusal tells


def _described(headers: Sequence[ArlFile]) -> str:
    from stilt.met.files import Span

    steps = {header.step for header in headers if header.step}
    covered = Span(headers[0].times[0], max(header.times[-1] for header in headers))
    every = f", every {duration(min(steps).total_seconds())}" if steps else ""
    return f"{counted(len(headers), 'file')} needed, {covered}{every}"


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _NAMED:,} more" if len(texts) > _NAMED else ""
    return ", ".join(texts[:_NAMED]) + more
