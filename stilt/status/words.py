"""What was said about one simulation: the model's words, and what its task printed around them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.foundations.errors import InputError
from stilt.foundations.inside import LONGEST_NAME, open_regular
from stilt.foundations.names import ids_with
from stilt.foundations.paths import imprinted
from stilt.foundations.text import printable_lines
from stilt.log.index import OutputIndex

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.foundations.paths import Layout
    from stilt.log.fold import State

NAMES_LISTED = 5
MOST_BYTES = 16 << 20
"""So much of what a program said is read."""

_TIME_IN_ID = re.compile(r"_(\d{4})(\d\d)(\d\d)\d{4}_")


@dataclass(frozen=True, slots=True)
class Words:
    """A text and where it stands."""

    source: Path
    text: str


def find_id(layout: Layout, text: str) -> str:
    """Return the id of the simulation that a text names: the whole id, or a part that only one has.

    Raises
    ------
    InputError
        If none is named, or several.
    """
    state = OutputIndex(layout.log_dir).fold()
    if state.find(text) is not None:
        return text
    found = sorted(ids_with(state.sims, text))
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(
            f"no simulation with {text!r} in its id was begun in {layout.output}",
            "`stilt log show` lists those that were, `stilt status --failed` those that failed",
            code="SIMULATION_UNKNOWN",
        )
    some = ", ".join(found[:NAMES_LISTED]) + (", ..." if len(found) > NAMES_LISTED else "")
    raise InputError(
        f"{len(found):,} simulations have {text!r} in their id: {some}",
        "give more of it",
        code="SIMULATION_AMBIGUOUS",
    )


def find_dated(root: Path, sim: str, file: str) -> Path | None:
    """Return a simulation's file in dated folders: by the date in its id, else wherever it lies."""
    if len(os.fsencode(file)) > LONGEST_NAME:  # a log may have names that no file can have
        return None
    guess = root / next(iter(_dates_in(sim)), "") / file
    if guess.is_file():
        return guess
    folders = sorted(root.iterdir()) if root.is_dir() else []
    return next((path for folder in folders if (path := folder / guess.name).is_file()), None)


def model_words(layout: Layout, sim: str) -> Words | None:
    """Return what the model printed: kept as a file for a failure, inside the particle file otherwise."""
    known = OutputIndex(layout.log_dir).fold().find(sim)
    if known is not None and known.was_refused:
        return None
    log = find_dated(layout.output / "logs", sim, f"{sim}.log")
    if log is not None:
        return Words(log, _end_of(log))
    imprint = known.particles_imprint if known is not None and known.is_done else ""
    file = imprinted(f"{sim}.parquet", imprint)
    particles = find_dated(layout.particles_dir, sim, file)
    if particles is None:
        return _archived_words(layout, sim, file)
    from stilt.particles.parquet import read_provenance

    return Words(particles, read_provenance(particles).get("model_log", ""))


def _archived_words(layout: Layout, sim: str, file: str) -> Words | None:
    from stilt.outputs.shelf import Shelf

    shelf = Shelf(layout)
    dated = (shelf.find(f"particles/{date}/{file}") for date in _dates_in(sim))
    found = next(filter(None, dated), None) or shelf.find_named("particles", file)
    return None if found is None else Words(found.archive, found.provenance().get("model_log", ""))


def _dates_in(sim: str) -> list[str]:
    """Return the dates that an id may have in it, the last one first: that is the receptor's."""
    return ["-".join(parts) for parts in reversed(_TIME_IN_ID.findall(f"{sim}_"))]


def task_words(layout: Layout, sim: str) -> Words | None:
    """Return what the Slurm task printed that worked on a simulation last; None where there is no such file."""
    from stilt.backends.slurm.script import task_output

    state = OutputIndex(layout.log_dir).fold()
    known = state.find(sim)
    if known is None or known.life.task is None:
        return None
    task = known.life.task
    path = task_output(
        layout.slurm_logs(known.batch), task, _first_of_array(state, known.batch, task)
    )
    if not path.is_file():
        return None
    return Words(path, _end_of(path))


def _end_of(path: Path) -> str:
    """Return the text of a file, or the last part of one that is very long."""
    with open(open_regular(path), "rb") as file:  # noqa: PTH123 - a descriptor has no path
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - MOST_BYTES))
        return file.read(min(size, MOST_BYTES)).decode(errors="replace")


def _first_of_array(state: State, batch: str, task: int) -> int:
    """Return the task that index 0 of the task's array is, where a batch needed several arrays."""
    intents = state.batches[batch].intents.values() if batch in state.batches else ()
    starts = [intent.first_task for intent in intents]
    return max((first for first in starts if first <= task), default=0)


def tail(text: str, lines: int) -> str:
    """Return the last lines of a text, printable; all of it for 0."""
    return printable_lines("\n".join(text.splitlines()[-lines:]) if lines else text.rstrip("\n"))
