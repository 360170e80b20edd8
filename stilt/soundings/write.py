"""Writing ``receptors.csv`` and ``kernels.csv``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.config.load import KERNELS_FILE
from stilt.foundations.durable import publish_with
from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

RECEPTORS_FILE = "receptors.csv"


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
        If there is one already, and it is not to be replaced.
    """
    tables = {folder / RECEPTORS_FILE: receptors}
    if kernels is not None:
        tables[folder / KERNELS_FILE] = kernels
    there = [path for path in tables if path.exists()]
    if there and not replace:
        raise InputError(f"{there[0]} is there already", "--force replaces it")
    folder.mkdir(parents=True, exist_ok=True)
    for path, table in tables.items():
        _write(path, table)
    return list(tables)


def _write(path: Path, table: pd.DataFrame) -> None:
    import pyarrow as pa
    from pyarrow import csv

    content = pa.Table.from_pandas(table, preserve_index=False)
    publish_with(
        path,
        lambda new: csv.write_csv(content, new, csv.WriteOptions(quoting_style="needed")),
    )
