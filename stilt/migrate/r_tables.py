"""Tables of receptors in files: CSV and R's own ``.rds``."""

from __future__ import annotations

import bz2
import csv
import lzma
import zlib
from datetime import UTC, date, datetime
from functools import partial
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from stilt.foundations.errors import InputError
from stilt.foundations.inside import open_input, read_input
from stilt.migrate.r_times import day_of, read_time
from stilt.migrate.r_values import EPOCH, NA, Frame, Time, UnreadableError, Vector, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from stilt.migrate.r_arguments import Given

_ROWS_AT_ONCE = 100

MOST_BYTES = 256 << 20
"""Of a table when it is inflated: a million receptors are 40 MB."""

_COMPRESSED: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ": lambda: lzma.LZMADecompressor(memlimit=256 << 20),
}

RDATA_HINT = (
    "pip install 'stilt-hpc[rds]', or in R: write.csv(readRDS('receptors.rds'), 'receptors.csv')"
)


_OPTIONS = frozenset(
    {"stringsAsFactors", "header", "check.names", "show_col_types", "as.is", "col_names"}
)
_NA = frozenset({"", "NA"})


def read_table(function: str, path: Path, options: Given) -> Frame:
    """Read a table as one of R's functions does."""
    if function in {"readRDS", "read_rds"}:
        return read_rds(path)
    if function == "read_parquet":
        return read_parquet(path)
    for label, value in options:
        if label not in _OPTIONS or (label in {"header", "col_names"} and not truth(value)):
            raise UnreadableError(f"{function} with {label or 'more arguments'}")
    if function == "read.table":
        raise UnreadableError("read.table: columns without commas")
    frame = read_csv(path)
    times = function in {"read_csv", "fread"}
    return Frame({name: _typed(column, times=times) for name, column in frame.columns.items()})


def _typed(column: list[Any], *, times: bool) -> list[Any]:
    """Return a column of texts as numbers, or (``readr`` does it) as times in UTC, where all are such."""
    given = [value for value in column if value not in _NA]
    for convert in (_number, partial(read_time, zone="UTC")) if times else (_number,):
        try:
            read = {value: convert(value) for value in given}
        except (ValueError, UnreadableError):
            continue
        return [NA if value in _NA else read[value] for value in column]
    return [NA if value == "NA" else value for value in column]


def _number(value: str) -> float:
    if not value.strip().lstrip("+-")[:1].isdigit() and not value.strip().lstrip("+-").startswith(
        "."
    ):
        raise ValueError(value)
    return float(value) if any(mark in value for mark in ".eE") else int(value)


