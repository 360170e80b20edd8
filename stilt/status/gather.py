"""Put a summary together: the part that reads config, log, manifests and the scheduler's answer.

Takes no lock and writes nothing, so that it works for a colleague who may only read.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from stilt.backends.in_hand import WorkInHand
from stilt.backends.observe import fold_and_observe, observe
from stilt.batch.manifest import newest_of, read_manifest
from stilt.batch.numbers import unheard_of
from stilt.batch.whole import Wholeness
from stilt.foundations.errors import DamagedError, StiltError
from stilt.foundations.identity import EngineIdentity
from stilt.foundations.paths import Layout
from stilt.log.fold import SUCCESSES
from stilt.log.index import OutputIndex
from stilt.status.counting import Outdated
from stilt.status.edited import edited, has_receptors_of
from stilt.status.fates import Fates
from stilt.status.listed import Listed
from stilt.status.moments import iso
from stilt.status.summarize import summarize

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.batch.today import Today
    from stilt.config.schema import Config
    from stilt.log.fold import State
    from stilt.status.summarize import Manifests
    from stilt.status.summary import Summary


@dataclass(slots=True)
class Project:
    """A project as far as it can be read: settings that do not hold are noted, not an error.

    Attributes
    ----------
    config
        The settings; None where they can't be read.
    notes
        What could not be found out, for the screen.
    """

    layout: Layout
    config: Config | None
    notes: list[str] = field(default_factory=list)


def open_project(folder: Path) -> Project:
    """Read a project's settings, and find its output root also where they do not hold."""
    from stilt.config.load import load_config

    layout = Layout.of(folder)
    try:
        config = load_config(layout.config_file, projections=False)
    except StiltError as error:
        if not layout.log_dir.is_dir():
            raise
        note = f"{error.message}; output is looked for in {layout.output}, and nothing is shown as stale"
        return Project(layout, None, [note])
    return Project(Layout.of(folder, config.output), config)


def gather(
    project: Project,
    *,
    ask_slurm: bool = True,
    until: float | None = None,
    use_checkpoint: bool = True,
) -> Summary:
    """Return the state of a project, now or at a moment in the past.

    Parameters
    ----------
    project
        From ``open_project``.
    ask_slurm
        Whether to ask the scheduler about batches that it has; otherwise a recent answer has to do.
    until
        The moment, in seconds since 1970; processes and scheduler are not looked at then.
    use_checkpoint
        Whether the cache of the fold may be used.
    """
    now = time.time() if until is None else until
    notes = list(project.notes)
    index = OutputIndex(project.layout.log_dir)
    liveness = None
    if until is not None or not use_checkpoint:
        state = index.fold(until, use_checkpoint=use_checkpoint)
        liveness = observe(index, state, ask_slurm=ask_slurm) if until is None else None
    else:
        state, liveness = fold_and_observe(index, ask_slurm=ask_slurm)
    if liveness is not None and liveness.problem:
        notes.append(f"{liveness.problem}: tasks on Slurm are shown as they last reported")
    if liveness is not None and liveness.server_time:
        now = liveness.server_time
    manifests = read_manifests(project.layout, state, notes)
    if until is None and (lost := _lost_batches(project.layout, state)):
        notes.append(lost)
    changes = _changes(project, manifests) if until is None else []
    notes += [f"{change}: `stilt run --dry-run` says what is to do now" for change in changes]
    fates = Fates(state, liveness)
    keeps = WorkInHand(index, state, liveness).keeps if liveness else fates.keeps
    is_whole = Wholeness(project.layout, notes.append) if until is None else _as_it_was
    outdated = find_outdated(project, state, manifests, notes)
    today = outdated.today if until is None else None
    return summarize(
        state,
        fates,
        keeps=keeps,
        is_whole=is_whole,
        project=str(project.layout.project),
        as_of=iso(now),
        now=now,
        outdated=outdated,
        manifests=manifests,
        current=not changes,
        recount=partial(_to_do, project.layout, state, today, keeps),
        read_chunk=Listed(project.layout, state, notes),
        execution=project.config.execution if project.config else None,
        notes=notes,
    )


