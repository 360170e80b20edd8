"""Particle tables as Parquet files.

Readable as they are, with units in the schema. Small, because rows are ordered by particle (neighbouring values are
alike), numbers are binary fixed point (``fixed_point``), their bytes are split into streams, and
``foot_no_hnf_dilution`` is null where it equals ``foot``. ``read_particles`` undoes all of that.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stilt.foundations.announced import check_announced
from stilt.foundations.errors import DamagedError, InputError
from stilt.foundations.inside import opened
from stilt.particles import fixed_point
from stilt.particles.checksum import checksum
from stilt.particles.columns import COLUMNS
from stilt.particles.table import NOT_KEPT, ParticleTable

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from pathlib import Path

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Order = NDArray[np.intp]

COMPRESSION_LEVEL = 3
PAGE_BYTES = 1 << 24
PREFIX = "stilt."

_BOUNDS_ROWS = "max_rows_per_page" in inspect.signature(pq.write_table).parameters
"""Whether this pyarrow (23 and later) ends a page after 20,000 rows unless told otherwise."""

_VALUE_BYTES = 8

UNREADABLE = (pa.ArrowException, OSError, ValueError, LookupError)
"""What the library raises for a damaged file, and what is then missing or is no text."""

_BEFORE, _AFTER = "foot_no_hnf_dilution", "foot"
_ORDER, _ROWS_AS_GIVEN = "row_order", "as given"
_CHECKSUM = "crc32"
_WHOLE = frozenset({"time", "indx"})


def write_particles(path: Path, table: ParticleTable, *, provenance: dict[str, str]) -> None:
    """Write a table, with what it was made from as the file's metadata.

    Parameters
    ----------
    path
        The file, usually a temporary name: it is written in place.
    table
        Columns of any names; those that STILT knows get their unit and meaning.
    provenance
        Kept under ``stilt.<key>``.
    """
    order_name, order = _storage_order(table)
    fields, arrays = [], []
    for name in table.columns:
        field, array = _stored(table, name, order)
        fields.append(field)
        arrays.append(array)
    stored = pa.table(arrays, schema=pa.schema(fields))
    notes = {**provenance, _ORDER: order_name, _CHECKSUM: checksum(stored, order_name)}
    metadata = {f"{PREFIX}{key}": text for key, text in notes.items()}
    write_stored(path, stored.replace_schema_metadata(metadata))


def write_stored(path: Path, stored: pa.Table) -> None:
    """Write a table as ``read_stored`` reads it."""
    rows = max(1, stored.num_rows)
    pq.write_table(
        stored,
        path,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=False,
        column_encoding={field.name: encoding_of(field.type) for field in stored.schema},
        row_group_size=rows,
        data_page_size=PAGE_BYTES,
        **({"max_rows_per_page": rows} if _BOUNDS_ROWS else {}),
        write_statistics=False,
        write_page_checksum=True,
    )


def read_particles(path: Path, data: bytes | None = None) -> ParticleTable:
    """Read a table back, every value and row as it was given to ``write_particles``; from ``data`` if it is read.

    Raises
    ------
    DamagedError
        If the file is not there as a whole.
    InputError
        If it was to keep no more than what it says of their ends.
    """
    stored = read_stored(path, data)
    if NOT_KEPT in provenance_in(stored.schema):
        raise InputError(
            f"of the particles in {path} only their ends were kept",
            "'keep: {particles: all}' in config.yaml, then 'stilt run --no-skip', keeps them",
            code="PARTICLES_NOT_KEPT",
        )
    try:
        return restore(stored)
    except UNREADABLE as error:
        raise _damaged(path, error) from error


def read_stored(path: Path, data: bytes | None = None) -> pa.Table:
    """Read a table as it is written, for ``restore``; ``data`` are the bytes of its file, where they are read.

    Raises
    ------
    DamagedError
        If the file is not there as a whole.
    """
    try:
        with (
            opened(path) as place,
            pq.ParquetFile(_source(place, data), page_checksum_verification=True) as file,
        ):
            check_rows(path, file.metadata.num_rows, file.schema_arrow, place)
            return file.read(use_threads=False)
    except UNREADABLE as error:
        raise _damaged(path, error) from error


def check_rows(
    path: Path, rows: int, schema: pa.Schema, place: Path, texts: Container[str] = ()
) -> None:
    """Refuse a file, opened by the path ``place``, that announces more rows than it can have, or more than numbers.

    A text that is stored once can be that of every row: whoever names ``texts`` reads them one by one.

    Raises
    ------
    DamagedError, EnvironmentFailure
        As ``stilt.foundations.announced``.
    """
    known = (field for field in schema if field.name not in texts)
    odd = [field.name for field in known if not pa.types.is_primitive(field.type)]
    if odd:
        raise _damaged(path, ValueError(f"its column {odd[0]} is none of numbers"))
    check_announced(path, max(rows, 0) * len(schema) * _VALUE_BYTES, place)


def restore(stored: pa.Table) -> ParticleTable:
    """Return the table that ``write_particles`` was given, from what it wrote.

    Raises
    ------
    ValueError, LookupError, pyarrow.ArrowException
        If it is not what was written.
    """
    order_name, expected = (_note(stored.schema, key) for key in (_ORDER, _CHECKSUM))
    if checksum(stored, order_name) != expected:
        raise ValueError("its numbers are not those that were written")
    columns = {field.name: _restored(field, stored.column(field.name)) for field in stored.schema}
    if _BEFORE in columns:
        before = columns[_BEFORE]
        columns[_BEFORE] = np.where(stored.column(_BEFORE).is_null(), columns[_AFTER], before)
    if order_name not in _ORDERS:
        return ParticleTable(columns)
    order = _ORDERS[order_name](columns["time"])
    return ParticleTable({name: values[order] for name, values in columns.items()})


def read_provenance(path: Path, data: bytes | None = None) -> dict[str, str]:
    """Read what a table was made from, without reading the table.

    Raises
    ------
    DamagedError
        If the file is not there as a whole.
    """
    schema = read_schema(path, data)
    try:
        return provenance_in(schema)
    except UNREADABLE as error:
        raise _damaged(path, error) from error


def read_schema(path: Path, data: bytes | None = None) -> pa.Schema:
    """Read the columns of a table as it is written, with what it was made from.

    Raises
    ------
    DamagedError
        If the file is not there as a whole.
    """
    try:
        with opened(path) as place:
            return pq.read_schema(_source(place, data))
    except UNREADABLE as error:
        raise _damaged(path, error) from error


def _source(place: Path, data: bytes | None) -> Path | pa.BufferReader:
    return place if data is None else pa.BufferReader(data)


def provenance_in(schema: pa.Schema) -> dict[str, str]:
    """Return what a table was made from, as its schema says."""
    metadata = schema.metadata or {}
    texts = {
        key.decode(errors="replace"): text.decode(errors="replace")
        for key, text in metadata.items()
    }
    return {
        key.removeprefix(PREFIX): text
        for key, text in texts.items()
        if key.startswith(PREFIX) and key.removeprefix(PREFIX) not in {_ORDER, _CHECKSUM}
    }


def _note(schema: pa.Schema, key: str) -> str:
    noted: bytes = (schema.metadata or {}).get(f"{PREFIX}{key}".encode(), b"")
    return noted.decode()


def encoding_of(kind: pa.DataType) -> str:
    """Return the Parquet encoding of a column."""
    return "BYTE_STREAM_SPLIT" if pa.types.is_floating(kind) else "DELTA_BINARY_PACKED"


def _damaged(path: Path, error: Exception) -> DamagedError:
    why = "is missing" if isinstance(error, FileNotFoundError) else f"can't be read: {_line(error)}"
    return DamagedError(
        f"the particle file {path} {why}",
        "'stilt verify', then 'stilt run', makes it again",
        code="PARTICLES_DAMAGED",
    )


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _outward(time: Values) -> Order:
    """Order rows by distance in time, and by particle within it, as hycs_std writes them."""
    return np.argsort(_small(np.abs(time)), kind="stable")


def _descending(time: Values) -> Order:
    """Order rows by descending time: a forward run after the hyper-near-field correction."""
    return np.argsort(_small(-time), kind="stable")


_ORDERS: dict[str, Callable[[Values], Order]] = {
    "outward in time": _outward,
    "descending time": _descending,
}
"""From rows ordered by particle back to an engine's order."""


