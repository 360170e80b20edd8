"""From a path that a user names to what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.example.starter import STARTER_CONFIG
from stilt.foundations.errors import InputError
from stilt.migrate.migration import Migration
from stilt.migrate.r_values import UnreadableError

if TYPE_CHECKING:
    from pathlib import Path

HINT = (
    "name an R-STILT run_stilt.r, a PYSTILT config.yaml, a table of receptors (.csv, .rds, .parquet), or the "
    "folder of a project"
)
_TABLES = frozenset({".csv", ".rds", ".parquet"})


def read_project(path: Path, *, with_r: bool = False) -> Migration:
    """Read settings and receptors of an R-STILT or PYSTILT project, or receptors alone.

    Raises
    ------
    InputError
        If it is none, or cannot be read.
    """
    source = _file_of(path)
    suffix = source.suffix.lower()
    if with_r and suffix != ".r":
        raise InputError(
            f"{source}: --with-r is for scripts of R", "leave it out", code="OPTIONS_UNFIT"
        )
    if suffix == ".r":
        from stilt.migrate.r_stilt import read_r_stilt

        return read_r_stilt(source, with_r=with_r)
    if suffix in {".yaml", ".yml"}:
        from stilt.migrate.pystilt import read_pystilt

        return read_pystilt(source)
    if suffix in _TABLES:
        return _receptors_only(source)
    raise InputError(f"{path}: this is no project that is known", HINT, code="MOVE_FROM_UNKNOWN")


def _file_of(path: Path) -> Path:
    if path.is_file():
        return path
    places = (path / "r" / "run_stilt.r", path / "run_stilt.r", path / "config.yaml")
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        what = (
            "there is neither run_stilt.r nor config.yaml in it" if path.is_dir() else "not there"
        )
        raise InputError(f"{path}: {what}", HINT, code="MOVE_FROM_UNKNOWN")
    return found


def _receptors_only(path: Path) -> Migration:
    """Read receptors from a table; the settings are those of a new project."""
    import yaml

    migration = Migration(
        path, settings=yaml.safe_load(STARTER_CONFIG), receptors=_receptors_of(path)
    )
    migration.note("receptors only: the settings are those of a new project, to be edited")
    return migration


def _receptors_of(path: Path) -> str:
    """Return a table as the text of ``receptors.csv``; one in CSV stays as it is."""
    from stilt.migrate.r_receptors import receptors_csv
    from stilt.migrate.r_tables import read_parquet, read_rds, utf8_text

    suffix = path.suffix.lower()
    if suffix == ".csv":
        return utf8_text(path)
    try:
        return receptors_csv(read_parquet(path) if suffix == ".parquet" else read_rds(path))
    except UnreadableError as error:
        hint = "write the columns time, longitude, latitude, altitude"
        hint = "in R: write.csv(receptors, 'receptors.csv')" if suffix == ".rds" else hint
        raise InputError(f"{path}: {error}", hint, code="MOVE_UNREADABLE") from None
