"""The matrix that config.yaml asks for, out of the rows that workers made; others are made of footprints."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from stilt.api.collection import open_collection
from stilt.api.jacobian import jacobian
from stilt.api.row_readers import SparseReader
from stilt.foundations.paths import plain_and_imprint
from stilt.matrix.stored import row_files, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.api.collection import FootprintFiles, Source
    from stilt.api.jacobian import Jacobian, Known
    from stilt.api.project import Project
    from stilt.matrix.asked import Asked
    from stilt.matrix.bins import Bins
    from stilt.matrix.stored import StoredRow


@dataclass(frozen=True, slots=True)
class Gathered:
    """A matrix, and how many of its rows workers had made.

    Attributes
    ----------
    stored, made
        Rows that there were, those of empty simulations included, and rows that were made of footprints now.
    """

    matrix: Jacobian
    stored: int
    made: int


def gather(
    project: Project,
    asked: Asked,
    *,
    from_rows: bool = True,
    tell: Callable[[int, int], None] | None = None,
    cpus: int = 1,
    resume: Path | None = None,
) -> Gathered:
    """Return the matrix that is asked for, as ``stilt.jacobian`` makes it of footprints.

    Not ``from_rows``: of footprints alone.

    Raises
    ------
    InputError
        As ``stilt.jacobian``.

    Warns
    -----
    StaleResults
        If footprints are stale.
    """
    section = asked.section
    files, footprints = open_collection(project, asked.name)
    sims: list[str] = footprints["receptor"].to_numpy().tolist()
    project.remark_stale(sims, asked.name)
    counts = []

    def stored(bins: Bins, elements: int) -> Known:
        rows = rows_of(row_files(project.layout), asked.digest, _wanted(files, sims))
        found = _placed(rows, sims, bins, elements)
        # what is empty has no row to be read
        none = np.empty(0, np.int64), np.empty(0)
        found |= {place: none for place, path in enumerate(files.paths) if path is None}
        counts.append(len(found))
        return found

    matrix = jacobian(
        footprints,
        asked.target,
        section.bins,
        weight=asked.weight,
        species=section.species,
        tell=tell,
        read=SparseReader(files),
        cpus=cpus,
        resume=resume,
        stored=stored if from_rows else None,
    )
    return Gathered(matrix, sum(counts), files.count - sum(counts))


def _wanted(files: FootprintFiles, sims: list[str]) -> dict[str, str]:
    """Return the imprint in the name of each footprint, by simulation."""
    return {
        sim: plain_and_imprint(path.name)[1]
        for sim, path in zip(sims, files.paths, strict=True)
        if path is not None
    }


def _placed(rows: dict[str, StoredRow], sims: list[str], bins: Bins, elements: int) -> Known:
    """Return rows by place, their columns counted from the first bin of all; without what has no place there."""
    found: Known = {}
    for place, sim in enumerate(sims):
        row = rows.get(sim)
        first = None if row is None else bins.place_of(row.first_ns)
        if row is None or first is None:
            continue
        column = row.column.astype(np.int64) + first * elements
        if column.max(initial=0) < bins.count * elements:
            found[place] = column, row.value
    return found


def origin(project: Source, asked: Asked) -> str:
    """Return what tells the matrix that is asked for, and of this project or a copy of it, from every other one."""
    batches = project.folded().batches.values()
    first = min(((batch.seq, batch.id) for batch in batches), default=(0, ""))
    said = f"{asked.digest} {first[1]}"
    return blake2b(said.encode(), digest_size=16).hexdigest()