def _storage_order(table: ParticleTable) -> tuple[str, Order]:
    """Return an order by particle that can be undone, and the name of what undoes it."""
    as_given = np.arange(len(table))
    if not table.columns.keys() >= _WHOLE or not all(_is_whole(table[name]) for name in _WHOLE):
        return _ROWS_AS_GIVEN, as_given
    by_particle = np.argsort(_small(table["indx"]), kind="stable")
    for name, restore in _ORDERS.items():
        if np.array_equal(by_particle[restore(table["time"][by_particle])], as_given):
            return name, by_particle
    return _ROWS_AS_GIVEN, as_given


def _small(values: Values) -> NDArray[np.integer]:
    """Return whole numbers in 16 bits where they fit: those are sorted in linear time."""
    fits = len(values) == 0 or float(np.abs(values).max()) < np.iinfo(np.int16).max
    return values.astype(np.int16 if fits else np.int64)


def _stored(table: ParticleTable, name: str, order: Order) -> tuple[pa.Field, pa.Array]:
    """Return a column as it is written, and its entry in the schema."""
    values = table[name][order]
    known = COLUMNS.get(name)
    notes = {} if known is None else {"units": known.units, "long_name": known.long_name}
    nulls = None
    if name == _BEFORE and _AFTER in table.columns:
        nulls = values == table[_AFTER][order]
        notes["null"] = f"as {_AFTER}"
    if name in _WHOLE and _is_whole(values):
        return _field(name, pa.int32(), notes), pa.array(values.astype(np.int32))
    encoded = None if known is None else fixed_point.encode(values, known.decimals)
    if known is not None and encoded is not None:
        notes["decimals"] = str(known.decimals)
        values = encoded
    return _field(name, pa.float64(), notes), pa.array(values, mask=nulls)


def _field(name: str, kind: pa.DataType, notes: dict[str, str]) -> pa.Field:
    return pa.field(name, kind, metadata=notes or None)


def _restored(field: pa.Field, stored: pa.ChunkedArray) -> Values:
    values: Values = stored.to_numpy().astype(np.float64)
    decimals = (field.metadata or {}).get(b"decimals")
    return values if decimals is None else fixed_point.decode(values, int(decimals))


def _is_whole(values: Values) -> bool:
    return bool(np.all(values == np.rint(values)) and np.all(np.abs(values) < 2**31))
