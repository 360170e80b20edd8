"""Reading ``receptors.csv``: either every row is good, or all bad ones are named with their lines."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from stilt.foundations.errors import InputError, ProblemsError
from stilt.receptors.header import HINT as HEADER_HINT
from stilt.receptors.meanings import misread
from stilt.receptors.memory import require_memory, too_little_memory
from stilt.receptors.rows import Rows
from stilt.receptors.table import read_careful, read_fast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stilt.receptors.sequence import Receptors

LISTED = 19
"""Bad rows that are listed; with the line that counts the rest, as many as a terminal shows."""


def read_receptors(
    path: Path, mets: Sequence[str], realizations: int = 1, variants: Sequence[str] = ()
) -> Receptors:
    """Read receptors and pair each with each meteorology, as often as there are realizations.

    Where a project has variants, ``mets`` are the names of its kinds of simulations, and ``variants`` the variant of
    each (``stilt.config.variants.pairing``).

    Columns, in any case and order: ``time``, ``longitude``, ``latitude``, ``altitude`` (m above ground)
    or ``zasl`` (m above sea level), with the usual short names. Optional: ``altitude_ref`` (``agl`` or
    ``asl``, row by row), ``r_idx`` (rows with the same value are one receptor: a column if they differ in
    height only, else a multipoint) and ``id`` (an own name, which takes the place of time and place in the
    simulation's id). Further columns are labels, unless their name nearly is one of these. Lines of
    description may stand above the names of the columns.

    Times are UTC unless they have an offset; they may be in parts (``year``, ``month``, ``day``, ``hour``).
    STILT's clock has minutes: seconds are cut, as R-STILT does, which ``notes`` tells. A row that says the
    same as an earlier one is used once.

    Raises
    ------
    ProblemsError
        With the line and reason of every bad row (the first ones if there are many).
    InputError
        If the file cannot be read.
    EnvironmentFailure
        If it takes more memory than there is.
    """
    require_memory(path)
    with contextlib.suppress(MemoryError):
        return _read(path, tuple(mets), realizations, tuple(variants))
    # only here is what was read let go, without which there is no memory for a message either
    raise too_little_memory(path)


def _read(
    path: Path, mets: tuple[str, ...], realizations: int, variants: tuple[str, ...]
) -> Receptors:
    table = read_fast(path)
    if table is None or not len(table):
        table = read_careful(path)
    wrong = tuple(misread(table))
    if wrong:
        raise ProblemsError(str(path), wrong, HEADER_HINT, code="RECEPTORS_WRONG")
    rows = Rows(table)
    receptors = rows.receptors(mets, realizations, variants) if not table.has_broken else None
    if receptors is None:
        table.count_lines()
        complaints = {table.line(row): text for row, text in rows.complaints.items()}
        raise _problems(path, {**complaints, **table.broken})
    if not receptors.n_receptors:
        raise InputError(
            f"{path}: the file has a header but no receptors", HEADER_HINT, code="RECEPTORS_EMPTY"
        )
    return receptors


def _problems(path: Path, complaints: dict[int, str]) -> ProblemsError:
    rows = sorted(complaints.items())
    listed = rows[:LISTED] if len(rows) > LISTED + 1 else rows
    problems = [f"line {line}: {text}" for line, text in listed]
    if len(rows) > len(listed):
        problems.append(f"and {len(rows) - len(listed):,} more bad rows")
    hint = "mend these rows; nothing was started"
    return ProblemsError(str(path), tuple(problems), hint, count=len(rows), code="RECEPTORS_WRONG")
