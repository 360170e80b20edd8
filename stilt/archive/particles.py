"""Particle files in archives of form 1: their rows as they are stored, their schema with all it says as ``about``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from stilt.foundations.errors import DamagedError
from stilt.particles.parquet import UNREADABLE, provenance_in, read_stored, restore

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.archive.container import Packed
    from stilt.particles.table import ParticleTable


def table_of(packed: Packed) -> ParticleTable:
    """Return the table, every value and row as it was given to ``write_particles``.

    Raises
    ------
    DamagedError
        If the rows do not fit their schema.
    """
    stored = stored_of(packed)
    try:
        return restore(stored)
    except UNREADABLE as error:
        raise _damaged(error) from error


def stored_of(packed: Packed) -> pa.Table:
    """Return the table as it was written.

    Raises
    ------
    DamagedError
        If the rows do not fit their schema.
    """
    try:
        return packed.rows.cast(schema_of(packed)).combine_chunks()
    except UNREADABLE as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> DamagedError:
    return DamagedError(
        f"particles in an archive do not fit their schema: {error}",
        "stilt verify finds such archives, stilt run remakes what is in them",
        code="ARCHIVE_DAMAGED",
    )


def provenance_of(packed: Packed) -> dict[str, str]:
    """Return what the table was made from."""
    return provenance_in(schema_of(packed))


def schema_of(packed: Packed) -> pa.Schema:
    """Return the schema that the particle file had."""
    return pa.ipc.read_schema(pa.py_buffer(packed.about))


def equal(packed: Packed, path: Path) -> bool:
    """Return whether an archive gives the very rows, bit by bit, and metadata that a particle file has."""
    stored = read_stored(path)
    schema = schema_of(packed)
    return (
        schema.equals(stored.schema, check_metadata=True)
        and packed.rows.column_names == stored.column_names
        and all(
            _bits(ours).equals(_bits(theirs))
            for ours, theirs in zip(packed.rows.columns, stored.columns, strict=True)
        )
    )


def _bits(column: pa.ChunkedArray) -> pa.Array:
    """Return numbers as integers of the same bits, so that NaN equals itself and -0.0 is not 0.0."""
    values = column.combine_chunks()
    return values.view(pa.int64()) if pa.types.is_float64(values.type) else values