def _as_it_was(batch: str, chunk: str) -> bool:
    """Take a chunk for whole: of a moment in the past nobody knows."""
    del batch, chunk
    return True


def _to_do(
    layout: Layout, state: State, today: Today | None, keeps: Callable[[str, int], bool]
) -> int | None:
    """Return what there is to do by the receptors of today; None where the settings are not known, or of the past."""
    from stilt.status.recount import recount

    return None if today is None else recount(layout, state, today, keeps)


def read_manifests(layout: Layout, state: State, notes: list[str]) -> Manifests:
    """Read the manifests of the newest batch, of those whose results hold, and of those never submitted.

    Of others the log says all that is told of them. A manifest that does not hold is noted.
    """
    manifests: Manifests = {}
    registered = [
        batch
        for name, batch in state.batches.items()
        if batch.chunks or layout.manifest(name).is_file()
    ]
    wanted = {life.batch for life, outcome, _ in state.tally() if outcome in SUCCESSES}
    wanted |= {batch.id for batch in registered if not batch.submissions}
    wanted |= {max(registered, key=lambda batch: batch.seq).id} if registered else set()
    for name in (batch.id for batch in registered):
        if name in wanted:
            try:
                manifests[name] = read_manifest(layout.manifest(name))
            except StiltError as error:
                notes.append(error.message)
    return manifests


def _lost_batches(layout: Layout, state: State) -> str:
    """Say of which batches that were given out the log has nothing; nothing if there is none."""
    has_results = not state.begun() and any(layout.output.glob("particles/*"))
    names = [name for name in unheard_of(layout, state) if has_results or _was_begun(layout, name)]
    return (
        f"the log has nothing of batches that were begun ({', '.join(names[:3])}): "
        f"segments are lost from {layout.log_dir}, and what they tell of counts as never run"
        if names
        else ""
    )


def _was_begun(layout: Layout, batch: str) -> bool:
    """Return whether a batch went further than its chunks: it was submitted, or its log's folder is there."""
    return layout.submit_script(batch).exists() or (layout.log_dir / batch).exists()


def _changes(project: Project, manifests: Manifests) -> list[str]:
    """Say what the newest batch was not planned from, of what there is today: a million receptors are not read."""
    newest = newest_of(manifests.values())
    if project.config is None or newest is None:
        return []
    words = []
    if not has_receptors_of(project.layout, newest):
        words.append("receptors.csv is not what the last batch was made of")
    unknown = [
        met for met in project.config.mets if newest.transports and met not in newest.transports
    ]
    if unknown:
        words.append(f"no batch was made for {', '.join(unknown)} under mets")
    return words


def find_outdated(
    project: Project, state: State, manifests: Manifests, notes: list[str]
) -> Outdated:
    """Return what would not be made today as it was: by config.yaml, with the engine that ran last.

    No engine is loaded for it, and what is installed here does not matter: another version of the engine makes
    no result stale.
    """
    from stilt.batch.today import Today, todays_engine

    config = project.config
    newest = newest_of(manifests.values())
    if config is None or newest is None:
        return Outdated()
    notes += [
        f"{name} of the newest batch is not installed here ({path}); no result is stale for that"
        for name, path in newest.programs.items()
        if not os.path.exists(path)  # noqa: PTH110 - a text from a file, which may be no path at all
    ]
    made_by = _made_by(project.layout, config.model, manifests) or newest.made_by
    config, engine = todays_engine(config, made_by)
    today = Today(project.layout, config, engine)
    return Outdated(today, edited(project.layout, config, state, manifests, notes))


def _made_by(layout: Layout, model: str, manifests: Manifests) -> EngineIdentity | None:
    """Return what an engine with an import path was when it was handed over last; None of one by name."""
    if ":" not in model:
        return None
    from stilt.batch.snapshot import read_settings

    for manifest in sorted(manifests.values(), key=lambda manifest: manifest.seq, reverse=True):
        with suppress(DamagedError):
            if read_settings(layout, manifest).model == model:
                return manifest.made_by
    return EngineIdentity(model, "")
