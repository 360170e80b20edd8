"""Rows of a matrix that workers made: which of them count, and those in one file."""

from __future__ import annotations

import secrets
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from stilt.config.digests import ROWS
from stilt.foundations.durable import publish_with
from stilt.foundations.inside import MisplacedError, remove_below
from stilt.matrix.stored import ENDING, matrix_of, read_rows, row_files, rows_of, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from stilt.foundations.paths import Layout
    from stilt.log.fold import State
    from stilt.matrix.stored import StoredRow


def vouched_rows(state: State) -> dict[str, dict[str, str]]:
    """Return for each matrix the simulations that have rows by the log, with the imprint of their footprint."""
    found: dict[str, dict[str, str]] = {}
    has_some = {
        life.name: life.footprints[ROWS] for life in state.lives.values() if ROWS in life.footprints
    }
    for sim in state.having("complete") if has_some else ():
        matrix = has_some.get(sim.life.name)
        if matrix is not None:
            found.setdefault(matrix, {})[sim.sim] = sim.life.imprint
    return found


def missing_rows(layout: Layout, state: State, matrix: str) -> list[str]:
    """Return the simulations whose row of a matrix is not there as a whole, though the log says that it was made."""
    wanted = vouched_rows(state).get(matrix, {})
    return sorted(wanted.keys() - rows_of(row_files(layout), matrix, wanted).keys())


def pack_rows(layout: Layout, state: State, *, dry_run: bool = False) -> tuple[int, int]:
    """Put the rows that count into one file a matrix; return how many files there were, and are then.

    The caller knows that no worker lives. Files go when what counts of them is in another one, which is synced.
    """
    vouched, files = vouched_rows(state), _by_matrix(layout)
    after = 0
    for matrix, paths in files.items():
        rows = list(_counting(paths, vouched.get(matrix, {})))
        after += bool(rows)
        is_packed = len(paths) == 1 and len(rows) == sum(1 for _ in read_rows(paths[0]))
        if dry_run or (rows and is_packed):
            continue
        if rows:
            packed = layout.rows_dir / f"packed-{secrets.token_hex(4)}{ENDING}"
            publish_with(packed, partial(write_rows, matrix=matrix, rows=rows), root=layout.output)
            rows.clear()  # which still have the files open that are about to go
        for path in paths:
            remove_below(layout.output, layout.relative(path))
    return sum(map(len, files.values())), after


def _by_matrix(layout: Layout) -> dict[str, list[Path]]:
    """Return the files that have rows, by matrix; what can't be read is left as it is."""
    found: dict[str, list[Path]] = {}
    for path in row_files(layout):
        with suppress(OSError, MisplacedError):
            if matrix := matrix_of(path):
                found.setdefault(matrix, []).append(path)
    return found


def _counting(paths: Iterable[Path], wanted: Mapping[str, str]) -> Iterator[StoredRow]:
    """Yield the rows that the log vouches for, each once."""
    known: set[str] = set()
    for row in (row for path in paths for row in read_rows(path)):
        if row.sim not in known and wanted.get(row.sim) == row.imprint:
            known.add(row.sim)
            yield row
