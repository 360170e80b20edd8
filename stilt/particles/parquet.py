"""Particles on disk: Parquet, with units and the run's provenance as metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.particles.table import ParticleTable

if TYPE_CHECKING:
    from pathlib import Path

_PREFIX = "stilt."


def write_particles(path: Path, table: ParticleTable, *, provenance: dict[str, str]) -> None:
    """Write a table to ``path``; publishing it under its final name is the caller's."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    metadata = {f"{_PREFIX}{key}": value for key, value in provenance.items()}
    data = pa.table(table.columns).replace_schema_metadata(metadata)
    pq.write_table(data, path, compression="zstd")


def read_particles(path: Path) -> ParticleTable:
    """Read a table; whatever is wrong with the file is raised as pyarrow found it."""
    import pyarrow.parquet as pq

    data = pq.read_table(path, partitioning=None, use_threads=False)
    return ParticleTable({name: data[name].to_numpy() for name in data.column_names})


def read_provenance(path: Path) -> dict[str, str]:
    """Return how the particles came to be, without reading them."""
    import pyarrow.parquet as pq

    metadata = pq.read_schema(path).metadata or {}
    return {
        key.decode().removeprefix(_PREFIX): value.decode()
        for key, value in metadata.items()
        if key.decode().startswith(_PREFIX)
    }
