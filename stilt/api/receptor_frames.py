"""Receptors from a data frame into a project's ``receptors.csv``: all rows are good, or nothing is written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.config.variants import pairing
from stilt.foundations.errors import InputError, ProblemsError
from stilt.receptors.read import read_receptors
from stilt.soundings.write import RECEPTORS_FILE, write_tables

if TYPE_CHECKING:
    import pandas as pd

    from stilt.config.schema import Config
    from stilt.receptors.sequence import Receptors


def checked(frame: pd.DataFrame, config: Config) -> Receptors:
    """Return what receptors.csv would mean with these rows.

    Raises
    ------
    ProblemsError, InputError
        If it would be refused: with the place of every bad row, the first being line 2.
    """
    with tempfile.TemporaryDirectory() as scratch:
        [path] = write_tables(Path(scratch), written(frame))
        try:
            return read_receptors(path, *pairing(config))
        except ProblemsError as error:
            _, problems, hint, count = error.args
            raise ProblemsError("these receptors", problems, hint, count, code=error.code) from None
        except InputError as error:
            message = error.message.replace(str(path), "these receptors")
            raise InputError(message, error.hint, code=error.code) from None


def written(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame as it is written: a named index as a column, times as UTC to the second."""
    import pandas as pd

    table = frame.reset_index() if any(frame.index.names) else frame.copy()
    for name, column in table.items():
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            column = column.dt.tz_convert("UTC")  # noqa: PLW2901 - the same times
        if pd.api.types.is_datetime64_any_dtype(column):
            table[name] = column.dt.strftime("%Y-%m-%d %H:%M:%S")
    return table


def added(folder: Path, frame: pd.DataFrame, config: Config) -> list[str]:
    """Add rows to receptors.csv, which is made where there is none, and return the ids that are new.

    Raises
    ------
    ProblemsError, InputError
        If a row is bad, or the file there is of a form that can't be added to; nothing is written then.
    """
    import pandas as pd

    path = folder / RECEPTORS_FILE
    if not path.exists():
        ids = checked(frame, config).ids()
        write_tables(folder, written(frame))
        return ids
    before = read_receptors(path, *pairing(config)).ids()
    there = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    both = pd.concat([there, written(frame).astype(str)], ignore_index=True).fillna("")
    checked(frame, config)
    ids, known = _ids_of(both, config), set(before)
    new = [sim for sim in ids if sim not in known]
    if len(new) + len(before) != len(ids) or not known <= set(ids):
        raise InputError(
            f"{path} is of a form that can't be added to",
            "read it with pandas, add the rows, and write it anew",
            code="RECEPTORS_NOT_ADDED",
        )
    if new:
        write_tables(folder, both, replace=True)
    return new


def _ids_of(frame: pd.DataFrame, config: Config) -> list[str]:
    """Return the ids of rows, none where they can't be read."""
    try:
        return checked(frame, config).ids()
    except InputError:
        return []
