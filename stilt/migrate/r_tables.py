"""Tables of receptors in files: CSV and R's own ``.rds``."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from stilt.foundations.errors import InputError
from stilt.migrate.r_values import Frame, UnreadableError

if TYPE_CHECKING:
    from pathlib import Path

RDATA_HINT = (
    "pip install 'stilt-hpc[rds]', or in R: write.csv(readRDS('receptors.rds'), 'receptors.csv')"
)


def read_csv(path: Path) -> Frame:
    """Read a table of texts."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise UnreadableError(f"{path} is empty")
    columns = list(zip(*rows[1:], strict=False)) or [() for _ in rows[0]]
    return Frame(
        {name.strip(): list(column) for name, column in zip(rows[0], columns, strict=False)}
    )


def read_rds(path: Path) -> Frame:
    """Read a data frame that R saved.

    Raises
    ------
    InputError
        If the package that reads such files is not installed.
    UnreadableError
        If the file holds something else.
    """
    try:
        import rdata
    except ImportError:
        raise InputError(
            f"{path}: reading .rds files needs the package rdata", RDATA_HINT
        ) from None
    try:
        data = rdata.read_rds(path)
    except Exception as error:  # a parser of a binary format: anything may come
        raise UnreadableError(f"{path} is not a readable .rds file: {error}") from error
    if isinstance(data, dict) and "receptor" in data:  # what R-STILT saves with its particles
        data = data["receptor"]
    columns = data.to_dict("list") if hasattr(data, "to_dict") else data
    if not columns or not isinstance(columns, dict):
        raise UnreadableError(f"{path} holds no table")
    return Frame({str(name): _plain(values) for name, values in columns.items()})


def _plain(values: Any) -> list[Any]:
    """Return a column as plain Python values; one that holds several heights a row keeps them as lists."""
    if hasattr(values, "tolist"):
        values = values.tolist()
    if not isinstance(values, list | tuple):
        values = [values]
    return [value.tolist() if hasattr(value, "tolist") else value for value in values]