def read_parquet(path: Path) -> Frame:
    """Read a table in Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_input(path) as file:
            parts = _bounded(pq.ParquetFile(file).iter_batches(_ROWS_AT_ONCE), path)
            columns = pa.Table.from_batches(parts).to_pydict()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableError(f"{path} is not a readable .parquet file: {error}") from error
    return Frame({name: [_value(item) for item in column] for name, column in columns.items()})


def _bounded(batches: Iterator[pa.RecordBatch], path: Path) -> list[pa.RecordBatch]:
    """Return batches of no more bytes than a table of receptors has: a text that is stored once can be in every row."""
    parts, size = [], 0
    for batch in batches:
        parts.append(batch)
        size += batch.nbytes
        if size > MOST_BYTES:
            raise UnreadableError(f"{path} is more than {MOST_BYTES:,} bytes when it is unpacked")
    return parts


def read_csv(path: Path) -> Frame:
    """Read a table of texts."""
    with TextIOWrapper(open_input(path), encoding="utf-8-sig", newline="") as file:
        try:
            rows = [row for row in csv.reader(file) if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise UnreadableError(f"{path}: {error}") from error
    if not rows:
        raise UnreadableError(f"{path} is empty")
    if any(len(row) != len(rows[0]) for row in rows):
        raise UnreadableError(f"{path}: rows of different length")
    columns = list(zip(*rows[1:], strict=True)) or [() for _ in rows[0]]
    return Frame(
        {name.strip(): list(column) for name, column in zip(rows[0], columns, strict=True)}
    )


def utf8_text(path: Path) -> str:
    """Return a table in CSV as it is.

    Raises
    ------
    InputError
        If it is none, or of more bytes than a table of receptors has.
    """
    try:
        return read_input(path, MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: {error}", "save it as UTF-8", code="FILE_NOT_TEXT") from None


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
            f"{path}: reading .rds files needs the package rdata",
            RDATA_HINT,
            code="PACKAGE_MISSING",
        ) from None
    try:
        data = rdata.conversion.convert(
            rdata.parser.parse_data(
                inflated(path), extension=".rds", altrep_constructor_dict=_bounded_sequences()
            ),
            constructor_dict=_constructors(),
        )
    except UnreadableError:
        raise
    except Exception as error:  # a parser of a binary format: anything may come
        raise UnreadableError(f"{path} is not a readable .rds file: {error}") from error
    if isinstance(data, dict) and "receptor" in data:  # what R-STILT saves with its particles
        data = data["receptor"]
    columns = data.to_dict("list") if hasattr(data, "to_dict") else data
    if not columns or not isinstance(columns, dict):
        raise UnreadableError(f"{path} holds no table")
    return Frame({str(name): _plain(values) for name, values in columns.items()})


def _constructors() -> Mapping[str | bytes, Callable[[Any, Mapping[str, Any]], Any]]:
    """Return what makes values of R's classes: rdata's own, and those of times."""
    import pandas as pd
    from rdata.conversion import DEFAULT_CLASS_MAP

    def times(values: Any, attributes: Any) -> Any:
        zone = attributes.get("tzone")
        name = str(zone[0]) if zone is not None and len(zone) else ""
        return pd.to_datetime(values, unit="s", utc=True).tz_convert(name or "UTC")

    def dates(values: Any, _: Any) -> Any:
        return pd.to_datetime(values, unit="D")

    found: dict[str | bytes, Callable[[Any, Mapping[str, Any]], Any]] = dict(DEFAULT_CLASS_MAP)
    return {**found, "POSIXct": times, "Date": dates}


def inflated(path: Path) -> bytes:
    """Return the bytes of a file that may be compressed, as R saves it.

    Raises
    ------
    UnreadableError
        If they are more than a table of receptors has, or compressed twice.
    """
    data = read_input(path, MOST_BYTES)
    kind = next((kind for magic, kind in _COMPRESSED.items() if data.startswith(magic)), None)
    if kind is None:
        return data
    content: bytes = kind().decompress(data, MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UnreadableError(f"{path} is more than {MOST_BYTES:,} bytes when it is inflated")
    if content.startswith(tuple(_COMPRESSED)):
        raise UnreadableError(f"{path} is compressed twice")
    return content


def _bounded_sequences() -> dict[bytes, Callable[[Any], Any]]:
    """Return how sequences are read that R stores as their length: no more of them than a file may have bytes."""
    from rdata.parser import DEFAULT_ALTREP_MAP

    left = MOST_BYTES // 8

    def bounded(construct: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def constructed(state: Any) -> Any:
            nonlocal left
            left -= int(state.value[0])
            if left < 0:
                raise UnreadableError("a sequence in it is longer than a table of receptors")
            return construct(state)

        return constructed

    return {
        name: bounded(construct) if name.startswith(b"compact_") else construct
        for name, construct in DEFAULT_ALTREP_MAP.items()
    }


def _plain(values: Any) -> list[Any]:
    """Return a column as values of R; one that holds several heights a row keeps them as vectors."""
    zone = str(getattr(getattr(values, "dt", None), "tz", None) or "UTC")
    return [_value(value, zone) for value in values] if hasattr(values, "__iter__") else [values]


def _value(value: Any, zone: str = "UTC") -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return Vector([_value(item, zone) for item in value])
    if value is None or value != value:  # noqa: PLR0124 - NaN and NaT
        return NA
    if isinstance(value, datetime):
        when = value if value.tzinfo else value.replace(tzinfo=UTC)
        return Time((when - EPOCH).total_seconds(), zone)
    if isinstance(value, date):
        return day_of(value)
    return value
