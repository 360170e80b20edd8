"""Writing ``receptors.csv`` and ``kernels.csv``."""

from __future__ import annotations

import csv
import shutil
from typing import TYPE_CHECKING

from stilt.config.load import KERNELS_FILE
from stilt.example.starter import is_starter
from stilt.foundations.durable import publish_with
from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

RECEPTORS_FILE = "receptors.csv"
SOUNDING, GROUP = "sounding", "r_idx"


def write_tables(
    folder: Path,
    receptors: pd.DataFrame,
    kernels: pd.DataFrame | None = None,
    *,
    replace: bool = False,
) -> list[Path]:
    """Write the tables of a project into its folder, and return their paths.

    Raises
    ------
    InputError
        If there is one already that `stilt init` has not put there, and it is not to be replaced.
    """
    tables = _tables(folder, receptors, kernels)
    there = [path for path in tables if path.exists() and not is_starter(path)]
    if there and not replace:
        raise InputError(
            f"{there[0]} is there already",
            "--append adds to it, --force replaces it",
            code="FILE_EXISTS",
        )
    folder.mkdir(parents=True, exist_ok=True)
    for path, table in tables.items():
        _write(path, table)
    return list(tables)


def append_tables(
    folder: Path, receptors: pd.DataFrame, kernels: pd.DataFrame | None = None
) -> dict[Path, int]:
    """Append to the tables of a project what they do not have yet; what stands there stays, byte for byte.

    Returns
    -------
    dict
        For each table the rows that were appended: of soundings that it has not, else those that it has not.

    Raises
    ------
    InputError
        If a table that is there has other columns; nothing is written then.
    """
    added = {
        path: table if not path.exists() or is_starter(path) else _new_rows(path, table)
        for path, table in _tables(folder, receptors, kernels).items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    for path, table in added.items():
        if len(table):
            _write(path, table, is_appended=path.exists() and not is_starter(path))
    return {path: len(table) for path, table in added.items()}


def _tables(
    folder: Path, receptors: pd.DataFrame, kernels: pd.DataFrame | None
) -> dict[Path, pd.DataFrame]:
    tables = {} if kernels is None else {folder / KERNELS_FILE: kernels}
    return {folder / RECEPTORS_FILE: receptors, **tables}


def _new_rows(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Return those rows that a table does not have, in its columns, their groups numbered on."""
    lines = _lines(path)
    header = next(lines, [])
    missing = [name for name in table.columns if name not in header]
    if missing:
        raise InputError(
            f"{path} has no column {missing[0]}, which appended rows have",
            "--force replaces the table; or make a project of its own",
            code="RECEPTORS_NOT_ADDED",
        )
    keys = [SOUNDING] if SOUNDING in table else list(table.columns)
    group = header.index(GROUP) if GROUP in table else None
    known, greatest = set(), 0
    for line in lines:
        row = line + [""] * (len(header) - len(line))
        known.add(tuple(row[header.index(name)] for name in keys))
        greatest = greatest if group is None else max(greatest, _number(row[group], path))
    texts = zip(*(_texts(table[name]) for name in keys), strict=True)
    new = table[[text not in known for text in texts]].copy()
    if group is not None:
        new[GROUP] += greatest
    return new.reindex(columns=header)


def _texts(column: pd.Series) -> list[str]:
    """Return values as they are written."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return list(pc.cast(pa.array(column), pa.string()).to_pylist())


def _lines(path: Path) -> Iterator[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        yield from csv.reader(
            line for line in file if line.strip() and not line.lstrip().startswith("#")
        )


def _number(text: str, path: Path) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(
            f"{path}: {GROUP} {text!r} is no whole number, so none can be numbered on",
            "--force replaces the table; or make a project of its own",
            code="RECEPTORS_NOT_ADDED",
        ) from None


def _write(path: Path, table: pd.DataFrame, *, is_appended: bool = False) -> None:
    import pyarrow as pa
    from pyarrow import csv as arrow

    content = pa.Table.from_pandas(table, preserve_index=False)
    options = arrow.WriteOptions(include_header=not is_appended, quoting_style="needed")

    def write(new: Path) -> None:
        with new.open("wb") as file:
            if is_appended:
                with path.open("rb") as old:
                    shutil.copyfileobj(old, file)
                if not _ends_line(path):
                    file.write(b"\n")
            arrow.write_csv(content, file, options)

    publish_with(path, write)


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"
